"""A plain client of the realtime protocol on a call, with the same face as the one on a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
from aiortc import RTCConfiguration

from audio.frames import FRAME_MS, WIRE_HZ, Pcm, samples_for, silence
from bench.replay.remote import Reserved, joining, reserve
from bench.replay.webrtc_call import DIRECT, ClientCall, RelayedWay
from tests.app.process import ServerProcess
from tests.app.wire import CARD, Wire

PATIENCE_S = 60.0
FRAME_SAMPLES = samples_for(FRAME_MS, WIRE_HZ)
# This and more, of 32768, is the patient and not the noise of coding silence.
LOUD = 500


class CallSocket(ClientCall):
    """A call that looks like a WebSocket's client connection to `Wire`; and the audio both ways."""

    def __init__(self, ice: RTCConfiguration | None = None) -> None:
        self._messages: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        super().__init__(hear=self._hear, take=self._messages.put_nowait, ice=ice)
        self.close_code: int | None = None
        self.heard: list[Pcm] = []
        self.loud = asyncio.Event()
        self.channel.on("close", self._closed)

    def _hear(self, samples: Pcm) -> None:
        self.heard.append(samples)
        if len(samples) and int(np.abs(samples).max()) > LOUD:
            self.loud.set()

    def _closed(self) -> None:
        self.close_code = 1005
        self._messages.put_nowait(None)

    # -------------------------------------------------------------- what Wire needs

    async def send(self, text: str) -> None:
        """Send a message."""
        self.put(text)

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Yield messages until the channel is closed."""
        while (message := await self._messages.get()) is not None:
            yield message


class CallWire(Wire):
    """A call whose messages are kept as those of a WebSocket are; audio goes by the track."""

    first_audio = "output_audio_buffer.started"

    def __init__(self, socket: CallSocket) -> None:
        super().__init__(socket)  # type: ignore[arg-type]  # it has what a Wire uses
        self.call = socket

    async def append(self, samples: Pcm) -> None:
        """Send audio, cut into packets, at once."""
        for at in range(0, len(samples), FRAME_SAMPLES):
            frame = samples[at : at + FRAME_SAMPLES]
            self.call.microphone.put(np.concatenate((frame, silence(FRAME_MS, WIRE_HZ)[len(frame) :])))

    async def end(self) -> int:
        """End the role-play; a data channel has no close code, so 1000 says that its end was told before it closed."""
        code = await super().end()
        return 1000 if self.of("interlocutor.session.ended") else code

    async def drop(self) -> None:
        """Let go of everything without a goodbye."""
        tasks = [task for task in (self._microphone, self._reader) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.call.close()


@asynccontextmanager
async def calling(
    reserved: Reserved, *, way: RelayedWay = DIRECT, ice: RTCConfiguration | None = None
) -> AsyncIterator[CallWire]:
    """Call a reserved session as its candidate; the microphone is silent until it is told."""
    socket = CallSocket(ice)
    try:
        headers = await joining(reserved)
        await socket.connect(reserved.base_url, headers, within_s=PATIENCE_S, way=way)
    except BaseException:
        await socket.close()
        raise
    wire = CallWire(socket)
    try:
        await wire.until("session.created")
        yield wire
    finally:
        with contextlib.suppress(Exception):
            await wire.drop()


@asynccontextmanager
async def called(server: ServerProcess, card: str = CARD, mode: str = "practice") -> AsyncIterator[CallWire]:
    """Reserve a session and call it as its candidate."""
    async with calling(await reserve(server.url, card, mode)) as wire:
        yield wire


def now_ms() -> float:
    """Return a monotonic time."""
    return time.monotonic() * 1000.0
