"""What replay's report makes of turns: expectation, summary, and a terminal of any width."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipelines.session.latency import LatencyParts
from server.replay.candidate import TurnResult
from server.replay.plan import PlannedTurn
from server.replay.report import as_expected, as_json, print_report, summarise


def turn(
    expect: str | None, cues: list[str], *, whole_ms: float = 950.0, said: tuple[str, ...] = ("Yes.",)
) -> TurnResult:
    planned = PlannedTurn(np.zeros(10, dtype=np.int16), 0.0, 1.0, "where does it hurt", expect, 0.0, "a.flac")
    result = TurnResult(planned, heard=["where does it hurt"], said=list(said), cues=cues)
    result.voice_to_voice_ms = whole_ms
    result.parts = LatencyParts(900.0, 0.0, 10.0, 30.0, whole_ms - 940.0)
    return result


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
    assert as_expected(turn(expect, cues)) is right


def test_the_summary_counts_what_matters() -> None:
    cut = turn("pain", ["pain"], whole_ms=-300.0)
    unanswered = turn("smoking", [], said=())
    summary = summarise([[turn("pain", ["pain"]), cut, unanswered]])
    assert (summary["turns"], summary["answered_once"], summary["cut"]) == (3, 2, 1)
    assert summary["expected_cue_rate"] == pytest.approx(0.6667)
    assert summary["voice_to_voice_ms"] == {"p50": 950.0, "p95": 950.0}
    assert summarise([[unanswered]], cues_known=False)["expected_cue_rate"] is None


def test_repeated_runs_have_a_median_and_a_spread() -> None:
    summary = summarise([[turn(None, [], whole_ms=ms)] for ms in (900.0, 950.0, 1_100.0)])
    assert summary["runs"] == {"n": 3, "median_of_p50_ms": 950.0, "spread_of_p50_ms": 200.0}


def test_json_has_the_documented_shape() -> None:
    body: dict[str, Any] = as_json([[turn("pain", ["pain"])]], troubles=["late"])
    (first,) = body["turns"]
    assert {"heard", "said", "cues", "voice_to_voice_ms", "parts"} <= set(first)
    assert set(first["parts"]) == {"endpoint", "recognise", "respond", "speak", "deliver"}
    assert sum(first["parts"].values()) == pytest.approx(first["voice_to_voice_ms"])
    assert {"voice_to_voice_ms", "after_endpoint_ms"} <= set(body["summary"])
    assert body["troubles"] == ["late"]


def test_the_report_can_be_read_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_report([[turn("pain", ["pain"])]], troubles=["audio came late", "audio came late"], topics=["Pain"])
    shown = capsys.readouterr().out
    assert "where does it hurt" in shown
    assert shown.count("audio came late") == 1
    assert "found out: Pain" in shown
