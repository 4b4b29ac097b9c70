"""How often the scripted patient takes a sentence for what it is: a pure function over cards and labelled cases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipelines.engines import HistoryItem, Interpreter, InterpretRequest, RespondKind, Word
from pipelines.intent.acts import FOLLOWED, Act
from pipelines.patient.card import Card
from pipelines.patient.disclosure import Disclosure, Moment

# Names that people who label sentences use for the same thing, each with the intents that satisfy it.
ALIASES: Mapping[str, frozenset[Act]] = {
    **dict.fromkeys(("acknowledge", "explanation", "advice", "reassurance", "statement", "check"), FOLLOWED),
    "not_on_card": frozenset({Act.UNKNOWN}),
    "unknown": frozenset({Act.UNKNOWN}),
    "open": frozenset({Act.OPEN}),
    "closing": frozenset({Act.FAREWELL}),
    "say_again": frozenset({Act.UNINTELLIGIBLE}),
    # "Could you roll up your sleeve?" asks for leave and for a movement.
    "permission": frozenset({Act.PERMISSION, Act.REQUEST}),
    "introduction": frozenset({Act.GREETING}),
    "unknown-question": frozenset({Act.UNKNOWN}),
}
VOLUNTEER = "volunteer"
"""Expected where the patient should tell a volunteered cue that is due, whichever it is."""


@dataclass(frozen=True, slots=True)
class MatchingCase:
    """A labelled sentence: `expected` is a cue of the card, an intent, or one of `ALIASES`.

    `told` names cues that were heard before. Where it is None and a cue is expected, the cues that must come before it
    count as told, so that a volunteered cue can be expected without spelling out a history.
    """

    card_id: str
    text: str
    expected: str
    told: tuple[str, ...] | None = None
    history: tuple[HistoryItem, ...] = ()
    # These are the words as recognised, with confidences; there are none for a written text.
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of a case: the cue told, the intent, the reason, and whether that was expected."""

    case: MatchingCase
    cue: str | None
    intent: Act
    reason: str
    score: float
    passed: bool


@dataclass(frozen=True, slots=True)
class MatchingReport:
    """All results in the order of the cases, and their rates (0..1)."""

    results: tuple[CaseResult, ...]

    @property
    def rate(self) -> float:
        """Share of cases that came out as expected; 0.0 without cases."""
        return sum(result.passed for result in self.results) / len(self.results) if self.results else 0.0

    @property
    def failures(self) -> tuple[CaseResult, ...]:
        """The cases that came out otherwise."""
        return tuple(result for result in self.results if not result.passed)

    @property
    def wrong_tellings(self) -> int:
        """How many cases told a cue that was not asked for: worse than asking again."""
        return sum(result.cue is not None for result in self.failures)

    def rates_by_card(self) -> dict[str, float]:
        """Return the rate of each card, by id."""
        groups: defaultdict[str, list[bool]] = defaultdict(list)
        for result in self.results:
            groups[result.case.card_id].append(result.passed)
        return {card_id: sum(passed) / len(passed) for card_id, passed in sorted(groups.items())}


def evaluate_matching(
    interpreter: Interpreter, cards: Mapping[str, Card], cases: Iterable[MatchingCase]
) -> MatchingReport:
    """Return what the scripted patient makes of each case.

    Raises KeyError for a card that isn't in `cards`, ValueError for an expectation that is no cue and no intent.
    """
    return MatchingReport(tuple(_run(interpreter, cards[case.card_id], case) for case in cases))


def _run(interpreter: Interpreter, card: Card, case: MatchingCase) -> CaseResult:
    cue_ids = {cue.id for cue in card.cues}
    facts = {fact.id for fact in card.facts}
    wanted: frozenset[Act] = frozenset()
    if case.expected not in cue_ids | facts and case.expected != VOLUNTEER:
        wanted = ALIASES.get(case.expected) or frozenset({_intent(case.expected)})
    told = case.told
    if told is None:
        told = tuple(sorted(_before(card, case.expected))) if case.expected in cue_ids else ()
    heard = interpreter.interpret(InterpretRequest(card, case.text, case.words, case.history))
    reply = Disclosure(card)(Moment(RespondKind.REPLY, 1, case.text, heard, case.history, told))
    if case.expected == VOLUNTEER:
        passed = reply.cue is not None and card.cue(reply.cue).kind == "volunteered"
    elif wanted:
        # Something small that the patient happens to know is told to whoever asks, and is no cue.
        passed = reply.act in wanted or (Act.UNKNOWN in wanted and reply.fact is not None)
    else:
        passed = case.expected in (reply.cue, reply.fact)
    return CaseResult(case, reply.cue, reply.act, reply.reason, reply.score, passed)


def _before(card: Card, cue_id: str) -> set[str]:
    """Return the cues that must have been heard before `cue_id`, directly or not."""
    found: set[str] = set()
    waiting = list(card.cue(cue_id).after)
    while waiting:
        other = waiting.pop()
        if other not in found:
            found.add(other)
            waiting.extend(card.cue(other).after)
    return found


def _intent(name: str) -> Act:
    try:
        return Act(name)
    except ValueError:
        choices = ", ".join(sorted({*ALIASES, *Act, VOLUNTEER}))
        raise ValueError(f"'{name}' is no cue of the card and no intent; use one of: {choices}") from None
