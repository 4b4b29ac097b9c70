"""A question to a model, asked once more where its answer can't be used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pipelines.responders.remote.forms import ChatMessage
from server.opinions.opinion_answer import AnswerFault
from server.opinions.opinion_models import ModelAnswer, OpinionModel

Read = TypeVar("Read")

TRIES = 2
AGAIN = "That can't be used: {fault}. Answer again with the one JSON object, and nothing else."


@dataclass(slots=True)
class AskingTook:
    """What it took to get an answer: each that came, and what was wrong with how reasons were put."""

    tries: int = 0
    tone: list[str] = field(default_factory=list)
    answers: list[ModelAnswer] = field(default_factory=list)

    @property
    def host(self) -> str:
        """Who answered last."""
        return self.answers[-1].host if self.answers else ""

    @property
    def tokens_in(self) -> int:
        """Tokens of all prompts."""
        return sum(answer.tokens_in for answer in self.answers)

    @property
    def tokens_out(self) -> int:
        """Tokens of all answers."""
        return sum(answer.tokens_out for answer in self.answers)

    @property
    def estimated(self) -> bool:
        """Whether any of them are an estimate."""
        return any(answer.estimated for answer in self.answers)

    @property
    def cost(self) -> float:
        """What all of it cost."""
        return round(sum(answer.cost for answer in self.answers), 6)


def usable_answer(
    model: OpinionModel,
    session: str,
    messages: Sequence[ChatMessage],
    read: Callable[[str], Read],
    *,
    took: AskingTook,
) -> Read:
    """Return what `read` makes of an answer, which is told its fault and asked again; raises AnswerFault, ModelFailed.

    What it took stands in `took`, whatever comes of it.
    """
    asked = list(messages)
    while True:
        took.tries += 1
        answer = model.ask(session, asked)
        took.answers.append(answer)
        try:
            return read(answer.text)
        except AnswerFault as fault:
            took.tone += fault.tone
            if took.tries >= TRIES:
                raise
            again = AGAIN.format(fault=fault)
            asked += [ChatMessage("assistant", answer.text or "-"), ChatMessage("user", again)]
