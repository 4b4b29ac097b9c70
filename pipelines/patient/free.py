"""A conversation without a card: who speaks and how is what a program says, and a language model says it.

Nothing is to be found out, so nothing is kept back, and no cue is counted. What a conversation needs of a card beside
that (a voice, a name) is here.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from pipelines.engines import Release, RespondKind
from pipelines.patient.card import CandidateSide, Card, Cue, Lines, PatientSide, Text
from pipelines.patient.disclosure import DISTRESS_LINE, Disclose, Disclosure, Moment

FREE_ID = "free"
"""What programs name in place of a card."""

USUAL_INSTRUCTIONS = "You are a friendly person who has a talk with somebody."
"""Who speaks where the program does not say."""

NO_ANSWER_LINE = "I'm sorry, I can't find the words just now."
"""What is said where the language model says nothing, or nothing that may be spoken."""


class FreeSide(CandidateSide):
    """Whoever talks has no tasks."""

    tasks: tuple[Text, ...] = ()


class FreeCard(Card):
    """What stands in a card's place: nothing on it is to be found out."""

    candidate: FreeSide
    cues: tuple[Cue, ...] = ()

    @property
    def is_free(self) -> bool:
        """A language model answers, by what a program says of the speaker."""
        return True


FREE_CARD = FreeCard(
    id=FREE_ID,
    version=1,
    title="Free conversation",
    # A card has one; nobody chooses this card by it.
    profession="medicine",
    setting="A conversation",
    candidate=FreeSide(role="Speaker", background="A free conversation has no card."),
    patient=PatientSide(
        name="Alex", age=40, sex="female", mood="friendly", history="None.", persona=USUAL_INSTRUCTIONS
    ),
    lines=Lines(
        greeting=("Hello.",),
        acknowledge=("I see.", "All right."),
        closing=("I have to go now. Goodbye.",),
        say_again=("Sorry, could you say that again?",),
        silence=("Are you still there?",),
        not_on_card=(NO_ANSWER_LINE, "Sorry, I don't know what to say to that."),
    ),
)


SMALL_TALK = Cue(
    id="small-talk",
    topic="Small talk",
    kind="asked",
    triggers=("How are you today?", "Have you had a good day?"),
    says=("I'm fine, thank you.",),
)


def read_as(card: Card) -> Card:
    """Return the card that turns are read against: interpreters compare what is said with something."""
    return card.model_copy(update={"cues": (SMALL_TALK,)}) if card.is_free else card


def free_digest() -> str:
    """Return the SHA-256 of what stands in a card's place, in hex."""
    return hashlib.sha256(FREE_CARD.model_dump_json().encode()).hexdigest()


def disclosure_of(card: Card, rules: Disclosure) -> Disclose:
    """Return what says what may be told: the card's rules, or all of it where there is no card."""
    return _FreeTalk(rules) if card.is_free else rules


class _FreeTalk:
    """Everything may be said in other words; each release has what is said where nothing else comes."""

    def __init__(self, rules: Disclosure) -> None:
        self._rules = rules

    def __call__(self, moment: Moment) -> Release:
        """Return what may be said at that moment."""
        heard = moment.interpretation
        match moment.kind:
            case RespondKind.REPLY if heard.distress:
                return Release(heard.act, DISTRESS_LINE, reason="the person who speaks may be in distress")
            case RespondKind.REPLY:
                return Release(heard.act, NO_ANSWER_LINE, reason="there is no card", free=True)
            case RespondKind.OPENING | RespondKind.SILENCE:
                return replace(self._rules(moment), free=True)
            case RespondKind.CLOSING:
                return self._rules(moment)
