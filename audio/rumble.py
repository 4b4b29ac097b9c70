"""A causal high-pass filter: what lies below every voice goes, that is a steady offset, mains hum and rumble.

Method: Chebyshev's inverse filter (T. W. Parks and C. S. Burrus, *Digital Filter Design*, 1987, chapter 7), flat above
and with notches below, brought to samples by the bilinear transform. It is computed as a sum of first-order filters,
one for each pole: of these numpy can do a whole stretch at once, by a cumulative sum.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from audio.frames import Pcm

# Chebyshev's inverse filter and not Butterworth's: of the same order and with the same half power, that takes only
# 30 dB from hum of 50 Hz and 22 from 60 Hz. Odd, so that a steady offset is not just low but gone.
ORDER = 5
STOP_DB = 40.0  # hum of -20 dBFS comes to -60, which is a quiet room
# Mains have 50 or 60 Hz. Half of a voice's power is left at 100 Hz; the lowest voices have a pitch of 85 Hz.
STOP_HZ = 62.0
# The filter takes at most this many samples at once: in twice as many the fastest pole would fade beyond the range in
# which a float is exact.
MOST_SAMPLES = 480


class HighPass:
    """Takes rumble, hum and offset out of one mono stream; how it is cut changes no sample by more than rounding.

    A frame of 20 ms costs about 40 µs. A stream begins as if its first sample had always been there, so that an offset
    makes no thump. Not thread-safe.
    """

    def __init__(self, rate_hz: int) -> None:
        self._direct, self._poles, weights = _parallel(rate_hz)
        steps = np.arange(MOST_SAMPLES + 1)
        self._fading = self._poles[:, np.newaxis] ** steps
        self._weighed = weights[:, np.newaxis] * self._fading
        self._grown = self._poles[:, np.newaxis] ** -steps
        self._state: NDArray[np.complex128] | None = None

    def process(self, samples: Pcm) -> Pcm:
        """Return int16 (n,) of any length as int16 (n,), without delay but for the filter's own; clipped if need be."""
        if self._state is None:
            if not samples.any():
                return samples  # nothing has come yet but silence
            self._state = float(samples[0]) / (1.0 - self._poles)
        filtered = np.empty(len(samples), dtype=np.float64)
        for start in range(0, len(samples), MOST_SAMPLES):
            stretch = samples[start : start + MOST_SAMPLES].astype(np.float64)
            filtered[start : start + len(stretch)] = self._stretch(stretch)
        pcm: Pcm = np.clip(np.rint(filtered), -32768, 32767).astype(np.int16)
        return pcm

    def _stretch(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return at most MOST_SAMPLES samples filtered."""
        count = len(samples)
        state = self._state
        assert state is not None  # noqa: S101 - for the type checker
        # states[k] = pole * states[k - 1] + samples[k - 1]: divided by the pole's powers that is a plain sum
        sums = np.empty((len(self._poles), count + 1), dtype=np.complex128)
        sums[:, 0] = state
        np.multiply(samples, self._grown[:, 1 : count + 1], out=sums[:, 1:])
        np.cumsum(sums, axis=1, out=sums)
        self._state = sums[:, -1] * self._fading[:, count]
        sums[:, :-1] *= self._weighed[:, :count]
        filtered: NDArray[np.float64] = self._direct * samples + sums.real[:, :-1].sum(axis=0)
        return filtered


@cache
def _parallel(rate_hz: int) -> tuple[float, NDArray[np.complex128], NDArray[np.complex128]]:
    """Return the filter as y = direct * x + the real part of the sum of weight / (z - pole), one pole of each pair."""
    zeros, poles, gain = _design(rate_hz)
    upper = poles[poles.imag >= -1e-12]
    weights = []
    for pole in upper:
        others = poles[np.abs(poles - pole) > 1e-12]
        weight = gain * np.prod(pole - zeros) / np.prod(pole - others)
        weights.append(weight if abs(pole.imag) < 1e-12 else 2.0 * weight)
    return float(gain), upper, np.array(weights)


def _design(rate_hz: int) -> tuple[NDArray[np.complex128], NDArray[np.complex128], float]:
    """Return zeros, poles and gain of the digital filter."""
    # These are radians a second, as the bilinear transform bends them.
    edge = 2.0 * rate_hz * np.tan(np.pi * STOP_HZ / rate_hz)
    numbers = np.arange(1 - ORDER, ORDER, 2)
    depth = np.arcsinh(np.sqrt(10.0 ** (STOP_DB / 10.0) - 1.0)) / ORDER
    angles = np.pi * numbers / (2 * ORDER)
    # Of the low-pass filter with its stop band from 1 on: poles 1 / p, zeros 1 / z. A high-pass is had by edge / s.
    poles = -edge * (np.sinh(depth) * np.cos(angles) + 1j * np.cosh(depth) * np.sin(angles))
    zeros = 1j * edge * np.sin(angles)  # the middle one is 0: the offset
    digital_zeros = (2.0 * rate_hz + zeros) / (2.0 * rate_hz - zeros)
    digital_poles = (2.0 * rate_hz + poles) / (2.0 * rate_hz - poles)
    gain = np.prod(-1.0 - digital_poles) / np.prod(-1.0 - digital_zeros)  # 1 at the highest frequency
    return digital_zeros, digital_poles, float(gain.real)
