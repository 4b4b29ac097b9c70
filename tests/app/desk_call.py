"""An observer who listens on a call: aiortc with our jitter buffer, asked for over the desk's socket."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import av
import numpy as np
from aiortc import RTCPeerConnection, RTCSessionDescription
from av.audio.codeccontext import AudioCodecContext

from bench.replay.webrtc_call import configured
from server.rtc.jitter import AudioJitterBuffer, Ordered
from server.rtc.opus import OPUS_HZ
from tests.app.desk import Follower


class DeskEar:
    """The call of a follower; keeps each packet, and the voices that it decodes to, with the time when it came."""

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.packets: list[bytes] = []
        self.heard: list[tuple[float, np.ndarray]] = []
        decoder = av.CodecContext.create("libopus", "r")
        assert isinstance(decoder, AudioCodecContext)
        decoder.format, decoder.layout, decoder.sample_rate = av.AudioFormat("s16"), av.AudioLayout("stereo"), OPUS_HZ
        self._decoder = decoder
        self._pc = RTCPeerConnection(configured())
        transceiver = self._pc.addTransceiver("audio", "recvonly")
        AudioJitterBuffer(self._arrived).install(transceiver.receiver)

    @property
    def voices(self) -> np.ndarray:
        """All that was heard, int16 (n, 2) at 48 kHz."""
        return np.concatenate([np.zeros((1, 2), dtype=np.int16), *(samples for _, samples in self.heard)])

    async def offer(self) -> str:
        """Return an offer to listen."""
        await self._pc.setLocalDescription()
        return self._pc.localDescription.sdp

    async def call(self) -> None:
        """Offer to listen, and take the answer."""
        before = len(self.answers)
        await self.follower.socket.send(json.dumps({"type": "interlocutor.desk.call", "sdp": await self.offer()}))
        while len(self.answers) == before:  # noqa: ASYNC110 - the follower tells nobody
            await asyncio.sleep(0.005)
        await self._pc.setRemoteDescription(RTCSessionDescription(self.answers[-1], "answer"))

    @property
    def answers(self) -> list[str]:
        """The answers that came."""
        return [one["sdp"] for one in self.follower.told if one["type"] == "interlocutor.desk.answer"]

    async def close(self) -> None:
        """Let go of everything without a word."""
        await self._pc.close()

    def _arrived(self, packet: Ordered) -> None:
        self.packets.append(packet.payload)
        frames = self._decoder.decode(av.Packet(packet.payload))
        for frame in frames:
            self.heard.append((time.perf_counter(), frame.to_ndarray().reshape(-1, 2)))


@asynccontextmanager
async def listening(follower: Follower) -> AsyncIterator[DeskEar]:
    """Listen on a call."""
    ear = DeskEar(follower)
    try:
        await ear.call()
        yield ear
    finally:
        await ear.close()
