"""A card's names and drugs, taught to one decoder.

A word outside the language model has no probability, so it is entered there before the dictionary, as a unigram of a
chosen weight; the model can't raise a word it already has, so a known but rare name is entered once more under a marked
spelling, which the reader of results takes off again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from common.errors import EngineError
from pipelines.stt.phones import ARPABET, american_spellings, plain_word, pronounce

Pronounce = Callable[[str], tuple[tuple[str, ...], ...]]
"""A word's likely pronunciations in ARPAbet phones."""

_MARK = "~"  # in no word of the stock dictionary


class Vocabulary:
    """What one decoder has been taught; words are remembered, so that teaching twice is harmless."""

    def __init__(self, decoder: Any, *, weight: float, speak: Pronounce = pronounce) -> None:
        self._decoder = decoder
        self._model = decoder.get_lm()
        self._weight = weight
        self._speak = speak
        self._spelt: dict[str, str] = {}  # how the decoder writes a word -> how the card does
        self.taught: frozenset[str] = frozenset()

    def teach(self, terms: Iterable[str]) -> tuple[str, ...]:
        """Add every word of `terms`; return those that could not be given a pronunciation."""
        wanted = [word for word in split_terms(terms) if word not in self.taught]
        failed = []
        for word in wanted:
            pronunciations = self._pronunciations(word)
            for number, phones in enumerate(pronunciations):
                self._add(f"{word}{_MARK}{number}", phones, shown=word)
            if not pronunciations:
                failed.append(word)
        if len(failed) < len(wanted):
            # Only an addition with update=True rebuilds the search (0.1 s each time): one for all, of a word that the
            # language model is given no weight for.
            self._decoder.add_word(f"{_MARK}{len(self.taught)}", "Z", True)
        self.taught |= frozenset(wanted)
        return tuple(failed)

    def spelling(self, written: str) -> str:
        """Return how to show a word that the decoder wrote."""
        return self._spelt.get(written, written)

    def _pronunciations(self, word: str) -> tuple[tuple[str, ...], ...]:
        for known in (word, *american_spellings(word)):
            if (phones := self._decoder.lookup_word(known)) is not None:
                if known != word:
                    self._spelt[known] = word
                return (tuple(str(phones).split()),)
        try:
            found = self._speak(word)
        except EngineError:
            return ()
        return tuple(phones for phones in found if ARPABET.issuperset(phones))

    def _add(self, written: str, phones: tuple[str, ...], *, shown: str) -> None:
        self._model.add_word(written, self._weight)
        self._decoder.add_word(written, " ".join(phones), False)
        self._spelt[written] = shown


def split_terms(terms: Iterable[str]) -> list[str]:
    """Return the words of `terms` ("Mrs Okonkwo") as recognisers write them, in order, each once."""
    words = (plain_word(piece) for term in terms for piece in term.replace("-", " ").split())
    return list(dict.fromkeys(word for word in words if any(mark.isalpha() for mark in word)))
