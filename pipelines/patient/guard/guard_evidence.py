"""What may be said at a moment: what is released, what was heard, what everybody knows, what the candidate has said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pipelines.engines import HistoryItem, Release
from pipelines.intent.acts import FOLLOWED, Act
from pipelines.patient.card import Card, Cue, Fact
from pipelines.patient.guard.guard_words import SaidText, numbers_of, pieces, said, stems_of

ECHOED = FOLLOWED - {Act.CHECK, Act.READINESS, Act.SUMMARY} | {
    Act.GREETING,
    Act.FAREWELL,
    Act.PERMISSION,
    Act.REPEAT,
}  # fmt: skip
"""Turns whose words a patient may take up: what was explained or advised, not what was asked."""

NOTHING_TOLD = frozenset({Act.CUE, Act.UNSURE, Act.UNKNOWN, Act.OPEN, Act.INVITATION, Act.IDENTITY})
"""Questions whose answer is in the release, or nowhere."""

# So many of the candidate's turns before this one may still be taken up.
TURNS_BACK = 3


@dataclass(frozen=True, slots=True)
class GuardItem:
    """One thing that the card knows: a cue, a fact, or a sentence of the patient's history that none of them tells.

    `asks` has what asks for it, and its topic.
    """

    id: str
    topic: str
    texts: tuple[str, ...]
    asks: tuple[str, ...] = ()

    @property
    def stems(self) -> frozenset[str]:
        """The content stems of all that tells it."""
        return stems_of(self.texts)


class CardKnowledge:
    """A card as the guard sees it: its items, and what is no secret."""

    def __init__(self, card: Card) -> None:
        self.card = card
        known: tuple[Cue | Fact, ...] = (*card.cues, *card.facts)
        told = [GuardItem(item.id, item.topic, item.says, (*item.triggers, item.topic)) for item in known]
        self.items = (*_with_history(told, card),)
        patient, candidate = card.patient, card.candidate
        lines = [text for _, variants in card.lines for text in variants]
        # What is printed for the candidate, who the patient is, and what any patient of this card says.
        self.public: tuple[str, ...] = tuple(
            piece
            for text in (card.title, card.setting, candidate.role, candidate.background, *lines, card.opening or "")
            for piece in pieces(text)
        )
        identity = f"{patient.name} {patient.age}"
        self.public_stems = stems_of(self.public) | said(patient.name).stems
        self.public_numbers = numbers_of((*self.public, identity))
        names = " ".join((*self.public, *card.vocabulary, *candidate.tasks, patient.name))
        self.public_names = frozenset(said(names).words) | {word.lower() for word in names.split()}

    @cached_property
    def by_id(self) -> dict[str, GuardItem]:
        """The items by their ids."""
        return {item.id: item for item in self.items}


@dataclass(frozen=True)
class GuardEvidence:
    """What may be said now, on a card; `released` names the items that may be told, `asked` is the candidate's turn.

    `tells_item`: what is released now is a cue or a fact, not a line that tells nothing.
    """

    knowledge: CardKnowledge
    act: Act
    tells_item: bool
    released: frozenset[str]
    # What is released or was heard from the patient, as pieces.
    told: tuple[str, ...]
    # What of the candidate's words may be taken up, as pieces.
    echoed: tuple[str, ...]
    asked: SaidText
    release_text: str

    @cached_property
    def told_stems(self) -> frozenset[str]:
        """The content stems of what is released, was heard, or is no secret."""
        return stems_of(self.told) | self.knowledge.public_stems

    @cached_property
    def heard_numbers(self) -> frozenset[float]:
        """The numbers of what is released or was heard."""
        return numbers_of(self.told)

    @cached_property
    def told_numbers(self) -> frozenset[float]:
        """These, and the numbers that are no secret."""
        return self.heard_numbers | self.knowledge.public_numbers

    @cached_property
    def echoed_stems(self) -> frozenset[str]:
        """The content stems of what may be taken up."""
        return stems_of(self.echoed)

    @cached_property
    def echoed_numbers(self) -> frozenset[float]:
        """The numbers of the same."""
        return numbers_of(self.echoed)

    @cached_property
    def hidden(self) -> tuple[GuardItem, ...]:
        """The items that may not be told."""
        return tuple(item for item in self.knowledge.items if item.id not in self.released)

    def after(self, clause: str) -> GuardEvidence:
        """Return the same once a clause of the reply was let through: what it says is said."""
        return replace(self, told=(*self.told, *pieces(clause)))


def evidence_of(
    knowledge: CardKnowledge, *, release: Release, history: Sequence[HistoryItem], question: str
) -> GuardEvidence:
    """Return what may be said at that moment."""
    heard = [item for item in history if item.role == "patient" and item.text.strip()]
    released = {name for name in (release.cue, release.fact) if name}
    released |= {cue for item in heard for cue in item.cues}
    texts = [release.text, *(item.text for item in heard)]
    for item in knowledge.items:
        if item.id not in released and any(_told_in(item, text) for text in texts):
            released.add(item.id)
    texts += [text for name in released if (known := knowledge.by_id.get(name)) is not None for text in known.texts]
    echoed: list[str] = []
    if release.act in ECHOED:
        said_before = [item.text for item in history if item.role == "candidate"]
        echoed = [question, *said_before[-TURNS_BACK:]]
    return GuardEvidence(
        knowledge,
        release.act,
        bool(release.cue or release.fact),
        frozenset(released),
        tuple(dict.fromkeys(piece for text in texts for piece in pieces(text))),
        tuple(dict.fromkeys(piece for text in echoed for piece in pieces(text))),
        said(question),
        release.text,
    )


def _told_in(item: GuardItem, text: str) -> bool:
    """Whether one of the item's texts was said, all of it or in part, in that text."""
    words = said(text).words
    for own in item.texts:
        wanted = said(own).words
        if len(wanted) >= 3 and _inside(wanted, words):
            return True
    return False


def _inside(few: Sequence[str], many: Sequence[str]) -> bool:
    length = len(few)
    return any(tuple(many[start : start + length]) == tuple(few) for start in range(len(many) - length + 1))


def _with_history(told: list[GuardItem], card: Card) -> list[GuardItem]:
    """Add what else the card knows: each sentence to the item that it is about, or as an item of its own."""
    patient = card.patient
    extra: dict[str, list[str]] = {item.id: [] for item in told}
    alone: list[GuardItem] = []
    known = stems_of((card.title, card.setting, card.candidate.background))
    for text in (*patient.hidden_facts, *_sentences(patient.history), *_sentences(patient.persona)):
        heavy = said(text).heavy - known
        best = max(told, key=lambda item: len(heavy & item.stems), default=None)
        if best is not None and len(heavy & best.stems) >= max(1, len(heavy) / 4):
            extra[best.id].append(text)
        elif len(heavy) >= 2:
            alone.append(GuardItem(f"history-{len(alone) + 1}", "history", (text,)))
    return [*(replace(item, texts=(*item.texts, *extra[item.id])) for item in told), *alone]


def _sentences(text: str) -> list[str]:
    return [piece.strip() for piece in text.split(". ") if piece.strip()]
