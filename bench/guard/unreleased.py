"""Finds unreleased facts in replies, apart from the guard: it shares no code with it but the cards.

Every word, number and name of what a card may not tell at a moment is looked for. A number or a name is a finding; so
are two telling words of one item; a single telling word is kept for a person to read.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from common.errors import AudioError
from pipelines.patient.card import Card

_WORD = re.compile(r"[a-z]+|\d+(?:\.\d+)?")
_NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
} | {"twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80",
     "ninety": "90", "hundred": "100", "thousand": "1000", "dozen": "12", "twice": "2", "couple": "2"}  # fmt: skip
# These say how many in passing: "one of them", "two things".
_COMMON_NUMBERS = frozenset({"0", "1", "2"})
# A word that so many of the cards use tells nothing of one of them.
COMMON_CARDS = 4
_ENDINGS = ("ing", "ed", "es", "s", "ly", "er")


class ReplyRow(BaseModel):
    """One reply of a file: at what moment it was given, and its words."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    card: str
    reply: str
    question: str = ""
    release: str = ""
    # The cue or fact that is released, and those told before.
    cue: str | None = None
    fact: str | None = None
    told: tuple[str, ...] = ()
    # What was said before by either.
    history: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """What a reply tells of an item: its kind is number, name, words or word."""

    kind: str
    item: str
    words: tuple[str, ...]


def load_replies(path: Path) -> Iterator[ReplyRow]:
    """Yield the rows of a JSONL file; raises AudioError (`sentences.invalid`) naming the line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AudioError(f"{path.name} can't be read as text: {error}", code="sentences.invalid") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield ReplyRow.model_validate(json.loads(line))
        except (json.JSONDecodeError, ValidationError, RecursionError) as error:
            raise AudioError(
                f"{path.name}, line {number} is no reply {{card, reply, question, release, cue, fact, told, history}}",
                code="sentences.invalid",
            ) from error


class Finder:
    """Looks for what may not be told."""

    def __init__(self, cards: Mapping[str, Card]) -> None:
        self._cards = cards
        used = Counter(word for card in cards.values() for word in set(_words(" ".join(_all_texts(card)))))
        self._common = {word for word, count in used.items() if count >= min(COMMON_CARDS, len(cards))}
        # What the cards' own lines say tells nothing either.
        self._lines = {card.id: set(_words(" ".join(_public(card)))) for card in cards.values()}

    def find(self, row: ReplyRow) -> list[Found]:
        """Return what a reply tells that may not be told; raises AudioError for a card that is not there."""
        card = self._cards.get(row.card)
        if card is None:
            raise AudioError(f"there is no card '{row.card}'", code="sentences.invalid")
        released = {row.cue, row.fact, *row.told}
        items = {cue.id: cue.says for cue in card.cues} | {fact.id: fact.says for fact in card.facts}
        open_texts = [text for item, says in items.items() if item in released for text in says]
        allowed = set(_words(" ".join([row.release, row.question, *row.history, *open_texts]))) | self._lines[card.id]
        said = set(_words(row.reply)) - allowed
        names = {word.lower() for word in card.vocabulary if word[:1].isupper()}
        found: list[Found] = []
        for item, says in items.items():
            if item in released:
                continue
            own = set(_words(" ".join(says))) & said
            found += self._kinds(item, own, names)
        return found

    def _kinds(self, item: str, own: set[str], names: set[str]) -> Iterator[Found]:
        numbers = {word for word in own if word.isdigit()} - _COMMON_NUMBERS
        named = own & names
        words = {word for word in own - numbers - named if word not in self._common and len(word) > 3}
        if numbers:
            yield Found("number", item, tuple(sorted(numbers)))
        if named:
            yield Found("name", item, tuple(sorted(named)))
        if words:
            yield Found("words" if len(words) > 1 else "word", item, tuple(sorted(words)))


def summary(findings: Iterable[list[Found]]) -> dict[str, int]:
    """Return how many replies have a finding of each kind; `any` leaves single words out."""
    counts = {"replies": 0, "number": 0, "name": 0, "words": 0, "word": 0, "any": 0}
    for found in findings:
        kinds = {each.kind for each in found}
        counts["replies"] += 1
        counts["any"] += bool(kinds - {"word"})
        for kind in kinds:
            counts[kind] += 1
    return counts


def _all_texts(card: Card) -> Iterator[str]:
    for cue in card.cues:
        yield from cue.says
    for fact in card.facts:
        yield from fact.says


def _public(card: Card) -> Iterator[str]:
    candidate = card.candidate
    yield from (
        card.title,
        card.setting,
        candidate.role,
        candidate.background,
        card.patient.name,
        str(card.patient.age),
    )
    for _, variants in card.lines:
        yield from variants


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(text.lower().replace("’", "'")):
        if word in _NUMBER_WORDS:
            yield _NUMBER_WORDS[word]
        elif word.isdigit() or len(word) <= 3:
            yield word
        else:
            yield _root(word)


def _root(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word
