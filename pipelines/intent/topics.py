"""The common topics as vectors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipelines.intent.encoder import Vectors
from pipelines.intent.exemplars import Topic
from pipelines.intent.groups import Groups
from pipelines.intent.ridge import Matrix
from pipelines.intent.vectors import Vectoriser


class TopicIndex:
    """What any patient may be asked: `vectors` of all questions, in `groups` by the topic's place in `names`."""

    def __init__(self, topics: Mapping[str, Topic], vectoriser: Vectoriser) -> None:
        self.names = tuple(topics)
        self._subjects = [topic.classed for topic in topics.values()]
        questions = [(place, text) for place, topic in enumerate(topics.values()) for text in topic.questions]
        self.groups = Groups([place for place, _ in questions])
        self.vectors = vectoriser.encode([text for _, text in questions])

    def nearness(self, vectors: Vectors) -> Matrix:
        """Return how near each text is to each topic, float64 (texts, topics)."""
        return self.groups.nearness(vectors @ self.vectors.T)

    def nearest(self, near: Matrix, least: float) -> str:
        """Return the topic that a text is nearest to, of its nearness to each; empty where that is under `least`."""
        best = int(near.argmax())
        return self.names[best] if near[best] >= least else ""

    def subjects(self, near: Matrix) -> dict[str, float]:
        """Return what kinds of things a turn is about, the likeliest first, of its nearness to each topic."""
        shares = np.exp(near - near.max())
        told: dict[str, float] = {}
        for subject, share in zip(self._subjects, shares / shares.sum(), strict=True):
            told[subject] = told.get(subject, 0.0) + float(share)
        return dict(sorted(told.items(), key=lambda each: -each[1]))

    def share(self, true: NDArray[np.bool_]) -> Matrix:
        """Return of how many of each topic's questions something is true, 0 to 1, of bool (questions,)."""
        return np.bincount(self.groups.of, weights=true) / np.bincount(self.groups.of)
