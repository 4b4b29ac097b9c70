"""Likeness to groups of vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.intent.ridge import Matrix


class Groups:
    """Which vectors belong together: `of` has the group of each, every group from 0 on has at least one."""

    def __init__(self, of: Sequence[int]) -> None:
        self.of = np.array(of)
        members = [np.flatnonzero(self.of == group) for group in range(int(self.of.max()) + 1)]
        # Each group's members in a row, the first once more where there are fewer than in the largest.
        width = max(2, max(map(len, members)))
        self._rows = np.stack([np.pad(each, (0, width - len(each)), constant_values=each[0]) for each in members])
        self._spare = np.stack([np.arange(width) >= max(len(each), 2) for each in members])

    def best_two(self, likeness: NDArray[np.floating]) -> Matrix:
        """Return the mean of the two best of each group, float64 (texts, groups), of likeness to each vector."""
        rows = np.where(self._spare, -np.inf, likeness[:, self._rows])
        two = np.partition(rows, -2, axis=2)[:, :, -2:]
        return np.asarray(two.mean(axis=2), dtype=np.float64)
