"""Tells what a sentence does, by what it means and by its surface."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pipelines.intent.acts import Act
from pipelines.intent.encoder import Vectors
from pipelines.intent.exemplars import Exemplars
from pipelines.intent.ridge import Matrix, fit, with_constant
from pipelines.intent.surface import surface, without_punctuation
from pipelines.intent.vectors import Vectoriser

RIDGE = 0.05
# Classes count by the root of their examples, so that a small one is neither lost nor everywhere.
BALANCE = 0.5
# How sharply scores tell acts apart: found by the likelihood of held-out exemplars.
SHARPNESS = 14.0


class ActClassifier:
    """Probabilities of `acts`, learned from the exemplars as they are written and as they are misheard of marks."""

    def __init__(self, exemplars: Exemplars, vectoriser: Vectoriser) -> None:
        labelled = list(_labelled(exemplars))
        self.acts = tuple(sorted({act for _, act in labelled}))
        written = [text for text, _ in labelled]
        # Each once more as a recogniser writes it that knows no marks; what it means is the same.
        texts = [*written, *map(without_punctuation, written)]
        vectors = vectoriser.encode(written)
        classes = np.tile([self.acts.index(act) for _, act in labelled], 2)
        weights = np.bincount(classes).astype(np.float64)[classes] ** -BALANCE
        weights *= len(self.acts) / weights.sum()
        features = self._features(texts, np.vstack([vectors, vectors]))
        self._weights = fit(features, classes, len(self.acts), weights=weights, ridge=RIDGE)

    def probabilities(self, texts: Sequence[str], vectors: Vectors) -> Matrix:
        """Return how likely each text does each act, float64 (texts, acts)."""
        scores = SHARPNESS * (self._features(texts, vectors) @ self._weights)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares: Matrix = powers / powers.sum(axis=1, keepdims=True)
        return shares

    @staticmethod
    def _features(texts: Sequence[str], vectors: Vectors) -> Matrix:
        return with_constant(np.hstack([vectors, surface(texts)]))


def _labelled(exemplars: Exemplars) -> Iterator[tuple[str, Act]]:
    for act, texts in exemplars.acts.items():
        yield from ((text, act) for text in texts)
    for topic in exemplars.topics.values():
        yield from ((text, topic.act) for text in topic.questions)
