"""What a judge answered, read strictly: a verdict for every rule, and a reason."""

from __future__ import annotations

from dataclasses import dataclass

from server.judging.judge_rules import JUDGE_RULES
from server.opinions.opinion_answer import AnswerFault, json_object

MOST_CHARS = 600


@dataclass(frozen=True, slots=True)
class JudgeAnswer:
    """The rules that a reply breaks, in the order of the rules, and why."""

    broken: tuple[str, ...]
    reason: str


def read_judge_answer(text: str) -> JudgeAnswer:
    """Return what an answer says; raises AnswerFault."""
    found = json_object(text)
    if set(found) != {*JUDGE_RULES, "reason"}:
        raise AnswerFault("form", f"the object has to have {', '.join(JUDGE_RULES)} and reason, and nothing else")
    if any(type(found[name]) is not bool for name in JUDGE_RULES):
        raise AnswerFault("verdict", "each rule is true or false")
    if not isinstance(found["reason"], str) or not found["reason"].strip():
        raise AnswerFault("form", "the reason is no text")
    reason = " ".join(found["reason"].split())[:MOST_CHARS]
    return JudgeAnswer(tuple(name for name in JUDGE_RULES if not found[name]), reason)
