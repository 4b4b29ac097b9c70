"""The arithmetic of the audio fixtures: what is voiced, pink noise, coughs, levels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float64]
"""Mono audio: shape (samples,), float64, full scale ±1."""

# The voiced rule uses this window; everything is placed on this grid, so that truths are exact.
WINDOW_MS = 10
# A window this far below the turn's loudest is no longer voice: this is the house's rule for latency.
VOICED_RANGE_DB = 25.0
# This stands for digital silence, whose level has no logarithm.
SILENCE_DB = -200.0


def window_levels(sound: Sound, rate_hz: int) -> NDArray[np.float64]:
    """Return the RMS level in dBFS of each whole 10 ms window, shape (windows,)."""
    size = rate_hz * WINDOW_MS // 1000
    windows = sound[: len(sound) // size * size].reshape(-1, size)
    power = np.mean(windows**2, axis=1)
    levels: NDArray[np.float64] = 10.0 * np.log10(np.maximum(power, 10.0 ** (SILENCE_DB / 10.0)))
    return levels


def voiced_span(sound: Sound, rate_hz: int, *, loudest_db: float) -> tuple[int, int]:
    """Return (first, end) in ms of what lies within 25 dB of `loudest_db`; raises ValueError when nothing does."""
    voiced = np.flatnonzero(window_levels(sound, rate_hz) >= loudest_db - VOICED_RANGE_DB)
    if not len(voiced):
        raise ValueError("nothing in this sound is voiced")
    return int(voiced[0]) * WINDOW_MS, (int(voiced[-1]) + 1) * WINDOW_MS


def quiet_spans(sound: Sound, rate_hz: int, *, loudest_db: float, at_least_ms: int) -> list[tuple[int, int]]:
    """Return (from, to) in ms of every stretch without a voiced window that lasts `at_least_ms` or more."""
    voiced = window_levels(sound, rate_hz) >= loudest_db - VOICED_RANGE_DB
    edges = np.flatnonzero(np.diff(np.concatenate(([1], voiced.astype(np.int8), [1]))))
    spans = [(int(start) * WINDOW_MS, int(end) * WINDOW_MS) for start, end in edges.reshape(-1, 2)]
    return [span for span in spans if span[1] - span[0] >= at_least_ms]


def voiced_level(sound: Sound, rate_hz: int) -> float:
    """Return the mean level in dBFS of the voiced windows alone, so that pauses don't count."""
    levels = window_levels(sound, rate_hz)
    voiced = levels[levels >= levels.max() - VOICED_RANGE_DB]
    return float(10.0 * np.log10(np.mean(10.0 ** (voiced / 10.0))))


def gain(db: float) -> float:
    """Return the factor of an amplitude gain in dB."""
    return float(10.0 ** (db / 20.0))


def pink_noise(samples: int, *, level_db: float, rng: np.random.Generator) -> Sound:
    """Return noise whose power falls 3 dB an octave, at an RMS of `level_db` dBFS.

    White noise is shaped in the frequency domain by 1 / sqrt(f); the constant component is left out.
    """
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    bins = np.arange(len(spectrum), dtype=np.float64)
    bins[0] = np.inf
    noise = np.fft.irfft(spectrum / np.sqrt(bins), n=samples)
    return np.asarray(noise * (gain(level_db) / np.sqrt(np.mean(noise**2))), dtype=np.float64)


def cough(rate_hz: int, *, duration_ms: int, level_db: float, rng: np.random.Generator) -> Sound:
    """Return one cough-like burst: an explosive onset, then noise that fades and darkens; its peak is at `level_db`.

    A cough is a burst of turbulent noise of a few tens of milliseconds, then a longer, weaker and darker flow.
    """
    samples = rate_hz * duration_ms // 1000
    time_s = np.arange(samples) / rate_hz
    onset = 1.0 - np.exp(-time_s / 0.003)
    burst = np.exp(-time_s / 0.035)
    flow = 0.35 * np.exp(-time_s / 0.110)
    bright = _band(rng.standard_normal(samples), rate_hz, low_hz=400, high_hz=5000)
    dark = _band(rng.standard_normal(samples), rate_hz, low_hz=200, high_hz=1800)
    fade = np.clip((time_s[-1] - time_s) / 0.020, 0.0, 1.0)
    sound = onset * fade * (burst * bright + flow * dark)
    return np.asarray(sound * (gain(level_db) / np.max(np.abs(sound))), dtype=np.float64)


def _band(sound: Sound, rate_hz: int, *, low_hz: float, high_hz: float) -> Sound:
    """Return the audio between two frequencies (second-order slopes, no phase shift), at an RMS of 1."""
    spectrum = np.fft.rfft(sound)
    frequency = np.maximum(np.fft.rfftfreq(len(sound), 1.0 / rate_hz), 1.0)
    shape = 1.0 / (1.0 + (low_hz / frequency) ** 4) / (1.0 + (frequency / high_hz) ** 4)
    shaped = np.fft.irfft(spectrum * shape, n=len(sound))
    return np.asarray(shaped / np.sqrt(np.mean(shaped**2)), dtype=np.float64)
