"""Many channels to one: their mean, unless they cancel each other; then the loudest of them.

A microphone that is wired in balance, or a recorder with one plug turned round, gives two channels of opposite
polarity, and their mean is silence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio.frames import Pcm, samples_for

BLOCK_MS = 20.0  # what one decision is for
# Loud audio of a second ago still counts: a pause decides nothing.
MEMORY_MS = 1_000.0
# The mean of two unlike channels is 3 dB below the louder, of one that is silent 6 dB: neither is a loss of audio.
# So far below the loudest channel the mean is given up, and so near to that one it is taken again.
LOST_DB, FOUND_DB = 10.0, 7.0
# Another channel has to be so much louder than the one that was taken.
LOUDER_DB = 6.0
MEAN = -1


class MonoMixer:
    """Mixes one stream, block by block; a change of mind is a cross-fade over one block. Not thread-safe."""

    def __init__(self, rate_hz: int) -> None:
        self._block = samples_for(BLOCK_MS, rate_hz)
        self._taken: int | None = None  # MEAN, or a channel; None before the first audio
        self._powers: NDArray[np.float64] | None = None  # of the channels and, last, of the mean, with memory

    def process(self, samples: NDArray[np.int16]) -> Pcm:
        """Return int16 (n, channels) as int16 (n,), for any n."""
        if samples.shape[1] == 1:
            return np.ascontiguousarray(samples[:, 0])
        mean = samples.mean(axis=1, dtype=np.float32)
        mixed: Pcm = np.rint(mean).astype(np.int16)
        squares = np.square(np.column_stack((samples, mean)).astype(np.float64))
        starts = np.arange(0, len(samples), self._block)
        for start, power in zip(
            starts.tolist(), np.add.reduceat(squares, starts, axis=0) if len(starts) else (), strict=True
        ):
            block = slice(start, min(start + self._block, len(samples)))
            before, after = self._taken, self._choose(power, block.stop - start)
            if before is None:
                before = after
            if before == after == MEAN:
                continue
            old, new = _way(samples[block], mixed[block], before), _way(samples[block], mixed[block], after)
            fade = np.linspace(0.0, 1.0, len(old), dtype=np.float32) if before != after else np.float32(1.0)
            mixed[block] = np.rint(old + (new - old) * fade).astype(np.int16)
        return mixed

    def _choose(self, power: NDArray[np.float64], count: int) -> int:
        """Take the powers of a block's channels and of their mean; return which of them it is to be."""
        if self._powers is None:
            self._powers = np.zeros_like(power)
        self._powers *= np.exp(-count / self._block * BLOCK_MS / MEMORY_MS)
        self._powers += power
        channels, mean = self._powers[:-1], float(self._powers[-1])
        loudest = int(np.argmax(channels))
        most = float(channels[loudest])
        if most <= 0.0:
            return MEAN if self._taken is None else self._taken
        loss_db = 10.0 * np.log10(most / max(mean, most * 1e-12))
        if self._taken is None or self._taken == MEAN:
            self._taken = loudest if loss_db > LOST_DB else MEAN
        elif loss_db < FOUND_DB:
            self._taken = MEAN
        elif most > float(channels[self._taken]) * 10.0 ** (LOUDER_DB / 10.0):
            self._taken = loudest
        return self._taken


def to_mono(samples: NDArray[np.int16], rate_hz: int) -> Pcm:
    """Return a whole recording, int16 (n,) or (n, channels), as int16 (n,)."""
    return samples if samples.ndim == 1 else MonoMixer(rate_hz).process(samples)


def _way(samples: NDArray[np.int16], mixed: Pcm, taken: int) -> NDArray[np.float32]:
    return (mixed if taken == MEAN else samples[:, taken]).astype(np.float32)
