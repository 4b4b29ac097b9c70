"""The figures of a report, and how its times are spread."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from server.reports.report_turns import ReadReport, ReadTurn, wrong_field
from server.reports.summary import as_expected, distribution, summarise

TIMELINE = {"wait_ms": 300, "speculated": 2, "discarded": 1, "discarded_ms": 40, "reused": True}
UNANSWERED = {"text": "c", "answers": 0, "voice_to_voice_ms": None, "parts": None, "timeline": None}


def answered(text: str, whole_ms: float, **more: Any) -> dict[str, Any]:
    parts = {"endpoint": whole_ms - 20, "recognise": 5, "respond": 5, "speak": 5, "deliver": 5}
    return {"text": text, "answers": 1, "voice_to_voice_ms": whole_ms, "parts": parts, "timeline": TIMELINE, **more}


def report(*runs: list[dict[str, Any]], **more: Any) -> ReadReport:
    return ReadReport.model_validate({"turns": runs[-1], "runs": runs if len(runs) > 1 else [], **more})


@pytest.mark.parametrize(
    ("expect", "cues", "right"),
    [
        ("pain", ["pain"], True),
        ("pain", ["pain", "smoking"], False),
        ("pain", [], False),
        ("greeting", [], True),
        ("explanation", ["pain"], False),
        ("volunteer", ["worry"], True),
        ("volunteer", [], False),
    ],
)
def test_what_was_expected(expect: str, cues: list[str], right: bool) -> None:
    assert as_expected(ReadTurn(expect=expect, cues=tuple(cues))) is right


def test_figures_are_by_nearest_rank_over_all_runs() -> None:
    summary = summarise(
        report(
            [answered("a", 300), answered("b", 500)],
            [answered("a", 320), answered("b", 700, answers=2, cut=True)],
        )
    )
    assert summary == {
        "turns": 4,
        "answered_once": 3,
        "cut": 1,
        # The one that was cut was not waited for.
        "voice_to_voice_ms": {"p50": 320.0, "p95": 500.0, "n": 3, "mean": 373.3, "interval": [300.0, 500.0]},
        "after_endpoint_ms": {"p50": 20.0, "p95": 20.0},
        "drafts": {"made": 8, "discarded": 4, "reused": 4, "turns": 4, "discarded_s_per_turn": 0.04},
        "expected_cue_rate": None,
        "runs": {"n": 2, "median_of_p50_ms": 310.0, "spread_of_p50_ms": 20.0},
    }


def test_who_was_not_answered_has_no_times() -> None:
    nothing = summarise(report([UNANSWERED]))
    assert nothing["after_endpoint_ms"] == {"p50": None, "p95": None}
    assert nothing["voice_to_voice_ms"] == {"p50": None, "p95": None, "n": 0, "mean": None, "interval": None}
    assert nothing["drafts"]["discarded_s_per_turn"] is None
    twice = summarise(report([UNANSWERED], [answered("c", 400)], []))
    assert twice["runs"] == {"n": 3, "median_of_p50_ms": 400.0, "spread_of_p50_ms": 0.0}
    assert summarise(report([]))["turns"] == 0


def test_a_cut_in_is_no_fast_answer() -> None:
    told = report([answered("a", 300), answered("b", -2_165, cut=True)])
    assert summarise(told)["voice_to_voice_ms"]["mean"] == 300.0
    assert distribution(told) == {"times_ms": [300.0], "shares": [100.0]}


def test_cues_are_judged_only_where_they_are_known() -> None:
    turns = [answered("a", 300, expect="pain", cues=["pain"]), answered("b", 300, expect="pain"), answered("c", 300)]
    assert summarise(report(turns))["expected_cue_rate"] == 0.5
    assert summarise(report(turns, topics_told=["Pain"]))["expected_cue_rate"] is None


def test_a_distribution_ends_at_all_answered_turns() -> None:
    spread = distribution(report([answered("a", 300), answered("b", 100)], [answered("a", 300), UNANSWERED]))
    assert spread == {"times_ms": [100.0, 300.0], "shares": [pytest.approx(100 / 3), 100.0]}
    assert distribution(report([UNANSWERED])) == {"times_ms": [], "shares": []}


@pytest.mark.parametrize(
    ("turns", "field"),
    [
        (7, "turns"),
        ([{"voice_to_voice_ms": 1e300}], "turns.0.voice_to_voice_ms"),
        ([{"voice_to_voice_ms": float("nan")}], "turns.0.voice_to_voice_ms"),
        ([{}, {"parts": {"endpoint": float("inf")}}], "turns.1.parts.endpoint"),
        ([{"answers": -1}], "turns.0.answers"),
        ([{"timeline": {"speculated": 10**30}}], "turns.0.timeline.speculated"),
    ],
)
def test_what_no_sum_could_hold_is_refused_by_its_place(turns: Any, field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ReadReport.model_validate({"turns": turns})
    assert wrong_field(refused.value) == field
