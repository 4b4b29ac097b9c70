"""Rate changes by a small whole number, as from 48 to 24 kHz: one short filter, and next to no delay.

Method: polyphase filtering, after Crochiere and Rabiner, *Multirate Digital Signal Processing* (1983), chapter 3; the
filter is a sinc under Kaiser's window (J. F. Kaiser, 1974), whose formulas give its length.
"""

from __future__ import annotations

from functools import cache
from math import gcd, pi

import numpy as np
from numpy.typing import NDArray

from audio.frames import Pcm

Floats = NDArray[np.float64]

MOST_STEPS = 6  # from or to 8 and 48 kHz
STOP_DB = 90.0  # below the noise of 16 bits for speech
# The filter falls between 0.9 and 1.1 of the lower rate's half. What is folded back lies above 0.9 of it, where speech
# has next to nothing; a filter that fell within 0.9 and 1 would be twice as long, and so late.
TRANSITION = 0.2


def is_simple(from_hz: int, to_hz: int) -> bool:
    """Whether a stream is converted here: one rate is a small multiple of the other."""
    low, high = sorted((from_hz, to_hz))
    return high % low == 0 and high // low <= MOST_STEPS


class PolyphaseStream:
    """Converts one mono stream chunk by chunk; output sample k is the sound at k / to_hz. Not thread-safe.

    What is put in comes out 1 to 3 ms later: half the filter's length.
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        common = gcd(from_hz, to_hz)
        self._up, self._down = to_hz // common, from_hz // common
        self._phases = _filters(self._up, self._down)
        self._half = len(self._phases[0]) // 2
        self._waiting: Floats = np.zeros(self._half, dtype=np.float64)  # before the stream there is silence
        self._first = -self._half  # place of the first of these among all samples that were put in
        self._made = 0  # samples that were given out
        self._taken = 0  # samples that were put in

    def process(self, samples: Pcm, *, last: bool = False) -> Floats:
        """Take int16 (n,) and return what is ready, float (m,); with `last` the rest, as after silence."""
        self._taken += len(samples)
        tail = np.zeros(self._half if last else 0, dtype=np.float64)
        self._waiting = np.concatenate((self._waiting, samples, tail))
        if last:
            until = -(-self._taken * self._up // self._down)
        else:  # the last whose filter has all of its samples
            until = max(self._made, ((self._taken - self._half) * self._up - 1) // self._down + 1)
        out = np.empty(until - self._made, dtype=np.float64)
        for step in range(min(self._up, len(out))):
            out[step :: self._up] = self._filtered(self._made + step, len(out[step :: self._up]))
        self._made = until
        self._forget()
        return out

    def _filtered(self, number: int, count: int) -> Floats:
        """Return output `number` and every `up`th after it, `count` in all: they share one phase of the filter."""
        centre, phase = divmod(number * self._down, self._up)
        start = centre - self._half - self._first
        stretch = self._waiting[start : start + (count - 1) * self._down + 2 * self._half + 1]
        return np.correlate(stretch, self._phases[phase], "valid")[:: self._down]

    def _forget(self) -> None:
        """Let go of what no further output needs."""
        centre = self._made * self._down // self._up
        drop = max(0, centre - self._half - self._first)
        self._waiting = self._waiting[drop:]
        self._first += drop


@cache
def _filters(up: int, down: int) -> list[Floats]:
    """Return the filter for each place between two input samples, each of one odd length, its middle on the former."""
    # A half of the lower rate is 1 / steps of the half of the rate at which the filter is laid out.
    steps = max(up, down)
    half = int(np.ceil((STOP_DB - 7.95) / (2.285 * TRANSITION * pi / steps) / 2))
    places = half // up + 1
    beta = 0.1102 * (STOP_DB - 8.7)
    filters = []
    for phase in range(up):
        at = phase - up * np.arange(-places, places + 1)
        window = np.where(
            np.abs(at) <= half, np.i0(beta * np.sqrt(np.maximum(0.0, 1.0 - (at / half) ** 2))) / np.i0(beta), 0.0
        )
        taps = np.sinc(at / steps) * window
        filters.append(taps / taps.sum())  # a steady level stays what it is in each phase
    return filters
