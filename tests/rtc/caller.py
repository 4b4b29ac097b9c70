"""A plain client of the realtime protocol on a call, with the same face as the one on a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription

from audio.frames import FRAME_MS, WIRE_HZ, Pcm, samples_for, silence
from server.replay.remote import Reserved
from server.replay.webrtc import Microphone, post_offer
from server.rtc.channel import LABEL
from server.rtc.inbound import InboundSound
from server.rtc.jitter import AudioJitterBuffer
from tests.app.wire import Wire

PATIENCE_S = 20.0
FRAME_SAMPLES = samples_for(FRAME_MS, WIRE_HZ)
LOUD = 500  # of 32768: the patient, not the noise of coding silence

Change = Callable[[str], Awaitable[str]]


async def unchanged(sdp: str) -> str:
    """Leave an SDP as it is."""
    return sdp


class CallSocket:
    """A call that looks like a WebSocket's client connection to `Wire`; and the sound both ways."""

    def __init__(self) -> None:
        self.close_code: int | None = None
        self.location = ""
        self.heard: list[Pcm] = []
        self.loud = asyncio.Event()
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.microphone = Microphone()
        transceiver = self.pc.addTransceiver(self.microphone, "sendrecv")
        self.jitter = AudioJitterBuffer(lambda packet: self.inbound.take(packet))
        self.jitter.install(transceiver.receiver)
        self.inbound = InboundSound(rate_hz=lambda: WIRE_HZ, hear=self._hear, missing_ms=lambda: 0.0)
        self.channel: RTCDataChannel = self.pc.createDataChannel(LABEL)
        self.opened = asyncio.Event()
        self._messages: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self.channel.on("open", self.opened.set)
        self.channel.on("message", self._messages.put_nowait)
        self.channel.on("close", self._closed)

    async def call(
        self, base_url: str, token: str, *, change_offer: Change = unchanged, change_answer: Change = unchanged
    ) -> None:
        """Call the server; returns once messages can be sent."""
        await self.offer(base_url, token, change_offer=change_offer, change_answer=change_answer)
        async with asyncio.timeout(PATIENCE_S):
            await self.opened.wait()

    async def offer(
        self, base_url: str, token: str, *, change_offer: Change = unchanged, change_answer: Change = unchanged
    ) -> None:
        """Make the offer and take the answer."""
        await self.pc.setLocalDescription()
        offer = await change_offer(self.pc.localDescription.sdp)
        answer, self.location = await post_offer(f"{base_url}/v1/realtime/calls", offer, token)
        await self.pc.setRemoteDescription(RTCSessionDescription(await change_answer(answer), "answer"))

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
        if self.channel.readyState == "open":
            self.channel.send(text)

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Yield messages until the channel is closed."""
        while (message := await self._messages.get()) is not None:
            yield message

    async def leave(self) -> None:
        """Let go of everything."""
        self.microphone.stop()
        await self.pc.close()
        self.inbound.close()


class CallWire(Wire):
    """A call whose messages are kept as those of a WebSocket are; sound goes by the track."""

    first_sound = "output_audio_buffer.started"

    def __init__(self, socket: CallSocket) -> None:
        super().__init__(socket)  # type: ignore[arg-type]  # it has what a Wire uses
        self.call = socket

    async def append(self, samples: Pcm) -> None:
        """Send sound, cut into packets, at once."""
        for at in range(0, len(samples), FRAME_SAMPLES):
            frame = samples[at : at + FRAME_SAMPLES]
            self.call.microphone.put(np.concatenate((frame, silence(FRAME_MS, WIRE_HZ)[len(frame) :])))

    async def drop(self) -> None:
        """Let go of everything without a goodbye."""
        tasks = [task for task in (self._microphone, self._reader) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.call.leave()


@asynccontextmanager
async def calling(reserved: Reserved, **options: Any) -> AsyncIterator[CallWire]:
    """Call a reserved session as its candidate; the microphone is silent until it is told."""
    socket = CallSocket()
    try:
        await socket.call(reserved.base_url, reserved.token, **options)
    except BaseException:
        await socket.leave()
        raise
    wire = CallWire(socket)
    try:
        await wire.until("session.created")
        yield wire
    finally:
        with contextlib.suppress(Exception):
            await wire.drop()


def now_ms() -> float:
    """Return a monotonic time."""
    return time.monotonic() * 1000.0
