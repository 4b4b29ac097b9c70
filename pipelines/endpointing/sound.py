"""How speech ended, from its sound: pitch and level before a pause.

Sound is only kept while it comes; it is looked at once a pause was noticed. Pitch by the cumulative mean normalised
difference of A. de Cheveigne and H. Kawahara, "YIN, a fundamental frequency estimator for speech and music", 2002.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from audio.frames import ANALYSIS_HZ, Pcm, samples_for
from pipelines.endpointing.evidence import SoundEnd

Floats = NDArray[np.float64]

KEPT_MS = 2_000.0  # a pause is noticed up to 0.3 s after its beginning, and 0.6 s before that are looked at
LOOKED_AT_MS = 600.0
SLOPE_MS = 300.0  # the last syllable or two: where a fall or a rise is made

PITCH_HZ = ANALYSIS_HZ // 2  # pitch needs no more; half the samples are a quarter of the work
HOP_MS = 10.0
WINDOW = 240  # samples at PITCH_HZ: 30 ms, two periods of a deep voice
SHORTEST, LONGEST = PITCH_HZ // 400, PITCH_HZ // 60  # periods in samples, of voices from 400 down to 60 Hz
CLEAR = 0.15  # the first dip below this is the period (the paper takes 0.1 to 0.15)
VOICED = 0.30  # the least dip of what counts as voiced at all: more is noise or breath
RANGE_DB = 30.0  # softer than this below the loudest frame is room, whatever period it has

REMEMBERED = 400  # frames of the speaker's pitch: the last 4 s of voice that were looked at
KNOWN = 20  # frames after which their median means something
LEAST = 6  # frames with pitch that a slope needs
JUMP_ST = 7.0  # from the stretch's own median: an octave error, not a voice
REFERENCE_HZ = 100.0  # 0 semitones; only differences are used

_CONTINUES_MS = 1.0  # positions are floats that went through rates and rounding


class SoundWatch:
    """One candidate's sound, and the pitch they usually speak at."""

    def __init__(self) -> None:
        self._kept: Pcm = np.zeros(2 * samples_for(KEPT_MS, ANALYSIS_HZ), dtype=np.int16)
        self._filled = 0
        self._end_ms = 0.0  # media time after the last sample
        self._usual: deque[float] = deque(maxlen=REMEMBERED)

    def add(self, samples: Pcm, at_ms: float) -> None:
        """Take int16 (n,) at 16 kHz from media time `at_ms`; a jump in time forgets what came before."""
        if abs(at_ms - self._end_ms) > _CONTINUES_MS:
            self._filled = 0
        half = len(self._kept) // 2
        samples = samples[-half:]
        if self._filled + len(samples) > len(self._kept):
            kept = min(self._filled, half)
            self._kept[:kept] = self._kept[self._filled - kept : self._filled].copy()
            self._filled = kept
        self._kept[self._filled : self._filled + len(samples)] = samples
        self._filled += len(samples)
        self._end_ms = at_ms + 1000.0 * len(samples) / ANALYSIS_HZ

    def end(self, silent_since_ms: float) -> SoundEnd:
        """Return how the speech before that media time ended; what was voiced is added to the speaker's usual pitch."""
        end = self._filled - round((self._end_ms - silent_since_ms) * ANALYSIS_HZ / 1000.0)
        end = min(max(end, 0), self._filled)
        sound = self._kept[max(0, end - samples_for(LOOKED_AT_MS, ANALYSIS_HZ)) : end]
        pitch, levels = pitch_track(sound)
        if not len(pitch):
            return SoundEnd()
        voiced = np.flatnonzero(np.isfinite(pitch))
        self._usual.extend(pitch[voiced].tolist())
        frames = int(SLOPE_MS / HOP_MS)
        energy_slope = _slope(levels[-frames:], np.arange(min(frames, len(levels)))) if len(levels) >= LEAST else 0.0
        if not len(voiced):
            return SoundEnd(energy_slope_db_s=energy_slope)
        last = voiced[voiced > voiced[-1] - frames]
        value = float(np.median(pitch[voiced[-3:]]))
        return SoundEnd(
            pitch_slope_st_s=_slope(pitch[last], last) if len(last) >= LEAST else None,
            pitch_end_st=value - float(np.median(self._usual)) if len(self._usual) >= KNOWN else None,
            energy_slope_db_s=energy_slope,
            voiced_run_ms=_last_run(voiced) * HOP_MS,
        )


