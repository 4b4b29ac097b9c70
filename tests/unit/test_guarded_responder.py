"""The guarded responder: what reaches the voice when a model leaks, fails, hangs, or says nothing."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest

from pipelines.engines import (
    Cancellable,
    CardTakesOver,
    Clause,
    EngineInfo,
    GuardDecision,
    GuardedRequest,
    GuardedResponder,
    HistoryItem,
    IndexRequest,
    PrepareRequest,
    Release,
    RemoteUse,
    ReplyAccount,
    ReplyEnd,
    ReplyPart,
    Responder,
    RespondKind,
    RespondRequest,
)
from pipelines.intent.acts import Act
from pipelines.lanes.messages import Done, Job, Yielded
from pipelines.lanes.worker_loop import WorkerLoop
from pipelines.patient.card import Card
from pipelines.patient.card_library import CardLibrary
from pipelines.patient.guard.guard import Guard
from pipelines.patient.guard.guard_rules import SUPPLIED
from pipelines.patient.guard.rules_file import RulesFile
from pipelines.patient.persona import persona_of
from pipelines.responders.guarded import Guarded, make_guarded
from server.paths import ROOT

CARD: Card = CardLibrary.load(ROOT / "configs" / "cards")["nursing-leg-wound"]
PAIN = CARD.cue("pain")
TOLD_PAIN = Release(Act.CUE, PAIN.says[0], "pain")
NOTHING = Release(Act.UNKNOWN, CARD.lines.not_on_card[0])


Part = ReplyPart | ReplyAccount


class Says:
    """A responder that says what it is given, and notes what it was asked and whether it was closed."""

    def __init__(self, *parts: str | ReplyPart | Exception) -> None:
        self.info = EngineInfo("responder", "says", demonstration=True, isolation="thread")
        self.parts = parts
        self.asked: list[object] = []
        self.closed = threading.Event()
        self.given = 0

    def warm(self) -> None:
        """Nothing to load."""

    def prepare(self, request: PrepareRequest) -> None:
        self.asked.append(request)

    def respond(self, request: RespondRequest) -> Iterator[ReplyPart]:
        self.asked.append(request)
        try:
            for part in self.parts:
                if isinstance(part, Exception):
                    raise part
                self.given += 1
                yield Clause(part) if isinstance(part, str) else part
            yield ReplyEnd()
        finally:
            self.closed.set()


USED = RemoteUse("p", "m", "h", "remote", "", (), 1, 1, False, 0.0, None, 1.0, 0, 0.0)


def guard(rules: str | None = None, folder: Path | None = None) -> Guard:
    if rules is None or folder is None:
        return Guard(RulesFile(SUPPLIED))
    path, (old, new) = folder / "guard.yaml", rules.split(" -> ")
    path.write_text(SUPPLIED.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return Guard(RulesFile(path))


def asked(release: Release, text: str = "Does it hurt?", history: tuple[HistoryItem, ...] = ()) -> GuardedRequest:
    request = RespondRequest("r", 1, 0, RespondKind.REPLY, persona_of(CARD), release, text, history)
    return GuardedRequest(request, CARD)


def reply(inner: Responder, request: GuardedRequest, reads: Guard | None = None) -> list[Part]:
    parts = list(Guarded(inner, reads or guard()).respond_guarded(request))
    assert [type(part) for part in parts].count(ReplyEnd) == 1
    assert isinstance(parts[-1], ReplyEnd)
    return parts


def spoken(parts: Sequence[Part]) -> str:
    return " ".join(part.text for part in parts if isinstance(part, Clause))


def took_over(parts: Sequence[Part]) -> list[str]:
    return [part.reason for part in parts if isinstance(part, CardTakesOver)]


def test_a_fitting_reply_is_spoken_as_it_is_and_each_clause_is_decided_on_first() -> None:
    parts = reply(Says("It throbs, mostly in the evening.", "Maybe a four out of ten."), asked(TOLD_PAIN))
    kinds = [type(part).__name__ for part in parts]
    assert kinds == ["GuardDecision", "Clause", "GuardDecision", "Clause", "ReplyEnd"]
    assert spoken(parts) == "It throbs, mostly in the evening. Maybe a four out of ten."
    decisions = [part for part in parts if isinstance(part, GuardDecision)]
    assert all(decision.action == "allow" and decision.rules and decision.took_ms > 0 for decision in decisions)


def test_a_leak_is_blocked_the_model_is_closed_and_the_card_goes_on_in_the_same_reply() -> None:
    inner = Says("It throbs.", "I take metformin twice a day.", "And I smoke fifteen a day.")
    parts = reply(inner, asked(TOLD_PAIN))
    assert spoken(parts) == f"It throbs. {PAIN.says[0]}"
    assert took_over(parts) == ["blocked"]
    blocked = [part for part in parts if isinstance(part, GuardDecision) and part.action == "block"]
    assert [(part.text, part.spoken) for part in blocked] == [("I take metformin twice a day.", "")]
    assert blocked[0].reasons
    assert inner.closed.wait(5.0), "nothing more is made of a reply that is blocked"
    told = [part.cue for part in parts if isinstance(part, Clause) and part.text != "It throbs."]
    assert set(told) == {"pain"}


def test_what_the_reply_has_said_of_the_release_is_not_said_again() -> None:
    first = "It throbs, mostly in the evening when I've been on my feet all day."
    parts = reply(Says(first, "My wife left me."), asked(TOLD_PAIN))
    assert spoken(parts) == f"{first} Maybe a four out of ten."


def test_the_inner_responder_never_gets_the_card() -> None:
    inner = Says("It throbs.")
    engine = Guarded(inner, guard())
    assert isinstance(engine, GuardedResponder)
    loop = WorkerLoop(engine)
    for job in (IndexRequest(CARD), PrepareRequest(persona_of(CARD)), asked(TOLD_PAIN)):
        answers = list(loop.work(Job(1, job)))
        assert isinstance(answers[-1], Done)
    values = [answer.value for answer in answers if isinstance(answer, Yielded)]
    assert spoken(values) == "It throbs."
    assert [type(request) for request in inner.asked] == [PrepareRequest, RespondRequest]
    secrets = [*CARD.cue("smoking").says, *CARD.patient.hidden_facts]
    assert not any(secret in repr(request) for request in inner.asked for secret in secrets)
    assert engine.info.guarded
    assert "by their words alone" in engine.info.detail


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((RuntimeError("boom"),), "failed"),
        (("It throbs.", RuntimeError("boom")), "failed"),
        ((), "empty"),
        (("*sighs*", "😀"), "empty"),
    ],
)
def test_a_responder_that_fails_or_says_nothing_is_stood_in_for(
    parts: tuple[str | Exception, ...], reason: str
) -> None:
    told = reply(Says(*parts), asked(TOLD_PAIN))
    assert took_over(told) == [reason]
    assert spoken(told).endswith(PAIN.says[0])
    assert "sighs" not in spoken(told)


def test_one_that_hangs_is_left_behind_and_the_next_turn_does_not_wait_for_it(tmp_path: Path) -> None:
    let_go, hung = threading.Event(), threading.Event()

    class Hangs(Says):
        def respond(self, request: RespondRequest) -> Iterator[ReplyPart]:
            hung.set()
            let_go.wait(60.0)
            yield from super().respond(request)

    inner = Hangs("It throbs.")
    engine = Guarded(inner, guard("first_clause_s: 2.5 -> first_clause_s: 0.05", tmp_path))
    assert took_over(parts := list(engine.respond_guarded(asked(TOLD_PAIN)))) == ["late"]
    assert hung.is_set()
    assert spoken(parts) == PAIN.says[0]
    assert took_over(parts := list(engine.respond_guarded(asked(TOLD_PAIN)))) == ["busy"]
    assert spoken(parts) == PAIN.says[0]
    let_go.set()
    assert inner.closed.wait(5.0) or inner.given == 0
    while took_over(parts := list(engine.respond_guarded(asked(TOLD_PAIN)))) == ["busy"]:
        pass
    assert spoken(parts) == "It throbs."


def test_a_reply_that_nobody_wants_any_more_is_closed_inside() -> None:
    inner = Says(*["It throbs."] * 200)
    parts = Guarded(inner, guard()).respond_guarded(asked(TOLD_PAIN))
    assert isinstance(parts, Generator)
    assert isinstance(next(parts), GuardDecision)
    parts.close()
    assert inner.closed.wait(5.0)
    assert inner.given < 10


def test_one_that_can_be_cancelled_is_at_once_and_still_tells_what_it_took() -> None:
    class Counts(Says):
        cancelled = threading.Event()

        def cancel(self, request_id: str) -> None:
            self.cancelled.set()

        def respond(self, request: RespondRequest) -> Iterator[ReplyPart]:
            yield Clause("I take metformin.")
            assert self.cancelled.wait(10.0)
            yield Clause("And I smoke.")
            yield cast("ReplyPart", USED)
            yield ReplyEnd()

    inner = Counts()
    parts = reply(inner, asked(TOLD_PAIN))
    assert spoken(parts) == PAIN.says[0]
    assert parts[-2:] == [USED, ReplyEnd()]
    assert inner.cancelled.is_set()


def test_a_lane_cancels_it_while_it_waits() -> None:
    begun = threading.Event()

    class Waits(Says):
        cancelled = threading.Event()

        def cancel(self, request_id: str) -> None:
            assert request_id == "r"
            self.cancelled.set()

        def respond(self, request: RespondRequest) -> Iterator[ReplyPart]:
            begun.set()
            assert self.cancelled.wait(10.0)
            yield ReplyEnd()

    inner = Waits()
    engine = Guarded(inner, guard(), patience_s=60.0)
    assert isinstance(engine, Cancellable)
    parts: list[Part] = []
    waits = threading.Thread(target=lambda: parts.extend(engine.respond_guarded(asked(TOLD_PAIN))))
    waits.start()
    assert begun.wait(10.0)
    engine.cancel("r")
    waits.join(10.0)
    assert not waits.is_alive()
    assert inner.cancelled.is_set()


def test_a_reply_without_end_ends() -> None:
    parts = reply(
        Says(*[f"Well, let me think about that {word}." for word in "again now then here there".split()] * 9),
        asked(TOLD_PAIN),
    )
    assert took_over(parts)
    assert len([part for part in parts if isinstance(part, Clause)]) <= 12


def test_where_nothing_is_released_the_patient_stays_in_character() -> None:
    parts = reply(Says("As an AI I can't say."), asked(Release(Act.UNKNOWN, "")))
    assert spoken(parts) == CARD.lines.not_on_card[0]
    parts = reply(Says("As an AI I can't say."), asked(Release(Act.FAREWELL, "")))
    assert spoken(parts) == ""


def test_stage_directions_and_markup_are_left_out_of_what_is_spoken() -> None:
    parts = reply(Says("*winces* It **throbs**, mostly in the evening. 😖"), asked(TOLD_PAIN))
    assert spoken(parts) == "It throbs, mostly in the evening."
    (decision,) = (part for part in parts if isinstance(part, GuardDecision))
    assert decision.action == "warn"
    assert len(decision.reasons) == 2


def test_what_was_told_before_may_be_said_again() -> None:
    history = (HistoryItem("patient", CARD.cue("smoking").says[0], ("smoking",)),)
    leak = "Fifteen a day, as I said."
    assert took_over(reply(Says(leak), asked(NOTHING))) == ["blocked"]
    assert spoken(reply(Says(leak), asked(NOTHING, "Sorry, how many?", history))) == leak


def test_a_factory_makes_it_in_the_worker(tmp_path: Path) -> None:
    made = make_guarded(lambda: Says("It throbs."))
    made.warm()
    made.index(IndexRequest(CARD))
    assert spoken(list(made.respond_guarded(asked(TOLD_PAIN)))) == "It throbs."
