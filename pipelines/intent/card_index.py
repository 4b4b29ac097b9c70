"""What may be asked of one card: a classifier over its cues and facts, and "none of them"."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from pipelines.intent.encoder import Vectors
from pipelines.intent.groups import Groups
from pipelines.intent.ridge import Matrix, fit, with_constant
from pipelines.intent.topics import TopicIndex
from pipelines.intent.vectors import Vectoriser
from pipelines.patient.card import Card

RIDGE = 0.1
# An answer's own words tell half as much of the question as an example of it.
SAYS_WEIGHT = 0.5
# A common topic belongs to a cue or fact whose examples are so near to it; what belongs to none is "none of them".
ATTACHED = 0.6
# "None of them" weighs as much as the cues of an ordinary card together count, for nine of them.
NONE_PER_ITEM = 1.0 / 9.0

FEATURES = ("own", "own_margin", "beyond_none", "examples", "says", "examples_margin", "against")
"""The columns of `CardIndex.features`."""


class CardIndex:
    """One card's classifier; `items` has the ids of its cues, then those of its facts."""

    def __init__(self, card: Card, vectoriser: Vectoriser, topics: TopicIndex) -> None:
        asked = [(cue.id, (*cue.triggers, cue.topic), cue.says) for cue in card.cues]
        asked += [(fact.id, (*fact.triggers, fact.topic), fact.says) for fact in card.facts]
        self.items = tuple(item for item, _, _ in asked)
        self.examples = [(item, example) for item, (_, examples, _) in enumerate(asked) for example in examples]
        said = [(item, part) for item, (_, _, says) in enumerate(asked) for part in _parts(says)]
        self._example_vectors = vectoriser.encode([text for _, text in self.examples])
        self._said_vectors = vectoriser.encode([text for _, text in said])
        self._examples = Groups([item for item, _ in self.examples])
        self._said = Groups([item for item, _ in said])
        near = topics.likeness(self._example_vectors)
        # How near each topic is to each item, and the topics that belong to none.
        self._nearness = np.stack([near[self._examples.of == item].max(axis=0) for item in range(len(asked))], axis=1)
        self._foreign = self._nearness.max(axis=1) < ATTACHED
        self._topics = topics
        self._weights = self._learn()

    def _learn(self) -> Matrix:
        count = len(self.items)
        foreign = self._topics.vectors[self._foreign[self._topics.groups.of]]
        vectors = with_constant(np.vstack([self._example_vectors, self._said_vectors, foreign]))
        classes = np.concatenate([self._examples.of, self._said.of, np.full(len(foreign), count)])
        each = [
            np.ones(len(self._example_vectors)),
            np.full(len(self._said_vectors), SAYS_WEIGHT),
            np.ones(len(foreign)),
        ]
        weights = np.concatenate(each)
        totals = np.bincount(classes, weights=weights, minlength=count + 1)
        weights = weights / totals[classes]
        weights[classes == count] *= NONE_PER_ITEM * count
        return fit(vectors, classes, count + 1, weights=weights, ridge=RIDGE)

    def features(self, vectors: Vectors) -> Matrix:
        """Return what speaks for each item, float64 (texts, items, columns): see `calibration.py` for their worth."""
        count = len(self.items)
        scores = with_constant(vectors) @ self._weights
        own, none = scores[:, :count], scores[:, count:]
        examples = self._examples.best_two(vectors @ self._example_vectors.T)
        said = self._said.best_two(vectors @ self._said_vectors.T)
        near = np.clip(self._topics.likeness(vectors), 0.0, 1.0)
        # A topic that the words are near to, and the item is not, speaks against the item.
        against = (near[:, :, np.newaxis] - self._nearness[np.newaxis]).max(axis=1)
        return np.stack([own, _margins(own), own - none, examples, said, _margins(examples), against], axis=2)

    def foreign_topic(self, vectors: Vectors) -> tuple[str, float]:
        """Return the common topic, of those that are not this card's, that the texts are nearest to, and how near."""
        near = np.where(self._foreign, self._topics.likeness(vectors), -1.0).max(axis=0)
        best = int(near.argmax())
        return self._topics.names[best], float(near[best])

    def example(self, item: int, vectors: Vectors) -> str:
        """Return the example of an item that the texts are nearest to."""
        places = np.flatnonzero(self._examples.of == item)
        likeness = (vectors @ self._example_vectors[places].T).max(axis=0)
        _, text = self.examples[int(places[int(likeness.argmax())])]
        return text


def _parts(says: Sequence[str]) -> list[str]:
    """Return each answer, and each of its sentences."""
    return list(dict.fromkeys(part for text in says for part in (text, *re.split(r"(?<=[.?!])\s+", text))))


def _margins(scores: Matrix) -> Matrix:
    """Return by how much each is better than the best of the others."""
    ordered = np.sort(scores, axis=1)
    first, second = ordered[:, -1:], ordered[:, -2:-1]
    return scores - np.where(scores >= first, second, first)
