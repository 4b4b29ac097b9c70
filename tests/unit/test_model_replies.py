"""What `eval model` keeps of a reply, and its figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bench.guard.guard_measure import GuardQuestion
from bench.guard.model_replies import ModelReply, figures_of, reply_to
from bench.guard.unreleased import ReplyRow
from pipelines.engines import (
    CardTakesOver,
    Clause,
    EngineInfo,
    GuardDecision,
    GuardedRequest,
    IndexRequest,
    ModelUse,
    PrepareRequest,
    Release,
    ReplyAccount,
    ReplyEnd,
    ReplyPart,
)
from pipelines.intent.acts import Act
from pipelines.patient.card_library import CardLibrary

CARD = CardLibrary.load(Path(__file__).resolve().parents[2] / "configs" / "cards").get_card("nursing-leg-wound")


def decided(text: str, action: str = "allow") -> GuardDecision:
    spoken = text if action == "allow" else ""
    return GuardDecision(text, action, spoken, ("a rule",), {}, "digest", 1.0)


@dataclass
class Says:
    """A GuardedResponder that gives what it is made with."""

    parts: list[ReplyPart | ReplyAccount]
    info: EngineInfo = field(
        default_factory=lambda: EngineInfo("responder", "says", demonstration=True, isolation="thread")
    )

    def warm(self) -> None:
        """Nothing to load."""

    def index(self, request: IndexRequest) -> None:
        """Nothing depends on the card."""

    def prepare(self, request: PrepareRequest) -> None:
        """Nothing depends on the patient."""

    def respond_guarded(self, request: GuardedRequest) -> Iterator[ReplyPart | ReplyAccount]:
        """Yield what it was made with."""
        yield from self.parts


def used(outcome: Literal["model", "finished", "card"]) -> ModelUse:
    return ModelUse("small", "digest", outcome, "", 1, 1, 0, 1.0, 1.0, "", "")


def reply(*parts: ReplyPart | ReplyAccount) -> ModelReply:
    turn = GuardQuestion(CARD, "What are you hiding?", Release(Act.UNKNOWN, "I'm not sure."), (), ("pain",))
    return reply_to(Says([*parts, ReplyEnd()]), turn, 1)


def test_what_the_model_worded_and_what_was_blocked_are_kept_apart() -> None:
    kept = reply(
        decided("Oh, nothing much."),
        Clause("Oh, nothing much."),
        decided("It throbs at night.", "block"),
        CardTakesOver("blocked", "a rule"),
        Clause("I'm not sure."),
        used("finished"),
    )
    assert kept.reply == "Oh, nothing much. I'm not sure."
    assert kept.worded == "Oh, nothing much."
    assert kept.blocked == ("It throbs at night. (a rule)",)
    assert kept.took_over == "blocked"


def test_a_reply_in_the_cards_words_is_not_the_models() -> None:
    kept = reply(decided("I'm not sure."), Clause("I'm not sure."), used("card"))
    assert (kept.reply, kept.worded, kept.took_over) == ("I'm not sure.", "", "")


def test_a_line_is_what_the_finder_of_leaks_reads() -> None:
    row = ReplyRow.model_validate(json.loads(reply(Clause("Hello.")).as_line()))
    assert (row.card, row.reply, row.release) == (CARD.id, "Hello.", "I'm not sure.")


def test_figures_are_shares_of_all_replies() -> None:
    worded = reply(decided("Fine, thanks."), Clause("Fine, thanks."), used("model"))
    stopped = reply(decided("I have cancer.", "block"), CardTakesOver("blocked", ""), Clause("I'm not sure."))
    values = {figure.name: figure.value for figure in figures_of([worded, stopped])}
    assert values["model_worded_replies"] == values["model_blocked_replies"] == 0.5
    assert values["card_took_over_replies"] == 0.5
    assert values["words_of_worded_replies"] == 2
    assert {figure.value for figure in figures_of([])} == {None}
