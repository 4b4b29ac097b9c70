"""A session in which the person who speaks may be in danger: who is told, and what stands still."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from bench.replay.local import LocalLink
from pipelines.engines import Interpretation, InterpretRequest
from pipelines.events import DistressNoticed, Problem, SessionPaused
from pipelines.intent.acts import Act
from pipelines.scripted.interpreter import ScriptedInterpreter
from tests.component.conftest import Replay, Replayed


def heard(_request: InterpretRequest) -> Interpretation:
    return Interpretation(Act.STATEMENT, distress="self_harm")


def test_it_is_told_at_once_and_once_a_turn_and_the_practice_stands_still(replay: Replay) -> None:
    replayed: Replayed = replay(
        "consultation-veterinary.flac", turns=1, interpreter=partial(ScriptedInterpreter, heard), as_recorded=True
    )
    (noticed,) = replayed.events(DistressNoticed)
    assert (noticed.turn, noticed.kind) == (1, "self_harm")
    assert noticed.text
    told = [problem for problem in replayed.events(Problem) if problem.code == "safety.distress"]
    assert len(told) == 1
    assert "emergency" in told[0].message
    assert [paused.paused for paused in replayed.events(SessionPaused)][:1] == [True]


def in_an_exam(**values: Any) -> LocalLink:
    link = LocalLink(**values)
    link.driver.spec = replace(link.driver.spec, mode="exam")
    return link


def test_in_an_exam_nothing_stands_still(replay: Replay) -> None:
    replayed = replay(
        "consultation-veterinary.flac",
        turns=1,
        interpreter=partial(ScriptedInterpreter, heard),
        as_recorded=True,
        link_of=in_an_exam,
    )
    turns = [noticed.turn for noticed in replayed.events(DistressNoticed)]
    assert turns == sorted(set(turns)), "it is told once a turn"
    assert [problem.code for problem in replayed.events(Problem)] == ["safety.distress"] * len(turns)
    assert replayed.events(SessionPaused) == []
