"""A link to a session on a server over WebRTC, with aiortc as the client.

The patient's sound comes as one stream that names no reply: what comes while a reply is under way is that reply's.
As in a browser it waits in a small buffer before it is heard, and the server alone pauses, moves and clears it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from audio.errors import AppError, ProtocolError
from audio.frames import WIRE_HZ, Pcm
from server.replay.link import Listener, Over, ReplyBegan, ReplyOver, Sound, Timing
from server.replay.remote import TIMEOUT_S, Reserved, told_of
from server.rtc.channel import LABEL
from server.rtc.inbound import InboundSound
from server.rtc.jitter import AudioJitterBuffer
from server.rtc.opus import OpusEncoder, OpusPacket

BUFFER_MS = 40.0  # what arrives is heard so much later, as in a browser on a good network
AUDIBLE = 64  # of 32768; sound from before its reply was announced waits for that, silence does not
MOST_EARLY = 10  # frames


class Microphone(MediaStreamTrack):
    """A track of the frames that it is given, one packet for each."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames: asyncio.Queue[Pcm] = asyncio.Queue()
        self._encoder = OpusEncoder()
        self._number = 0

    def put(self, samples: Pcm) -> None:
        """Queue 20 ms of int16 mono at 24 kHz."""
        self._frames.put_nowait(samples)

    async def recv(self) -> OpusPacket:
        """Return the next packet once there is one."""
        while self.readyState == "live":
            packet = self._encoder.encode(await self._frames.get(), self._number)
            self._number += 1
            if packet is not None:
                return packet
        raise MediaStreamError


class RtcLink:
    """A client of the realtime protocol on a call; open it with `RtcLink.open`."""

    def __init__(self) -> None:
        self.bytes_received = 0  # of messages; sound is counted by `packets`
        self.keep: list[str] | None = None  # a list here keeps every message as received
        self.location = ""
        self.jitter = AudioJitterBuffer(lambda packet: self._inbound.take(packet))
        self._tell: Listener = lambda _told: None
        self._inbound = InboundSound(rate_hz=lambda: WIRE_HZ, hear=self._arrived, missing_ms=lambda: 0.0)
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._microphone = Microphone()
        transceiver = self._pc.addTransceiver(self._microphone, "sendrecv")
        self.jitter.install(transceiver.receiver)
        self._channel: RTCDataChannel = self._pc.createDataChannel(LABEL)
        self._opened = asyncio.Event()
        self._closed = asyncio.Event()
        self._channel.on("open", self._opened.set)
        self._channel.on("message", self._received)
        self._channel.on("close", self._gone)
        self._reply: int | None = None
        self._early: deque[Pcm] = deque(maxlen=MOST_EARLY)
        self._buffered: deque[tuple[int, Pcm]] = deque()
        self._playing: int | None = None
        self._timing: Timing | None = None
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    async def open(cls, reserved: Reserved, *, through: Callable[[str], str] = lambda answer: answer) -> Self:
        """Call a reserved session; raises AppError. `through` may change the server's answer, to go by a relay."""
        link = cls()
        try:
            await link._connect(reserved, through)
        except BaseException:
            await link.drop()
            raise
        link.send_message("interlocutor.client.configure", playout_acks=True, echo_cancellation=True)
        return link

    async def _connect(self, reserved: Reserved, through: Callable[[str], str]) -> None:
        await self._pc.setLocalDescription()
        offer = self._pc.localDescription.sdp
        url = f"{reserved.base_url.rstrip('/')}/v1/realtime/calls"
        answer, self.location = await post_offer(url, offer, reserved.token)
        await self._pc.setRemoteDescription(RTCSessionDescription(through(answer), "answer"))
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._opened.wait()
        except TimeoutError:
            raise ProtocolError(
                "the call did not connect; are the server's UDP ports open?", code="replay.server"
            ) from None

    def listen(self, listener: Listener) -> None:
        """Tell this listener from now on."""
        self._tell = listener

    def send(self, samples: Pcm) -> None:
        """Send 20 ms of int16 mono at 24 kHz."""
        self._microphone.put(samples)

    def acknowledge(self, reply: int, played_ms: float) -> None:
        """Say nothing: the server knows what it has sent."""

    def send_message(self, kind: str, **fields: Any) -> None:
        """Send any message."""
        if self._channel.readyState == "open":
            self._channel.send(json.dumps({"type": kind, **fields}))

    async def close(self) -> None:
        """End the session and wait for the server to close the call."""
        self.send_message("interlocutor.session.end")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TIMEOUT_S):
                await self._closed.wait()
        await self.drop()

    async def drop(self) -> None:
        """Let go of everything without a word."""
        if self._timer is not None:
            self._timer.cancel()
        self._microphone.stop()
        await self._pc.close()
        self._inbound.close()

    # -------------------------------------------------------------- what comes

    def _gone(self) -> None:
        if not self._closed.is_set():
            self._closed.set()
            self._tell(Over("closed"))

    def _received(self, message: str | bytes) -> None:
        text = message if isinstance(message, str) else message.decode()
        self.bytes_received += len(text)
        if self.keep is not None:
            self.keep.append(text)
        told = told_of(json.loads(text))
        if isinstance(told, ReplyBegan):
            self._reply = told.reply
        elif isinstance(told, Timing):  # it comes before the sound that it is about
            self._timing = told
            return
        elif isinstance(told, ReplyOver) and self._timing is not None:
            self._tell(self._timing)
            self._timing = None
        if told is not None:
            self._tell(told)
        if isinstance(told, ReplyBegan):
            while self._early:
                self._hear(told.reply, self._early.popleft())
        elif isinstance(told, ReplyOver):
            self._reply = None

    def _arrived(self, samples: Pcm) -> None:
        if self._reply is not None:
            self._hear(self._reply, samples)
        elif len(samples) and int(np.abs(samples).max()) > AUDIBLE:
            self._early.append(samples)

    def _hear(self, reply: int, samples: Pcm) -> None:
        """Hand a reply's sound on: the first after the buffer's time, so that the rest may be late by as much."""
        if self._playing == reply:
            self._tell(Sound(reply, samples))
            return
        self._buffered.append((reply, samples))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BUFFER_MS / 1000.0, self._play)

    def _play(self) -> None:
        self._timer = None
        while self._buffered:
            reply, samples = self._buffered.popleft()
            self._playing = reply
            self._tell(Sound(reply, samples))


async def post_offer(url: str, offer: str, token: str, *, method: str = "POST") -> tuple[str, str]:
    """Send an SDP offer; return the answer and the call's address. Raises AppError with the server's own words."""
    headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}

    def call() -> tuple[str, str]:
        request = urllib.request.Request(url, data=offer.encode(), headers=headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
            return response.read().decode(), response.headers.get("Location", "")

    try:
        return await asyncio.to_thread(call)
    except urllib.error.HTTPError as error:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            told = json.loads(error.read())["error"]
            raise AppError(f"the server refused: {told['message']}", code=str(told["code"])) from None
        raise ProtocolError(f"the server answered {error.code}", code="replay.server") from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise ProtocolError(f"no server answers at {url} ({reason}); is it running?", code="replay.server") from None
