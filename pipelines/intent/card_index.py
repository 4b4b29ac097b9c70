"""What may be asked of one card: how near a turn is to each of its cues and facts, and to what is on no card."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.intent.encoder import Vectors
from pipelines.intent.groups import Groups
from pipelines.intent.item_reader import item_text
from pipelines.intent.ridge import Matrix
from pipelines.intent.topics import TopicIndex
from pipelines.intent.vectors import Vectoriser
from pipelines.patient.card import Card, Cue, Fact

# As near a question is to nothing at all: an item that is not nearer was not asked for. The encoder was tuned to it.
NOWHERE = 8.75
# A common topic is the card's if so many of its questions ask for an item of it; the others are "not on the card".
ATTACHED = 0.5
# Chest pain is near to any pain. A topic that no example of the item is nearest to is one all the same, at a handicap.
NEAREST_TO = 0.1
HANDICAP = 2.0
# An example that is so much nearer to another item than to its own will be answered with that one.
CONFUSED_AHEAD = 4.0


@dataclass(frozen=True, slots=True)
class Confused:
    """An example question of an item that asks for another one."""

    question: str
    item: str
    other: str


class CardIndex:
    """One card's examples as vectors; `items` has the ids of its cues, then of its facts, `topic_names` the topics'."""

    def __init__(self, card: Card, vectoriser: Vectoriser, topics: TopicIndex) -> None:
        self.items = (*(cue.id for cue in card.cues), *(fact.id for fact in card.facts))
        questions, said = examples_of(card)
        told: list[Cue | Fact] = [*card.cues, *card.facts]
        self._told = [(each.topic, each.says[0]) for each in told]
        self.examples = [*questions, *said]
        self._asked = len(questions)
        self._names = frozenset((*(cue.topic for cue in card.cues), *(fact.topic for fact in card.facts)))
        self._vectors = vectoriser.encode([text for _, text in self.examples])
        self._groups = Groups([item for item, _ in self.examples])
        self._topics = topics
        self.topic_names = topics.names
        foreign = topics.share(self._nearness(topics.vectors).max(axis=1) > NOWHERE) < ATTACHED
        shares = self._shares([item for item, _ in questions], self._vectors[: len(questions)])
        self._handicap = np.where(foreign, 0.0, np.where(shares.max(axis=0) < NEAREST_TO, HANDICAP, np.inf))

    def ahead(self, vectors: Vectors, topics: Matrix) -> Matrix:
        """Return by how much each item is nearer than all its rivals together, float64 (texts, items), in log odds.

        Its rivals are the other items, nothing at all, and the common topics that the card has not; `topics` has how
        near the texts are to all topics (`TopicIndex.nearness`).
        """
        nowhere = np.full((len(vectors), 1), NOWHERE)
        strange = topics - self._handicap
        return _ahead(self._nearness(vectors), np.hstack([nowhere, strange]))

    def _shares(self, of: Sequence[int], vectors: Vectors) -> Matrix:
        """Return of how many of each item's questions each common topic is the nearest, 0 to 1, (items, topics)."""
        near = self._topics.nearness(vectors)
        known, nearest = near.max(axis=1) > NOWHERE, near.argmax(axis=1)
        counts = np.zeros((len(self.items), near.shape[1]))
        np.add.at(counts, (np.array(of)[known], nearest[known]), 1.0)
        return np.asarray(counts / np.bincount(of, minlength=len(self.items))[:, np.newaxis], dtype=np.float64)

    def _nearness(self, vectors: Vectors) -> Matrix:
        return self._groups.nearness(vectors @ self._vectors.T)

    def confused(self) -> list[Confused]:
        """Return the example questions that ask clearly for another item than their own, going by all the others."""
        questions = self.examples[: self._asked]
        likeness = (self._vectors[: self._asked] @ self._vectors.T).astype(np.float64)
        # An example is not to be recognised by itself.
        np.fill_diagonal(likeness, -1.0)
        near = self._groups.nearness(likeness)
        own = near[np.arange(self._asked), self._groups.of[: self._asked]]
        return [
            Confused(text, self.items[item], self.items[int(most)])
            for (item, text), most, lead in zip(questions, near.argmax(axis=1), near.max(axis=1) - own, strict=True)
            # A topic is a name, and nobody asks in these words.
            if lead >= CONFUSED_AHEAD and text not in self._names
        ]

    def foreign_topic(self, topics: Matrix) -> tuple[str, float]:
        """Return the common topic, of those that are not this card's, that the texts are nearest to, and how near."""
        near = (topics - self._handicap).max(axis=0)
        best = int(near.argmax())
        return self._topics.names[best], float(near[best])

    def text_of(self, item: int, vectors: Vectors) -> str:
        """Return what a reader reads of an item: its topic, the question for it that is nearest, and its answer."""
        topic, says = self._told[item]
        return item_text(topic, self._nearest_of(np.flatnonzero(self._groups.of[: self._asked] == item), vectors), says)

    def example(self, item: int, vectors: Vectors) -> str:
        """Return the example of an item that the texts are nearest to."""
        return self._nearest_of(np.flatnonzero(self._groups.of == item), vectors)

    def _nearest_of(self, places: NDArray[np.int_], vectors: Vectors) -> str:
        likeness = (vectors @ self._vectors[places].T).max(axis=0)
        _, text = self.examples[int(places[int(likeness.argmax())])]
        return text


def examples_of(card: Card) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Return the questions that ask for a card's items, and the sentences that answer them, each with its item."""
    asked = [((*cue.triggers, cue.topic), cue.says) for cue in card.cues]
    asked += [((*fact.triggers, fact.topic), fact.says) for fact in card.facts]
    questions = [(item, text) for item, (asking, _) in enumerate(asked) for text in asking]
    # An answer's own words tell of the question too.
    said = [(item, text) for item, (_, says) in enumerate(asked) for text in parts_of(says)]
    return questions, said


def parts_of(says: Sequence[str]) -> list[str]:
    """Return each answer, and each of its sentences."""
    return list(dict.fromkeys(part for text in says for part in (text, *re.split(r"(?<=[.?!])\s+", text))))


def _ahead(near: Matrix, others: Matrix) -> Matrix:
    """Return by how much each is nearer than all of its rivals together, (texts, items)."""
    rivals = np.repeat(np.hstack([near, others])[:, np.newaxis], near.shape[1], axis=1)
    own = np.arange(near.shape[1])
    rivals[:, own, own] = -np.inf
    most = rivals.max(axis=2)
    together = most + np.log(np.exp(rivals - most[:, :, np.newaxis]).sum(axis=2))
    return np.asarray(near - together, dtype=np.float64)