def pitch_track(sound: Pcm) -> tuple[Floats, Floats]:
    """Return pitch (semitones over 100 Hz, NaN where unvoiced) and level (dB) every 10 ms of int16 (n,) at 16 kHz."""
    half = sound[: len(sound) // 2 * 2].reshape(-1, 2).astype(np.float64).mean(axis=1)
    length, hop = WINDOW + LONGEST, round(HOP_MS * PITCH_HZ / 1000.0)
    if len(half) < length:
        return np.zeros(0), np.zeros(0)
    frames = np.lib.stride_tricks.sliding_window_view(half, length)[(len(half) - length) % hop :: hop]
    frames = frames - frames.mean(axis=1, keepdims=True)
    power = np.mean(frames**2, axis=1)
    levels: Floats = 10.0 * np.log10(power + 1.0)
    dips = _normalised_difference(frames)
    periods, depth = _periods(dips)
    voiced = (depth < VOICED) & (levels > levels.max() - RANGE_DB)
    pitch = np.where(voiced, 12.0 * np.log2(PITCH_HZ / periods / REFERENCE_HZ), np.nan)
    if voiced.any():
        pitch[np.abs(pitch - np.nanmedian(pitch)) > JUMP_ST] = np.nan
    return pitch, levels


def _normalised_difference(frames: Floats) -> Floats:
    """Return YIN's d'(period) of each frame, (frames, LONGEST + 1)."""
    size = 1 << (frames.shape[1] + WINDOW - 1).bit_length()
    spectrum = np.fft.rfft(frames, size)
    head = np.fft.rfft(frames[:, :WINDOW], size)
    products = np.fft.irfft(spectrum * head.conj(), size)[:, : LONGEST + 1]
    sums = np.concatenate([np.zeros((len(frames), 1)), np.cumsum(frames**2, axis=1)], axis=1)
    energy = sums[:, WINDOW : WINDOW + LONGEST + 1] - sums[:, : LONGEST + 1]
    difference = np.maximum(energy[:, :1] + energy - 2.0 * products, 0.0)
    total = np.cumsum(difference[:, 1:], axis=1)
    normalised: Floats = np.ones_like(difference)
    normalised[:, 1:] = difference[:, 1:] * np.arange(1, LONGEST + 1) / np.maximum(total, 1e-9)
    normalised[total[:, -1] <= 1e-6] = 1.0  # digital silence
    return normalised


def _periods(dips: Floats) -> tuple[Floats, Floats]:
    """Return each frame's period in samples, between samples by a parabola, and how deep its dip is."""
    inside = dips[:, SHORTEST:LONGEST]
    lowest = (inside <= dips[:, SHORTEST - 1 : LONGEST - 1]) & (inside <= dips[:, SHORTEST + 1 : LONGEST + 1])
    clear = lowest & (inside < CLEAR)
    at = np.where(clear.any(axis=1), clear.argmax(axis=1), inside.argmin(axis=1)) + SHORTEST
    rows = np.arange(len(dips))
    before, here, after = dips[rows, at - 1], dips[rows, at], dips[rows, at + 1]
    bend = before - 2.0 * here + after
    shift = np.where(bend > 1e-12, 0.5 * (before - after) / np.maximum(bend, 1e-12), 0.0)
    periods: Floats = at + np.clip(shift, -0.5, 0.5)
    return periods, here


def _slope(values: Floats, places: NDArray[np.int64]) -> float:
    """Return the least-squares slope per second of values at hops."""
    time_s = places * (HOP_MS / 1000.0)
    time_s = time_s - time_s.mean()
    return float(np.dot(time_s, values - values.mean()) / np.dot(time_s, time_s))


def _last_run(voiced: NDArray[np.int64]) -> int:
    """Return how many frames the last stretch with pitch has; one frame without does not break it."""
    breaks = np.flatnonzero(np.diff(voiced) > 2)
    first = int(voiced[breaks[-1] + 1]) if len(breaks) else int(voiced[0])
    return int(voiced[-1]) - first + 1
