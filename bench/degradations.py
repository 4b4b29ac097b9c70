"""What becomes of a voice on its way through bad microphones: pure functions, for tests and measurements alike.

All take int16 (n,) and return int16 (n,); `opposite_channels` returns (n, 2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio.frames import Pcm, samples_for

_FULL = 32_767.0
BREATH_HZ = (400.0, 3_000.0)  # where breathing out near a microphone has its power
BREATH_EVERY_S, BREATH_LASTS_S = 4.0, 1.4  # of an adult at rest, breathing out


def quieter(samples: Pcm, db: float) -> Pcm:
    """Return the audio `db` quieter, as 16 bits hold it: what is faint is coarse too."""
    return _pcm(samples * 10.0 ** (-db / 20.0))


def clipped(samples: Pcm, db: float = 12.0) -> Pcm:
    """Return the audio so loud that its highest peak would be `db` above full scale, and cut there."""
    peak = float(np.abs(samples.astype(np.float64)).max(initial=0.0))
    return _pcm(samples * (_FULL * 10.0 ** (db / 20.0) / peak)) if peak else samples


def with_dc(samples: Pcm, share: float = 0.2) -> Pcm:
    """Return the audio with an offset of so much of full scale, as cheap sound cards add it."""
    return _pcm(samples + share * _FULL)


def with_hum(samples: Pcm, rate_hz: int, *, hum_hz: float = 50.0, level_dbfs: float = -20.0, first: int = 0) -> Pcm:
    """Return the audio with a tone of the mains of that RMS level; its first sample is number `first` of the tone."""
    amplitude = _FULL * np.sqrt(2.0) * 10.0 ** (level_dbfs / 20.0)
    return _pcm(samples + amplitude * np.sin(2.0 * np.pi * hum_hz * np.arange(first, first + len(samples)) / rate_hz))


def with_noise(samples: Pcm, *, below_db: float, seed: int = 1) -> Pcm:
    """Return the audio in white noise that lies `below_db` below the RMS level of all of it."""
    rms = float(np.sqrt(np.mean(np.square(samples.astype(np.float64))))) if len(samples) else 0.0
    noise = np.random.default_rng(seed).standard_normal(len(samples))
    return _pcm(samples + rms * 10.0 ** (-below_db / 20.0) * noise)


def opposite_channels(samples: Pcm) -> NDArray[np.int16]:
    """Return the audio as two channels of opposite polarity, int16 (n, 2): a microphone that is wired in balance."""
    return np.stack((samples, _pcm(-samples.astype(np.float64))), axis=1)


def breath(length_ms: float, rate_hz: int, *, level_dbfs: float = -45.0, seed: int = 1) -> Pcm:
    """Return somebody who breathes into a headset and says nothing: bursts of that RMS level in a quiet room."""
    count = samples_for(length_ms, rate_hz)
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hz = np.fft.rfftfreq(count, 1.0 / rate_hz)
    spectrum[(hz < BREATH_HZ[0]) | (hz > BREATH_HZ[1])] = 0.0
    noise = np.fft.irfft(spectrum, count)
    noise /= float(np.sqrt(np.mean(np.square(noise)))) or 1.0
    since_s = np.arange(count) / rate_hz % BREATH_EVERY_S
    rise_and_fall = np.where(since_s < BREATH_LASTS_S, np.sin(np.pi * np.minimum(since_s / BREATH_LASTS_S, 1.0)), 0.0)
    room = 10.0 ** (-70.0 / 20.0) * rng.standard_normal(count)
    return _pcm(_FULL * (10.0 ** (level_dbfs / 20.0) * rise_and_fall * noise + room))


CONDITIONS: Mapping[str, Callable[[Pcm, int], NDArray[np.int16]]] = {
    "clean": lambda samples, _rate_hz: samples,
    "quieter_26_db": lambda samples, _rate_hz: quieter(samples, 26.0),
    "quieter_40_db": lambda samples, _rate_hz: quieter(samples, 40.0),
    "clipped_12_db": lambda samples, _rate_hz: clipped(samples, 12.0),
    "offset": lambda samples, _rate_hz: with_dc(samples, 0.2),
    "hum_50_hz": lambda samples, rate_hz: with_hum(samples, rate_hz, hum_hz=50.0),
    "hum_60_hz": lambda samples, rate_hz: with_hum(samples, rate_hz, hum_hz=60.0),
    "opposite_channels": lambda samples, _rate_hz: opposite_channels(samples),
}
"""What is measured, by name: each takes int16 (n,) and its rate."""


def _pcm(samples: NDArray[np.floating[Any]]) -> Pcm:
    pcm: Pcm = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
    return pcm
