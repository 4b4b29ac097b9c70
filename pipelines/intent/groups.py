"""How near texts are to groups of examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.intent.ridge import Matrix

SHARPNESS = 20.0
"""How much more a nearer example counts: what the encoder was tuned with (`bench/train_encoder.py`)."""
# An item with many examples, most of them about another side of it, is no further away than one with few.
NEAREST = 5


class Groups:
    """Which vectors belong together: `of` has the group of each, every group from 0 on has at least one."""

    def __init__(self, of: Sequence[int]) -> None:
        self.of = np.array(of)
        members = [np.flatnonzero(self.of == group) for group in range(int(self.of.max()) + 1)]
        # Each group's members in a row; those that fill it up to the largest count for nothing.
        width = max(NEAREST, *map(len, members))
        self._rows = np.stack([np.pad(each, (0, width - len(each)), constant_values=each[0]) for each in members])
        self._spare = np.stack([np.arange(width) >= len(each) for each in members])
        self._counted = np.array([min(NEAREST, len(each)) for each in members])

    def nearness(self, likeness: NDArray[np.floating]) -> Matrix:
        """Return how near each text is to each group, float64 (texts, groups), of its likeness to each vector.

        It is the logarithm of the mean of the groups' nearest, each by an exponential of its likeness: an even softer
        maximum.
        """
        powers = np.where(self._spare, 0.0, np.exp(SHARPNESS * likeness[:, self._rows].astype(np.float64)))
        best = np.partition(powers, -NEAREST, axis=2)[:, :, -NEAREST:]
        return np.asarray(np.log(best.sum(axis=2) / self._counted), dtype=np.float64)
