"""What the guard decides of one clause, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class GuardAction(StrEnum):
    """What happens to a clause."""

    ALLOW = "allow"
    WARN = "warn"  # it is spoken, and the log says what was odd
    BLOCK = "block"  # the card's own words take its place


_ORDER = (GuardAction.ALLOW, GuardAction.WARN, GuardAction.BLOCK)


class GuardRule(StrEnum):
    """What the guard looks for; each can be switched in the rules."""

    UNRELEASED = "unreleased"  # tells what may not be told yet, in words of its own
    VERBATIM = "verbatim"  # the same in the card's words
    NUMBER = "number"  # a number that nobody has given
    # A symptom, drug, diagnosis, allergy or relative that nobody has named.
    TERM = "term"
    NAME = "name"  # a name that nobody has named
    CONTRADICTION = "contradiction"  # says otherwise than what is released or was told
    ADVICE = "advice"  # advises or teaches, or questions like one who treats
    COACHING = "coaching"  # tells the candidate what to ask or do
    ROLE = "role"  # leaves the role
    STAGE = "stage"  # a stage direction
    MARKUP = "markup"  # emoji, markdown, HTML
    LANGUAGE = "language"  # another language
    UNKIND = "unkind"  # unkind or foul talk
    LENGTH = "length"  # longer than anybody speaks without a pause
    REPEATED = "repeated"  # what this reply has said already


@dataclass(frozen=True, slots=True)
class GuardFinding:
    """One rule that a clause breaks: what is to be done, what was found, and how surely (0..1)."""

    rule: GuardRule
    action: GuardAction
    detail: str
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with a clause.

    `text` is what may be spoken of it, without markup and stage directions; empty if nothing is left or it is blocked.
    `reasons` are for examiners and developers and may quote the card; `scores` has how surely (0..1) what was found.
    """

    action: GuardAction
    text: str
    reasons: tuple[str, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)


def verdict_of(text: str, findings: Sequence[GuardFinding], scores: Mapping[str, float]) -> Verdict:
    """Return what follows from all that was found in a clause."""
    action = max((finding.action for finding in findings), key=_ORDER.index, default=GuardAction.ALLOW)
    reasons = tuple(
        f"{finding.rule}: {finding.detail}" for finding in findings if finding.action is not GuardAction.ALLOW
    )
    known = dict(scores) | {finding.rule.value: round(finding.score, 3) for finding in findings}
    return Verdict(action, "" if action is GuardAction.BLOCK else text, reasons, known)
