"""The data channel `oai-events` as a channel of messages, as a WebSocket is one."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from aiortc import RTCDataChannel

from server.wire.channel import ChannelClosed

LABEL = "oai-events"
# Beyond so much that is unsent, senders wait: captions of a second have about 2 KiB.
HIGH_BYTES = 65_536
LOW_BYTES = 16_384
# Where so many messages were taken and not yet read, the reader has stopped, or somebody floods it.
MOST_WAITING = 1_000
# What is queued has so long to leave before the channel is closed.
CLOSE_S = 1.0
GONE = 1006


class DataChannel:
    """A channel over a data channel that comes later, or never; what is sent before waits."""

    transport = "webrtc"

    def __init__(self, *, hang_up: Callable[[], None]) -> None:
        self._hang_up = hang_up
        self._channel: RTCDataChannel | None = None
        self._messages: deque[str | bytes] = deque()
        self._wake = asyncio.Event()  # a reader's
        self._ready = asyncio.Event()  # a sender's: open, with room, or closed
        self._closed: int | None = None

    def open(self, channel: RTCDataChannel) -> None:
        """Take the peer's channel; one of another name, or a second one, is closed."""
        if channel.label != LABEL or self._channel is not None or self._closed is not None:
            channel.close()
            return
        self._channel = channel
        channel.bufferedAmountLowThreshold = LOW_BYTES
        channel.on("message", self._received)
        channel.on("bufferedamountlow", self._ready.set)
        channel.on("close", self.lost)
        self._ready.set()

    def put_first(self, text: str) -> None:
        """Have a message read before all that the peer sends: it came with the offer."""
        self._messages.append(text)

    async def opened(self) -> bool:
        """Wait for the peer's channel; return whether it came before the call was lost."""
        await self._ready.wait()
        return self._channel is not None and self._closed is None

    def lost(self, code: int = GONE) -> None:
        """The channel, or the call with it, is gone."""
        if self._closed is None:
            self._closed = code
            self._wake.set()
            self._ready.set()

    def _received(self, message: str | bytes) -> None:
        if self._closed is not None:
            return
        if len(self._messages) >= MOST_WAITING:
            self.abort()
            return
        self._messages.append(message)
        self._wake.set()

    async def send_text(self, text: str) -> None:
        """Send a message; waits until the channel is open and has room. Raises ChannelClosed."""
        while True:
            await self._ready.wait()
            if self._closed is not None or self._channel is None:
                raise ChannelClosed(self._closed or GONE)
            if self._channel.readyState != "open":
                self.lost()
            elif self._channel.bufferedAmount >= HIGH_BYTES:
                self._ready.clear()
            else:
                self._channel.send(text)
                return

    async def send_bytes(self, data: bytes) -> None:
        """Refuse: a call's audio leaves by its track, so no message is binary."""
        raise NotImplementedError

    async def receive_message(self) -> str | bytes:
        """Return the next message; raises ChannelClosed."""
        while not self._messages:
            if self._closed is not None:
                raise ChannelClosed(self._closed)
            self._wake.clear()
            await self._wake.wait()
        return self._messages.popleft()

    async def close(self, code: int, reason: str) -> None:
        """Let what is queued leave, then close the channel and the call; a data channel carries no code."""
        del reason
        if self._channel is not None and self._closed is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    await self._sent()
            with contextlib.suppress(Exception):  # the association may be gone; so is the channel then
                self._channel.close()
        self.lost(code)
        self._hang_up()

    async def _sent(self) -> None:
        """Wait until all was handed to the network."""
        assert self._channel is not None  # noqa: S101 - asked before
        self._channel.bufferedAmountLowThreshold = 0
        while self._channel.bufferedAmount > 0 and self._closed is None:
            self._ready.clear()
            await self._ready.wait()

    def abort(self) -> None:
        """Drop the call at once."""
        self.lost()
        self._hang_up()
