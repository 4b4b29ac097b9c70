"""Role-play cards: their schema, and the part of a card that a candidate may see."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=64)]

Profession = Literal[
    "dentistry", "dietetics", "medicine", "nursing", "occupational therapy", "optometry", "pharmacy", "physiotherapy",
    "podiatry", "radiography", "speech pathology", "veterinary science",
]  # fmt: skip


class _CardPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CandidateSide(_CardPart):
    """What is printed on the candidate's card."""

    role: Text
    background: Text
    tasks: tuple[Text, ...] = Field(min_length=3, max_length=5)


class PatientSide(_CardPart):
    """Who the other party is; never sent to a candidate."""

    name: Text
    # This is the age of the person who speaks (for an animal or a child: the owner or the parent).
    age: int = Field(ge=0, le=120)
    sex: Literal["female", "male"]
    # The sex of the child or the animal that the other party speaks for, if it is their trouble.
    speaks_for: Literal["female", "male"] | None = None
    accent: Literal["en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp"] = "en-us"
    rate_wpm: int = Field(default=130, ge=90, le=200)
    mood: Text
    history: Text
    persona: Text
    hidden_facts: tuple[Text, ...] = ()


class Cue(_CardPart):
    """Something the patient tells: when asked, or of its own accord once its turn has come.

    `after` names cues that must have been heard before; `once` keeps a volunteered cue from ever being said again,
    an asked one may be told again when asked again unless `once` is set.
    """

    id: Slug
    # The topic is neutral, and shown to the candidate after the role-play: "Allergies", never what the answer is.
    topic: Text
    kind: Literal["asked", "volunteered"]
    after: tuple[Slug, ...] = ()
    triggers: tuple[Text, ...] = ()
    says: tuple[Text, ...] = Field(min_length=1)
    emotion: Text = "neutral"
    once: bool = False

    @model_validator(mode="after")
    def _asked_needs_triggers(self) -> Cue:
        if self.kind == "asked" and not self.triggers:
            raise ValueError(f"cue '{self.id}' is asked for but has no triggers")
        return self


class Fact(_CardPart):
    """Something small that the patient knows and tells whoever asks; it is no cue, and nobody counts it."""

    id: Slug
    topic: Text
    triggers: tuple[Text, ...] = Field(min_length=1)
    says: tuple[Text, ...] = Field(min_length=1)


class Lines(_CardPart):
    """What the patient says when no cue is told; each is a list of variants."""

    greeting: tuple[Text, ...] = Field(min_length=1)
    acknowledge: tuple[Text, ...] = Field(min_length=2)  # after an explanation, advice or reassurance
    closing: tuple[Text, ...] = Field(min_length=1)
    say_again: tuple[Text, ...] = Field(min_length=1)
    silence: tuple[Text, ...] = Field(min_length=1)
    not_on_card: tuple[Text, ...] = Field(min_length=2)
    permit: tuple[Text, ...] = Field(default=("Yes, that's fine.", "Of course, go ahead."), min_length=1)
    # Asked for what is on one's mind before one is ready to tell it.
    not_yet: tuple[Text, ...] = Field(
        default=(
            "There is something, but I'd rather come to that in a moment.",
            "I'd rather come to that in a moment, if you don't mind.",
        ),
        min_length=1,
    )
    # Asked whether there is anything else; true as well when a volunteered cue still waits for its turn.
    nothing_more: tuple[Text, ...] = Field(default=("I can't think of anything right now.",), min_length=1)
    # What anybody would say; a card may have its own.
    comforted: tuple[Text, ...] = Field(default=("Thank you.", "I appreciate that."), min_length=1)
    thanked: tuple[Text, ...] = Field(default=("That's all right.", "No problem."), min_length=1)
    bad_news: tuple[Text, ...] = Field(
        default=("Oh. I didn't expect that. Give me a moment, please.", "Oh no. That's a lot to take in."), min_length=1
    )
    # Told that bad news is coming, and asked to do something here and now.
    warned: tuple[Text, ...] = Field(default=("What is it? Please just tell me.", "Oh. What is it?"), min_length=1)
    comply: tuple[Text, ...] = Field(default=("All right.", "Yes, of course."), min_length=1)
    hurt: tuple[Text, ...] = Field(
        default=("Please don't speak to me like that.", "That's not a nice thing to say."), min_length=1
    )
    unsafe: tuple[Text, ...] = Field(
        default=("Are you sure? That doesn't sound safe to me.", "Really? I'd rather check that with somebody first."),
        min_length=1,
    )
    language: tuple[Text, ...] = Field(
        default=("That's all right, don't worry.", "Don't worry about it, please."), min_length=1
    )
    aside: tuple[Text, ...] = Field(default=("Sorry, are you talking to me?",), min_length=1)
    readiness: tuple[Text, ...] = Field(default=("Maybe a six, I'd say.",), min_length=1)
    summary: tuple[Text, ...] = Field(default=("Yes, that's right.", "Yes, that's about it."), min_length=1)
    agree: tuple[Text, ...] = Field(default=("Yes, I could do that.", "All right, I'll try."), min_length=1)
    # Offered something, and asked to choose.
    accept: tuple[Text, ...] = Field(default=("Yes, please.", "Yes, please. That would help."), min_length=1)
    choose: tuple[Text, ...] = Field(default=("Either is fine with me.", "Whatever suits you best."), min_length=1)
    small_talk: tuple[Text, ...] = Field(default=("Oh, yes.", "Mm, yes."), min_length=1)


