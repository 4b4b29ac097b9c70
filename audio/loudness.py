"""Levels in dBFS, and the two ends of voice-to-voice latency: the last voiced and the first audible sample."""

from __future__ import annotations

from array import array
from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from audio.frames import Pcm

# Both definitions use this window: it is short enough to place an end and long enough to hold a period of a deep voice.
WINDOW_MS = 10.0
WINDOWS_PER_S = 100
# A window is "voiced" when it is within this of the loudest one: speech is, but breath and room noise are not.
VOICED_RANGE_DB = 25.0
BUMP_DB = 40.0  # no knock is louder than the voice by more
# This is above the noise of a headset, and below any spoken syllable.
AUDIBLE_DBFS = -45.0
# One or two samples at full scale happen in loud speech; a flat top this long does not.
CLIPPED_RUN_SAMPLES = 3

_FULL_SCALE = 32768.0
_SILENCE_DBFS = float("-inf")


def level_dbfs(samples: Pcm) -> float:
    """Return the RMS level of int16 (n,) in dB relative to full scale (a full-scale sine is -3.01); silence is -inf."""
    if not len(samples):
        return _SILENCE_DBFS
    power = float(np.mean(np.square(samples.astype(np.float64)))) / _FULL_SCALE**2
    return float(10.0 * np.log10(power)) if power > 0 else _SILENCE_DBFS


def is_clipped(samples: Pcm) -> bool:
    """Return whether int16 (n,) has a flat top: three or more samples in a row at the same full scale."""
    for full in (samples >= 32767, samples <= -32767):
        run = full
        for shift in range(1, CLIPPED_RUN_SAMPLES):
            run = run[:-1] & full[shift:]
        if run.any():
            return True
    return False


def window_levels(samples: Pcm, rate_hz: int) -> NDArray[np.float32]:
    """Return the level in dBFS of each whole 10 ms window of int16 (n,), float32 (n // window,); silence is -inf."""
    if _has_even_windows(rate_hz):
        return _even_levels(samples, rate_hz)
    return _levels(samples, _edges(len(samples), rate_hz))


def last_voiced_ms(samples: Pcm, rate_hz: int) -> float | None:
    """Return the end, in ms from the first sample, of the last 10 ms window within 25 dB of the loudest.

    `samples` is one turn, int16 (n,). None when it has no whole window or is digital silence. A last piece shorter
    than 10 ms is not looked at.
    """
    index = _last_voiced(window_levels(samples, rate_hz))
    return None if index is None else (index + 1) * WINDOW_MS


def first_audible_ms(samples: Pcm, rate_hz: int) -> float | None:
    """Return the start, in ms from the first sample, of the first 10 ms window above -45 dBFS, or None."""
    audible = np.flatnonzero(window_levels(samples, rate_hz) > AUDIBLE_DBFS)
    return float(audible[0]) * WINDOW_MS if len(audible) else None


class _WindowStream:
    """Cuts positioned chunks into 10 ms windows; a jump in position starts a new grid there."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._origin_ms = 0.0
        # So many samples since the origin were returned as windows.
        self._taken = 0
        self._windows = 0
        self._rest: Pcm = np.zeros(0, dtype=np.int16)

    @property
    def _next_ms(self) -> float:
        return self._origin_ms + 1000.0 * (self._taken + len(self._rest)) / self.rate_hz

    def measure_levels(self, samples: Pcm, at_ms: float | None) -> tuple[NDArray[np.float32], float]:
        """Return the levels of the windows now complete, and the media time at which the first of them starts."""
        if at_ms is not None and abs(at_ms - self._next_ms) > 500.0 / self.rate_hz:
            self._origin_ms, self._taken, self._windows = at_ms, 0, 0
            self._rest = np.zeros(0, dtype=np.int16)
        joined = np.concatenate([self._rest, samples]) if len(self._rest) else samples
        start_ms = self._origin_ms + self._windows * WINDOW_MS
        if _has_even_windows(self.rate_hz):
            levels = _even_levels(joined, self.rate_hz)
            used = len(levels) * self.rate_hz // WINDOWS_PER_S
        else:
            # Edges are counted from the origin, so that rates with a half sample per window don't drift.
            edges = _edges(self._taken + len(joined), self.rate_hz, first=self._windows)
            used = int(edges[-1]) - self._taken
            levels = _levels(joined[:used], edges - self._taken)
        self._taken += used
        self._windows += len(levels)
        self._rest = joined[used:].copy()
        return levels, start_ms


class VoicedTracker:
    """Finds the last voiced moment of a turn while it is being spoken.

    The loudest window may yet come, so the level of every window is kept: 4 bytes for each 10 ms of a turn.
    """

    def __init__(self, rate_hz: int, *, bump_ms: float = 0.0) -> None:
        """Start a turn; its loudest `bump_ms` don't count as its voice: a microphone that was knocked."""
        self._stream = _WindowStream(rate_hz)
        self._bump_windows = round(bump_ms / WINDOW_MS)
        self._levels = array("f")
        self._ends_ms = array("d")
        self._last_voiced_ms: float | None = None
        self._is_stale = False  # more was heard since that was found

    def track_audio(self, samples: Pcm, at_ms: float | None = None) -> None:
        """Take int16 (n,) that starts at media time `at_ms`; None continues where the last chunk ended."""
        levels, start_ms = self._stream.measure_levels(samples, at_ms)
        self._levels.extend(levels.tolist())
        self._ends_ms.extend(start_ms + (i + 1) * WINDOW_MS for i in range(len(levels)))
        self._is_stale = self._is_stale or len(levels) > 0

    @property
    def last_voiced_ms(self) -> float | None:
        """Media time of the end of the last voiced window so far; None before any audio."""
        if self._is_stale:
            index = _last_voiced(np.array(self._levels, dtype=np.float32), self._bump_windows)
            self._last_voiced_ms = None if index is None else self._ends_ms[index]
            self._is_stale = False
        return self._last_voiced_ms

    def reset(self, from_ms: float = float("inf")) -> None:
        """Start a new turn; what was heard from media time `from_ms` on belongs to it."""
        kept = bisect_right(self._ends_ms, from_ms)
        self._levels, self._ends_ms = self._levels[kept:], self._ends_ms[kept:]
        self._is_stale = True


