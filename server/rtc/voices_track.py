"""Both voices for those who listen on a call: each 20 ms encoded once, and the same packet for every listener."""

from __future__ import annotations

import asyncio
from collections import deque

import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from audio.frames import FRAME_MS, WIRE_HZ, samples_for
from audio.timeline_mixer import Stereo
from server.rtc.opus import OpusEncoder, OpusPacket

FRAME_SAMPLES = samples_for(FRAME_MS, WIRE_HZ)
# A second: whoever has not taken it by then hears the rest of it too late.
MOST_WAITING = 50


class VoicesTrack(MediaStreamTrack):
    """One listener's track; it hands on packets that are ready, so aiortc only packs."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._packets: deque[OpusPacket] = deque(maxlen=MOST_WAITING)
        self._there = asyncio.Event()

    def put(self, packet: OpusPacket) -> None:
        """Take the next packet; the oldest that waits makes room."""
        self._packets.append(packet)
        self._there.set()

    def stop(self) -> None:
        """End the track, and whoever waits for it."""
        super().stop()
        self._there.set()

    async def recv(self) -> OpusPacket:
        """Return the next packet."""
        while self.readyState == "live":
            if self._packets:
                return self._packets.popleft()
            self._there.clear()
            await self._there.wait()
        raise MediaStreamError


class VoicesBroadcast:
    """Encodes pieces of the timeline, int16 (n, 2) at 24 kHz, for as many tracks as there are."""

    def __init__(self) -> None:
        self.tracks: list[VoicesTrack] = []
        self._encoder = OpusEncoder(channels=2)
        self._rest: Stereo = np.zeros((0, 2), dtype=np.int16)
        self._number = 0

    def put(self, stereo: Stereo) -> None:
        """Encode the next piece, and give it to every track."""
        whole = np.concatenate((self._rest, stereo))
        frames = len(whole) // FRAME_SAMPLES
        for frame in range(frames):
            packet = self._encoder.encode(whole[frame * FRAME_SAMPLES : (frame + 1) * FRAME_SAMPLES], self._number)
            self._number += 1
            if packet is not None:
                for track in self.tracks:
                    track.put(packet)
        self._rest = whole[frames * FRAME_SAMPLES :]
