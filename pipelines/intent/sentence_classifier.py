"""Learns from few labelled sentences which class a sentence belongs to, by its meaning and by its surface."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.intent.encoder import Vectors, file_digest
from pipelines.intent.ridge import Matrix, fit_blocks, with_constant
from pipelines.intent.surface import surface
from pipelines.intent.vectors import Computed, anew

RIDGE = 0.05
# Classes count by the root of their examples, so that a small one is neither lost nor everywhere.
BALANCE = 0.5
# How sharply scores tell classes apart: found by the likelihood of held-out exemplars.
SHARPNESS = 14.0


# So many texts are computed at a time while it learns.
BLOCK = 1000


class SentenceClassifier:
    """Probabilities of `count` classes; `classes` are int (texts,), `vectors` those of the texts.

    What is learned is kept by `computed`, under a `name` of its own.
    """

    def __init__(
        self,
        texts: Sequence[str],
        vectors: Vectors,
        classes: NDArray[np.int_],
        count: int,
        *,
        name: str,
        computed: Computed = anew,
        ridge: float = RIDGE,
    ) -> None:
        self._weights = computed(f"{name} {_code()}", lambda: _weights(texts, vectors, classes, count, ridge))

    def probabilities(self, texts: Sequence[str], vectors: Vectors) -> Matrix:
        """Return how likely each text is of each class, float64 (texts, classes)."""
        scores = SHARPNESS * (_features(texts, vectors) @ self._weights)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares: Matrix = powers / powers.sum(axis=1, keepdims=True)
        return shares


def _weights(texts: Sequence[str], vectors: Vectors, classes: NDArray[np.int_], count: int, ridge: float) -> Matrix:
    weights = np.bincount(classes).astype(np.float64)[classes] ** -BALANCE
    weights *= count / weights.sum()
    parts = (slice(start, start + BLOCK) for start in range(0, len(texts), BLOCK))
    blocks = ((_features(texts[part], vectors[part]), classes[part], weights[part]) for part in parts)
    return fit_blocks(blocks, count, width=_features(texts[:1], vectors[:1]).shape[1], ridge=ridge)


def _code() -> str:
    """Return what tells the code that learns from any other: what another version has kept is no use."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256("".join(map(file_digest, files)).encode()).hexdigest()[:16]


def _features(texts: Sequence[str], vectors: Vectors) -> Matrix:
    return with_constant(np.hstack([vectors, surface(texts)]))