class Card(_CardPart):
    """A role-play card: both sides, the cues and the patient's other lines."""

    id: Slug
    version: int = Field(ge=1)
    title: Text
    profession: Profession
    setting: Text
    candidate: CandidateSide
    patient: PatientSide
    opening: Text | None = None  # said by the patient first; None: the candidate starts
    cues: tuple[Cue, ...] = Field(min_length=3)
    facts: tuple[Fact, ...] = ()
    lines: Lines
    vocabulary: tuple[Text, ...] = ()  # names and drugs the recogniser should know
    # How words and phrases of the patient's are read out, in letters: {"Ngaio": "nye oh"}.
    pronunciations: dict[Text, Text] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _cues_are_consistent(self) -> Card:
        ids = [cue.id for cue in self.cues]
        for cue_id in ids:
            if ids.count(cue_id) > 1:
                raise ValueError(f"cue id '{cue_id}' is used twice")
        known = set(ids)
        for fact in self.facts:
            if fact.id in known:
                raise ValueError(f"fact id '{fact.id}' is used twice")
            known.add(fact.id)
        for cue in self.cues:
            for other in cue.after:
                if other not in ids:
                    raise ValueError(f"cue '{cue.id}' comes after '{other}', which is not on this card")
        cycle = _find_cycle({cue.id: cue.after for cue in self.cues})
        if cycle:
            raise ValueError("cues wait for each other in a circle: " + " -> ".join(cycle))
        return self

    @property
    def is_free(self) -> bool:
        """Whether there is no card at all, only a conversation; see `pipelines/patient/free.py`."""
        return False

    def words(self) -> frozenset[str]:
        """Return all words of the card in lower case."""
        return frozenset(re.findall(r"[a-z]+", self.model_dump_json().lower()))

    def cue(self, cue_id: str) -> Cue:
        """Return the cue of that id; raises KeyError."""
        for cue in self.cues:
            if cue.id == cue_id:
                return cue
        raise KeyError(cue_id)

    def fact(self, fact_id: str) -> Fact:
        """Return the fact of that id; raises KeyError."""
        for fact in self.facts:
            if fact.id == fact_id:
                return fact
        raise KeyError(fact_id)


def _find_cycle(after: dict[str, tuple[str, ...]]) -> list[str]:
    """Return one circle of `after` references as ids, first id repeated at the end, or an empty list."""
    done: set[str] = set()

    def visit(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return []
        for following in after[node]:
            found = visit(following, [*path, node])
            if found:
                return found
        done.add(node)
        return []

    for start in after:
        found = visit(start, [])
        if found:
            return found
    return []


class PublicCard(_CardPart):
    """The candidate's view of a card: what may be sent to a browser."""

    id: str
    version: int
    title: str
    profession: str
    setting: str
    role: str
    background: str
    tasks: tuple[str, ...]
    patient_speaks_first: bool
    # How many things there are to find out, and how the patient sounds: what makes a card easy or hard.
    things: int
    rate_wpm: int
    accent: str


def public_view(card: Card) -> PublicCard:
    """Return what a candidate may see of `card`."""
    return PublicCard(
        id=card.id,
        version=card.version,
        title=card.title,
        profession=card.profession,
        setting=card.setting,
        role=card.candidate.role,
        background=card.candidate.background,
        tasks=card.candidate.tasks,
        patient_speaks_first=card.opening is not None,
        things=len(card.cues),
        rate_wpm=card.patient.rate_wpm,
        accent=card.patient.accent,
    )
