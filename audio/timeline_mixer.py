"""Both voices on one media timeline, in memory, until they are written."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio.frames import WIRE_HZ, Pcm, samples_for
from common.errors import AudioError

Stereo = NDArray[np.int16]
"""int16 (n, 2): candidate, patient."""

# Playout is paced well below a second ahead; this also holds a whole reply.
AHEAD_MS = 15_000
FADE_MS = 10.0
# A disk that stalls longer loses audio, never the session's memory.
UNREAD_MS = 15_000


class TimelineMixer:
    """Places both voices on one timeline, in memory of a fixed size: 24 kHz, about 3 MB.

    The candidate's audio is the clock: what is appended moves media time on. The patient's is placed at media times,
    also ahead of it, and can be cut. What was taken is past. Not thread-safe.
    """

    def __init__(self, *, ahead_ms: float = AHEAD_MS, unread_ms: float = UNREAD_MS, rate_hz: int = WIRE_HZ) -> None:
        self.rate_hz = rate_hz
        self._ahead = samples_for(ahead_ms, rate_hz)
        self._unread = samples_for(unread_ms, rate_hz)
        self._fade = samples_for(FADE_MS, rate_hz)
        self._ring: Stereo = np.zeros((self._ahead + self._unread, 2), dtype=np.int16)
        self._taken = 0  # samples handed out
        # This counts up to the first sample that is still in the ring, which is later than `_taken` where audio was
        # lost.
        self._kept_from = 0
        self._now = 0  # samples of the candidate so far
        self._lost = 0

    @property
    def now_ms(self) -> float:
        """Media time: the end of the candidate's audio."""
        return 1000.0 * self._now / self.rate_hz

    @property
    def lost_ms(self) -> float:
        """How much was overwritten by silence because nobody took it in time."""
        return 1000.0 * self._lost / self.rate_hz

    def candidate(self, samples: Pcm) -> None:
        """Append int16 (n,) at 24 kHz."""
        for start in range(0, len(samples), self._unread):
            piece = samples[start : start + self._unread]
            self._make_room(self._now + len(piece))
            self._write(self._now, 0, piece)
            self._now += len(piece)

    def patient(self, at_ms: float, samples: Pcm) -> None:
        """Place int16 (n,) at 24 kHz at media time `at_ms`, over what was there; what comes too late is left out.

        Raises AudioError when it ends further ahead than the mixer holds.
        """
        start = samples_for(at_ms, self.rate_hz)
        if start + len(samples) > self._now + self._ahead:
            raise AudioError(
                f"patient sound up to {at_ms + 1000 * len(samples) / self.rate_hz:.0f} ms is too far ahead of "
                f"{self.now_ms:.0f} ms; place it when it is sent",
                code="audio.too_far_ahead",
            )
        skipped = max(0, self._kept_from - start)
        self._write(start + skipped, 1, samples[skipped:])

    def patient_cut(self, at_ms: float) -> None:
        """Fade the patient out within 10 ms from media time `at_ms` on, as when the candidate interrupts."""
        start = max(samples_for(at_ms, self.rate_hz), self._kept_from)
        end = self._now + self._ahead
        if start < end:
            # A cut in the middle of a wave is a click.
            ramp = falling(min(self._fade, end - start))
            faded = np.zeros(end - start, dtype=np.int16)
            faded[: len(ramp)] = self._ring[np.arange(start, start + len(ramp)) % len(self._ring), 1] * ramp
            self._write(start, 1, faded)

    def late(self, start: int, samples: Pcm) -> Pcm:
        """Put candidate's audio, int16 (n,) at 24 kHz, where nothing had come, at sample `start` of the timeline.

        Returns its beginning that was taken already; that is for whoever took it.
        """
        taken = samples[: max(0, self._taken - start)]
        first = max(start, self._kept_from)  # between the two lies what was lost, as nobody took it
        self._write(first, 0, samples[first - start : max(first, self._now) - start])
        return taken

    def peek_stereo(self, start: int) -> tuple[int, Stereo]:
        """Return what there is from sample `start` on, int16 (n, 2), and where it begins; taking it is left to others.

        What was taken already is not there any more.
        """
        start = max(start, self._kept_from)
        return start, self._ring[np.arange(start, max(start, self._now)) % len(self._ring)]

    def take_stereo(self, until_ms: float) -> Stereo:
        """Return what was not yet taken up to `until_ms`, int16 (n, 2); never beyond the candidate's audio."""
        end = min(samples_for(until_ms, self.rate_hz), self._now)
        if end <= self._taken:
            return np.zeros((0, 2), dtype=np.int16)
        out = np.zeros((end - self._taken, 2), dtype=np.int16)
        if end > self._kept_from:
            places = np.arange(self._kept_from, end) % len(self._ring)
            out[self._kept_from - self._taken :] = self._ring[places]
            self._ring[places] = 0
            self._kept_from = end
        self._taken = end
        return out

    def _make_room(self, now: int) -> None:
        """Give up the oldest audio that nobody took, so that the ring has room up to `now` and ahead of it."""
        overdue = now - self._unread - self._kept_from
        if overdue > 0:
            self._ring[np.arange(self._kept_from, self._kept_from + overdue) % len(self._ring)] = 0
            self._kept_from += overdue
            self._lost += overdue

    def _write(self, start: int, track: int, samples: Pcm) -> None:
        at = start % len(self._ring)
        first = min(len(samples), len(self._ring) - at)
        self._ring[at : at + first, track] = samples[:first]
        self._ring[: len(samples) - first, track] = samples[first:]


def falling(length: int) -> NDArray[np.float32]:
    """Return factors that go down to 0 within `length` samples."""
    return 1.0 - np.arange(1, length + 1, dtype=np.float32) / np.float32(max(1, length))
