"""What replay's report makes of turns: plain data, and a terminal of any width."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.replay.plan import PlannedTurn
from bench.replay.report import as_json, print_comparison, print_report
from bench.replay.simulated_candidate import TurnResult
from pipelines.events import TurnTimeline
from pipelines.session.latency import LatencyParts
from server.reports.comparison import compare
from server.reports.report_turns import ReadReport


def turn(
    expect: str | None, cues: list[str], *, whole_ms: float = 950.0, said: tuple[str, ...] = ("Yes.",)
) -> TurnResult:
    planned = PlannedTurn(np.zeros(10, dtype=np.int16), 0.0, 1.0, "where does it hurt", expect, 0.0, "a.flac")
    result = TurnResult(planned, heard=["where does it hurt"], said=list(said), cues=cues)
    result.voice_to_voice_ms = whole_ms
    result.parts = LatencyParts(900.0, 0.0, 10.0, 30.0, whole_ms - 940.0)
    return result


def test_the_summary_is_of_all_runs_and_cues_are_judged_where_they_are_known() -> None:
    cut = turn("pain", ["pain"], whole_ms=-300.0)
    unanswered = turn("smoking", [], said=())
    summary = as_json([[turn("pain", ["pain"]), cut], [unanswered, unanswered]])["summary"]
    assert (summary["turns"], summary["answered_once"], summary["cut"]) == (4, 2, 1)
    assert (summary["expected_cue_rate"], summary["runs"]["n"]) == (0.5, 2)
    assert as_json([[unanswered]], topics=[])["summary"]["expected_cue_rate"] is None
    assert as_json([[unanswered]], final_text_ms=[31.26])["summary"]["final_text_ms"] == {"p50": 31.3, "p95": 31.3}


def test_json_has_the_documented_shape() -> None:
    body: dict[str, Any] = as_json([[turn("pain", ["pain"])]], troubles=["late"])
    (first,) = body["turns"]
    assert {"heard", "said", "cues", "voice_to_voice_ms", "parts"} <= set(first)
    assert set(first["parts"]) == {"endpoint", "recognise", "respond", "speak", "deliver"}
    assert sum(first["parts"].values()) == pytest.approx(first["voice_to_voice_ms"])
    assert {"voice_to_voice_ms", "after_endpoint_ms"} <= set(body["summary"])
    assert body["troubles"] == ["late"]


TIMELINE = TurnTimeline(
    1, 1, 2_000.0, wait_ms=240.0, pause_ms=120.0, transcript_ms=130.0, draft_ms=140.0, clause_ms=150.0, sound_ms=190.0,
    endpoint_ms=240.0, committed_ms=240.0, released_ms=240.0, audible_ms=250.0, speculated=3, discarded=2,
    discarded_ms=90.0, reused=True,
)  # fmt: skip


def test_what_was_prepared_ahead_is_counted_over_the_turns_that_tell(capsys: pytest.CaptureFixture[str]) -> None:
    told, untold = turn("pain", ["pain"]), turn("pain", ["pain"])
    told.timeline = TIMELINE
    other = turn("pain", ["pain"])
    other.timeline = replace(TIMELINE, reused=False, speculated=0, discarded=0, discarded_ms=0.0, wait_ms=612.0)
    runs = [[told, untold, other]]
    report = as_json(runs)
    assert report["summary"]["drafts"] == {
        "made": 3, "discarded": 2, "reused": 1, "turns": 2, "discarded_s_per_turn": 0.045,
    }  # fmt: skip
    print_report(runs, report)
    shown = capsys.readouterr().out
    assert "240*" in shown
    assert "612 " in shown
    assert "3: 1 became the reply, 2 did not; 0.045 s" in shown


@pytest.mark.parametrize("columns", ["160", "80"])
def test_each_turn_says_why_it_was_waited_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    told = turn("pain", ["pain"])
    told.waits = [{"turn": 1, "silence_ms": 560.0, "words": "Waited 560 ms: [the text] is whole.", "pauses": []}]
    report = as_json([[told, turn("pain", ["pain"])]])
    print_report([[told, turn("pain", ["pain"])]], report)
    assert capsys.readouterr().out.count("Waited 560 ms: [the text] is whole.") == 1
    assert [each["waits"] for each in report["turns"]] == [told.waits, None]


def test_what_was_heard_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    heard = "[bold]loud[/bold] [/] [link=x]"
    told = turn("pain", ["pain"], said=(heard,))
    told.heard = [heard]
    print_report([[told]], as_json([[told]], troubles=[heard], topics=[heard]))
    assert " ".join(capsys.readouterr().out.split()).count("[bold]loud[/bold]") == 4


def test_json_says_what_was_run_for_a_later_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    told = turn("pain", ["pain"])
    told.timeline = TIMELINE
    body = json.loads(json.dumps(as_json([[told], [told]], about={"card": "c", "pace": "fast"})))
    assert body["about"] == {"card": "c", "pace": "fast"}
    assert body["turns"][0]["timeline"]["wait_ms"] == 240.0
    assert body["turns"][0]["source"] == "a.flac"
    report = ReadReport.model_validate(body)
    assert len(report.all_runs) == 2
    print_comparison(compare(report, report, draws=20))
    shown = " ".join(capsys.readouterr().out.split())
    assert "voice to voice, mean, ms │ 950 │ 950 │ +0 │ +0 to +0 │ no difference shown" in shown
    assert "percentile bootstrap" in shown


def test_the_report_can_be_read_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    runs = [[turn("pain", ["pain"])]]
    print_report(runs, as_json(runs, troubles=["audio came late", "audio came late"], topics=["Pain"]))
    shown = capsys.readouterr().out
    assert "where does it hurt" in shown
    assert shown.count("audio came late") == 1
    assert "found out: Pain" in shown
