"""What a model answered, read strictly: a mark that there is, a reason, and turns that were really spoken."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from server.opinions.feedback_tone import WORDING, tone_faults

MOST_TURNS = 6


class AnswerFault(Exception):
    """An answer that can't be used; `code` is for the log, the message for the model, `tone` what a reason breaks."""

    def __init__(self, code: str, detail: str, *, tone: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.code = code
        self.tone = tone


@dataclass(frozen=True, slots=True)
class OpinionAnswer:
    """A mark with its reason; `turns` are the numbers of the turns that it rests on."""

    mark: int
    reason: str
    turns: tuple[int, ...]


def read_answer(text: str, *, most: int, own: Collection[int]) -> OpinionAnswer:
    """Return what an answer says; raises AnswerFault. `own` are the numbers of the candidate's turns."""
    found = json_object(text)
    if set(found) != {"mark", "reason", "turns"}:
        raise AnswerFault("form", 'the object has to have "mark", "reason" and "turns", and nothing else')
    mark, reason, turns = found["mark"], found["reason"], found["turns"]
    if type(mark) is not int or not 0 <= mark <= most:
        raise AnswerFault("mark", f"the mark is no whole number from 0 to {most}")
    if not isinstance(reason, str):
        raise AnswerFault("form", "the reason is no text")
    if not isinstance(turns, list) or any(type(one) is not int for one in turns):
        raise AnswerFault("form", "the turns are no list of numbers")
    if not 1 <= len(set(turns)) <= MOST_TURNS or any(one not in own for one in turns):
        raise AnswerFault("turns", f"name one to {MOST_TURNS} turns, by numbers of the candidate's own turns")
    reason = " ".join(reason.split())
    if faults := tone_faults(reason):
        raise AnswerFault("tone", "; ".join(WORDING[one] for one in faults), tone=faults)
    return OpinionAnswer(mark, reason, tuple(dict.fromkeys(turns)))


def json_object(text: str) -> dict[str, Any]:
    """Return the one object in a text, which a model may have put into a fence or after its thoughts.

    Raises AnswerFault.
    """
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise AnswerFault("form", "there is no JSON object")
    try:
        found = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        raise AnswerFault("form", "it is no JSON object") from None
    if not isinstance(found, dict):
        raise AnswerFault("form", "it is no JSON object")
    return found
