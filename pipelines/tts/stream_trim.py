"""Takes the silence off both ends of a clause that comes piece by piece."""

from __future__ import annotations

import numpy as np

from audio.frames import WIRE_HZ, Pcm, samples_for
from pipelines.tts.word_times import audible_windows

_WINDOW_SAMPLES = samples_for(10, WIRE_HZ)


class StreamTrim:
    """What `trim` leaves of a whole clause at 24 kHz, piece by piece: a silence is held back until a sound follows."""

    def __init__(self) -> None:
        self._held: Pcm = np.zeros(0, dtype=np.int16)
        self._begun = False

    def process(self, samples: Pcm, *, last: bool = False) -> Pcm:
        """Take int16 (n,) and return what is sure to be kept, int16 (m,); with `last` the rest of it."""
        held = np.concatenate([self._held, samples])
        ready = len(held) if last else len(held) // _WINDOW_SAMPLES * _WINDOW_SAMPLES
        audible = np.flatnonzero(audible_windows(held[:ready]))
        if len(audible):
            begin = 0 if self._begun else max(0, (int(audible[0]) - 1) * _WINDOW_SAMPLES)
            # From the last audible window on it is held: how much of it is kept depends on what follows.
            end = int(audible[-1]) * _WINDOW_SAMPLES
            self._begun = True
        else:
            begin = end = max(0, ready - _WINDOW_SAMPLES)
        kept, self._held = held[begin:end], held[end:]
        if last and self._begun:
            kept, self._held = np.concatenate([kept, self._held[: 2 * _WINDOW_SAMPLES]]), self._held[:0]
        return kept
