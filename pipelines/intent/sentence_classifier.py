"""Learns from few labelled sentences which class a sentence belongs to, by its meaning and by its surface."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.intent.encoder import Vectors
from pipelines.intent.ridge import Matrix, fit, with_constant
from pipelines.intent.surface import surface

RIDGE = 0.05
# Classes count by the root of their examples, so that a small one is neither lost nor everywhere.
BALANCE = 0.5
# How sharply scores tell classes apart: found by the likelihood of held-out exemplars.
SHARPNESS = 14.0


class SentenceClassifier:
    """Probabilities of `count` classes; `classes` are int (texts,), `vectors` those of the texts."""

    def __init__(
        self, texts: Sequence[str], vectors: Vectors, classes: NDArray[np.int_], count: int, *, ridge: float = RIDGE
    ) -> None:
        weights = np.bincount(classes).astype(np.float64)[classes] ** -BALANCE
        weights *= count / weights.sum()
        self._weights = fit(_features(texts, vectors), classes, count, weights=weights, ridge=ridge)

    def probabilities(self, texts: Sequence[str], vectors: Vectors) -> Matrix:
        """Return how likely each text is of each class, float64 (texts, classes)."""
        scores = SHARPNESS * (_features(texts, vectors) @ self._weights)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares: Matrix = powers / powers.sum(axis=1, keepdims=True)
        return shares


def _features(texts: Sequence[str], vectors: Vectors) -> Matrix:
    return with_constant(np.hstack([vectors, surface(texts)]))
