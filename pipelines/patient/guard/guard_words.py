"""The words of a text as the guard compares them: content stems, and names by their capitals."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from pipelines.intent.words import FUNCTION_WORDS, stem, tokens
from pipelines.patient.guard.guard_amounts import amounts

_NAMES = re.compile(r"[^\W\d_][\w'’-]*")
_SENTENCE = re.compile(r"[^.?!]+[.?!]*")
_SENTENCE_ENDS = re.compile(r"(?:^|[.!?:;…\"“(]\s*)\W*$")
# Words of little weight beside those that carry grammar.
_PLAIN = frozenset(
    """again always never often sometimes thing stuff kind way lot lots bit much more less really quite ago since until
    everybody nobody nothing ever keep kept put take took taken went gone came give gave say said tell told feel felt
    want wanted need try tried use used find found start started begin began seem seems""".split()
)


@dataclass(frozen=True, slots=True)
class SaidText:
    """What a text says, taken apart: its words in order, the stems of those that carry content, its numbers."""

    text: str
    words: tuple[str, ...]
    stems: frozenset[str]
    numbers: frozenset[float]

    @property
    def heavy(self) -> frozenset[str]:
        """The stems that tell something: without those that go with anything."""
        return self.stems - _PLAIN_STEMS


# Words for the same, as patients on both sides of the ocean say them.
_SAME = {
    "kid": "child", "children": "child", "mum": "mother", "mom": "mother", "mommi": "mother", "mummi": "mother",
    "dad": "father", "daddi": "father", "tumor": "tumour", "pill": "tablet", "wive": "wife", "doc": "doctor",
}  # fmt: skip
_PLAIN_STEMS = frozenset(map(stem, _PLAIN))


def _same(word: str) -> str:
    return _SAME.get(word, word)


@lru_cache(maxsize=8192)
def said(text: str) -> SaidText:
    """Return a text taken apart."""
    words = tokens(text)
    stems = frozenset(_same(stem(word)) for word in words if word not in FUNCTION_WORDS and not word.isdigit())
    return SaidText(text, words, stems, amounts(text))


def stems_of(texts: Iterable[str]) -> frozenset[str]:
    """Return the content stems of all texts."""
    return frozenset().union(*(said(text).stems for text in texts))


def numbers_of(texts: Iterable[str]) -> frozenset[float]:
    """Return the numbers of all texts."""
    return frozenset().union(*(said(text).numbers for text in texts))


def names_in(text: str) -> list[str]:
    """Return the words with a capital that does not come from a sentence's beginning, lower case."""
    found = []
    for match in _NAMES.finditer(text):
        word = match[0].replace("’", "'").split("'")[0]
        if len(word) < 2 or not word[0].isupper() or _SENTENCE_ENDS.search(text[: match.start()]):
            continue
        found.append(word.lower())
    return found


@lru_cache(maxsize=8192)
def telling_words(text: str) -> tuple[str, ...]:
    """Return the words of a text that tell something, as they stand, each once."""
    found = (word for word in tokens(text) if word not in FUNCTION_WORDS and word not in _PLAIN)
    return tuple(dict.fromkeys(word for word in found if not word.isdigit()))


def telling_words_of(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the telling words of all texts, each once."""
    return tuple(dict.fromkeys(word for text in texts for word in telling_words(text)))


@lru_cache(maxsize=8192)
def pieces(text: str) -> tuple[str, ...]:
    """Return a text whole, its sentences and its clauses: what a reply may tell of it."""
    from pipelines.tts.clauses import split_clauses

    found = [text.strip(), *map(str.strip, _SENTENCE.findall(text)), *(clause for clause, _ in split_clauses(text))]
    return tuple(dict.fromkeys(piece for piece in found if any(sign.isalnum() for sign in piece)))