class AudibleTracker:
    """Finds the first audible moment of a reply that arrives in chunks."""

    def __init__(self, rate_hz: int) -> None:
        self._stream = _WindowStream(rate_hz)
        self.first_audible_ms: float | None = None

    def track_audio(self, samples: Pcm, at_ms: float | None = None) -> float | None:
        """Take int16 (n,) starting at media time `at_ms` (None: where the last ended); return the moment once known."""
        if self.first_audible_ms is None:
            levels, start_ms = self._stream.measure_levels(samples, at_ms)
            audible = np.flatnonzero(levels > AUDIBLE_DBFS)
            if len(audible):
                self.first_audible_ms = start_ms + float(audible[0]) * WINDOW_MS
        return self.first_audible_ms


def _edges(length_samples: int, rate_hz: int, *, first: int = 0) -> NDArray[np.int64]:
    """Return the edges of a stream's whole windows from number `first` on, int64 (windows + 1,)."""
    window_samples = rate_hz * WINDOW_MS / 1000.0
    last = int(length_samples / window_samples) + 1
    edges = np.rint(np.arange(first, last + 1) * window_samples).astype(np.int64)
    whole: NDArray[np.int64] = edges[edges <= length_samples]
    return whole


def _has_even_windows(rate_hz: int) -> bool:
    return rate_hz % WINDOWS_PER_S == 0


def _even_levels(samples: Pcm, rate_hz: int) -> NDArray[np.float32]:
    """Return what `_levels` does where all windows are equally long, in a third of its time: every frame needs it."""
    length = rate_hz // WINDOWS_PER_S
    windows = samples[: len(samples) // length * length].reshape(-1, length).astype(np.float64)
    return _dbfs(np.einsum("ij,ij->i", windows, windows) / length)  # whole numbers, and so exact


def _levels(samples: Pcm, edges: NDArray[np.int64]) -> NDArray[np.float32]:
    # Whole numbers: in floating point, the difference of two large sums would leave a hum in digital silence.
    sums = np.concatenate([[0], np.cumsum(np.square(samples.astype(np.int64)))])[edges]
    return _dbfs(np.diff(sums) / np.diff(edges))


def _dbfs(squares: NDArray[np.float64]) -> NDArray[np.float32]:
    power = squares / _FULL_SCALE**2
    with np.errstate(divide="ignore"):
        levels: NDArray[np.float32] = (10.0 * np.log10(power)).astype(np.float32)
    return levels


def _last_voiced(levels: NDArray[np.float32], bump_windows: int = 0) -> int | None:
    if not len(levels) or not np.isfinite(loudest := levels.max()):
        return None
    if bump_windows:
        rank = min(bump_windows, len(levels) // 2) + 1
        loudest = max(loudest - BUMP_DB, np.partition(levels, -rank)[-rank])
    return int(np.flatnonzero(levels >= loudest - VOICED_RANGE_DB)[-1])
