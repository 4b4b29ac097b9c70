"""Tells what a sentence does, by what it means and by its surface."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pipelines.intent.acts import Act
from pipelines.intent.encoder import Vectors
from pipelines.intent.exemplars import Exemplars
from pipelines.intent.ridge import Matrix
from pipelines.intent.sentence_classifier import SentenceClassifier
from pipelines.intent.surface import without_punctuation
from pipelines.intent.vectors import Vectoriser


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
        self._classifier = SentenceClassifier(texts, np.vstack([vectors, vectors]), classes, len(self.acts))

    def probabilities(self, texts: Sequence[str], vectors: Vectors) -> Matrix:
        """Return how likely each text does each act, float64 (texts, acts)."""
        return self._classifier.probabilities(texts, vectors)


def _labelled(exemplars: Exemplars) -> Iterator[tuple[str, Act]]:
    for act, texts in exemplars.acts.items():
        yield from ((text, act) for text in texts)
    for topic in exemplars.topics.values():
        yield from ((text, topic.act) for text in topic.questions)
