"""Vectors of what a card holds and of what is said: made once and kept, since what is said comes again as history."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from pipelines.intent.encoder import Vectors
from pipelines.intent.vectors import Vectoriser
from pipelines.patient.guard.guard_evidence import CardKnowledge, GuardItem
from pipelines.patient.guard.guard_words import pieces, telling_words_of

# So many texts' and words' vectors are kept, 1.5 KiB each: those of fifteen cards.
KEPT_TEXTS = 16384


class Near:
    """Vectors of texts, made once and kept for some time: what is said comes again as history."""

    def __init__(self, vectoriser: Vectoriser, *, kept: int = KEPT_TEXTS) -> None:
        self._vectoriser = vectoriser
        self._kept = kept
        self._known: OrderedDict[str, Vectors] = OrderedDict()
        self._width = 0
        self._lock = threading.Lock()

    def make(self, texts: Sequence[str]) -> None:
        """Have the vectors of texts made that there are not yet: at once, which costs less than one by one."""
        with self._lock:
            self._make(texts)

    def _make(self, texts: Sequence[str]) -> None:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._vectoriser.encode(new), strict=True))
            self._width = len(self._known[new[0]])

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """Return float32 (texts, width)."""
        with self._lock:
            self._make(texts)
            found = np.array([self._known[text] for text in texts], dtype=np.float32).reshape(len(texts), self._width)
            for text in texts:
                self._known.move_to_end(text)
            while len(self._known) > self._kept:
                self._known.popitem(last=False)
            return found


class CardVectors:
    """The pieces, the words and the questions of a card's items, and what is public on it, as vectors."""

    def __init__(self, knowledge: CardKnowledge, near: Near) -> None:
        self._items = items = knowledge.items
        self._pieces, self._piece_of = _grouped([_pieces_of(item) for item in items], near)
        self._asks, self._ask_of = _grouped([item.asks for item in items], near)
        self._words, self._word_of = _grouped([telling_words_of(item.texts) for item in items], near)
        self.public = near.vectors(knowledge.public)
        self.public_words = near.vectors(telling_words_of(knowledge.public))

    def hidden(self, released: frozenset[str]) -> Vectors:
        """Return the pieces of the items that may not be told, float32 (pieces, width)."""
        return self._pieces[self._hidden(released)[self._piece_of]]

    def asks(self, released: frozenset[str], *, hidden: bool) -> Vectors:
        """Return what asks for the items that may not be told, or may, float32 (texts, width)."""
        wanted = self._hidden(released) if hidden else ~self._hidden(released)
        return self._asks[wanted[self._ask_of]]

    def nearest_of_items(self, words: Vectors, released: frozenset[str]) -> Vectors:
        """Return how near each of some words is to the nearest telling word of each item that may not be told.

        float32 (items, words).
        """
        inside = self._hidden(released)[self._word_of]
        of = self._word_of[inside]
        if not len(of) or not len(words):
            return np.zeros((0, len(words)), dtype=np.float32)
        begins = np.flatnonzero(np.diff(of, prepend=-1))
        return np.asarray(np.maximum.reduceat(self._words[inside] @ words.T, begins, axis=0), dtype=np.float32)

    def nearest_hidden(self, vector: Vectors, released: frozenset[str]) -> tuple[float, GuardItem | None]:
        """Return how near the nearest item is that may not be told, and which it is."""
        hidden = self._hidden(released)[self._piece_of]
        if not hidden.any():
            return 0.0, None
        near = np.where(hidden, self._pieces @ vector, -1.0)
        best = int(near.argmax())
        return float(near[best]), self._items[self._piece_of[best]]

    def _hidden(self, released: frozenset[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return np.array([item.id not in released for item in self._items])


def _pieces_of(item: GuardItem) -> tuple[str, ...]:
    return tuple(piece for text in item.texts for piece in pieces(text))


def _grouped(groups: Sequence[Sequence[str]], near: Near) -> tuple[Vectors, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return the vectors of all texts of all groups, and the place of each one's group."""
    of = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    return near.vectors([text for group in groups for text in group]), of
