"""The lines of tests/data/guard, as moments of a role-play."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from common.errors import AudioError
from pipelines.engines import HistoryItem, Release
from pipelines.intent.acts import Act
from pipelines.patient.card import Card, Slug, Text
from pipelines.tts.clauses import split_clauses

_TOLD = re.compile(r"\[([^\]]*)\]")
# What the candidate's turn was that the card's own lines answer.
_ACTS = {
    "greeting": Act.GREETING, "acknowledge": Act.EXPLANATION, "closing": Act.FAREWELL, "say_again": Act.UNINTELLIGIBLE,
    "silence": Act.SILENCE, "not_on_card": Act.UNKNOWN, "permit": Act.PERMISSION, "nothing_more": Act.INVITATION,
    "comforted": Act.EMPATHY, "bad_news": Act.BAD_NEWS, "hurt": Act.RUDE, "language": Act.APOLOGY, "aside": Act.ASIDE,
    "readiness": Act.READINESS, "summary": Act.CHECK, "agree": Act.PROPOSAL,
}  # fmt: skip


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    ask: Text
    release: str
    says: Text
    told: tuple[Slug, ...] = ()


class _Questions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    any: tuple[Text, ...]
    by_card: dict[Slug, tuple[Text, ...]]


@dataclass(frozen=True, slots=True)
class LineCase:
    """A fitting reply, and the moment at which it is given."""

    card: Card
    question: str
    release: Release
    history: tuple[HistoryItem, ...]
    says: str


@dataclass(frozen=True, slots=True)
class LeakCase:
    """A reply that tells an item of the card in other words; `telling` are the parts that do so."""

    card: Card
    item: str
    says: str
    telling: tuple[str, ...]


def load_lines(path: Path, cards: Mapping[str, Card]) -> list[LineCase]:
    """Return the replies of a file; raises AudioError (`sentences.invalid`) naming file and fault."""
    rows = read_cases(path, TypeAdapter(dict[Slug, tuple[_Line, ...]]))
    return [_line(path, card_named(path, card_id, cards), row) for card_id, lines in rows.items() for row in lines]


def load_leaks(path: Path, cards: Mapping[str, Card]) -> list[LeakCase]:
    """Return the leaks of a file; raises AudioError (`sentences.invalid`)."""
    rows = read_cases(path, TypeAdapter(dict[Slug, dict[Slug, Text]]))
    found = []
    for card_id, leaks in rows.items():
        card = card_named(path, card_id, cards)
        known = {cue.id for cue in card.cues} | {fact.id for fact in card.facts}
        for item, text in leaks.items():
            if item not in known:
                raise AudioError(f"{path.name}: {card_id} has no '{item}'", code="sentences.invalid")
            telling = tuple(_TOLD.findall(text)) or (text,)
            found.append(LeakCase(card, item, text.replace("[", "").replace("]", ""), telling))
    return found


def load_misconduct(path: Path) -> dict[str, tuple[str, ...]]:
    """Return what no patient may say, by the rule that it breaks; raises AudioError (`sentences.invalid`)."""
    rows: dict[str, tuple[str, ...]] = read_cases(path, TypeAdapter(dict[str, tuple[Text, ...]]))
    return rows


def load_questions(path: Path) -> dict[str, tuple[str, ...]]:
    """Return the questions that want too much, by card; raises AudioError (`sentences.invalid`)."""
    questions = read_cases(path, TypeAdapter(_Questions))
    return {card: (*questions.any, *own) for card, own in questions.by_card.items()}


def release_of(card: Card, name: str, *, like: str = "") -> Release:
    """Return the release of a cue, a fact or one of the card's lines, in the variant nearest to `like`."""
    for cue in card.cues:
        if cue.id == name:
            return Release(Act.CUE, _nearest(cue.says, like), cue.id)
    for fact in card.facts:
        if fact.id == name:
            return Release(Act.CUE, _nearest(fact.says, like), None, fact=fact.id)
    variants = getattr(card.lines, name, None)
    if variants is None:
        raise AudioError(f"{card.id} has neither cue, fact nor line '{name}'", code="sentences.invalid")
    return Release(_ACTS[name], variants[0])


def told_before(card: Card, cues: tuple[str, ...]) -> tuple[HistoryItem, ...]:
    """Return a history in which the patient has told these cues."""
    items: list[HistoryItem] = []
    for cue in cues:
        items += [HistoryItem("candidate", card.cue(cue).topic), HistoryItem("patient", card.cue(cue).says[0], (cue,))]
    return tuple(items)


def clauses(text: str) -> Iterator[str]:
    """Yield a reply's clauses, as a responder gives them."""
    yield from (clause for clause, _ in split_clauses(text))


def _nearest(variants: tuple[str, ...], like: str) -> str:
    words = set(like.lower().split())
    return max(variants, key=lambda text: len(words & set(text.lower().split())))


def _line(path: Path, card: Card, row: _Line) -> LineCase:
    try:
        history = told_before(card, row.told)
    except KeyError as error:
        raise AudioError(f"{path.name}: {card.id} has no cue {error}", code="sentences.invalid") from error
    return LineCase(card, row.ask, release_of(card, row.release, like=row.says), history, row.says)


def card_named(path: Path, card_id: str, cards: Mapping[str, Card]) -> Card:
    """Return the card that a file names; raises AudioError (`sentences.invalid`) naming file and card."""
    card = cards.get(card_id)
    if card is None:
        raise AudioError(f"{path.name}: there is no card '{card_id}'", code="sentences.invalid")
    return card


def read_cases(path: Path, shape: TypeAdapter[Any]) -> Any:
    """Return what a YAML file holds, checked; raises AudioError (`sentences.invalid`) naming file, place and fault."""
    try:
        return shape.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise AudioError(f"{path.name}: {error.strerror or 'unreadable'}", code="sentences.invalid") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise AudioError(f"{path.name} is not YAML: correct it", code="sentences.invalid") from error
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise AudioError(f"{path.name}: {where}: {fault['msg']}", code="sentences.invalid") from error
