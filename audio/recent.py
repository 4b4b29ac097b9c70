"""The last seconds of a stream, for whoever wants to hear them again."""

from __future__ import annotations

import numpy as np

from audio.frames import Pcm, samples_for


class RecentAudio:
    """Keeps the newest int16 mono of a stream at one rate, a fixed number of milliseconds of it."""

    def __init__(self, *, rate_hz: int, length_ms: float) -> None:
        self._rate_hz = rate_hz
        self._ring: Pcm = np.zeros(samples_for(length_ms, rate_hz), dtype=np.int16)
        self._written = 0
        self._end_ms = 0.0

    def append(self, samples: Pcm, end_ms: float) -> None:
        """Keep what ends at that media time; it follows what was appended before."""
        size = len(self._ring)
        newest = samples[-size:]
        start = (self._written + len(samples) - len(newest)) % size
        first = min(len(newest), size - start)
        self._ring[start : start + first] = newest[:first]
        self._ring[: len(newest) - first] = newest[first:]
        self._written += len(samples)
        self._end_ms = end_ms

    def since(self, from_ms: float) -> Pcm:
        """Return a copy of what is kept from that media time on, int16 (n,)."""
        wanted = samples_for(max(self._end_ms - from_ms, 0.0), self._rate_hz)
        size = len(self._ring)
        length = min(wanted, size, self._written)
        places = np.arange(self._written - length, self._written) % size
        kept: Pcm = self._ring[places]
        return kept
