"""A report beside an earlier one: figures, intervals, and reports of every age."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from server.measures import percentile
from server.reports.comparison import Comparison, Difference, compare, mean, quantile
from server.reports.report_turns import ReadReport

PARTS = {"endpoint": 0.8, "recognise": 0.05, "respond": 0.05, "speak": 0.05, "deliver": 0.05}


def turn(text: str | None, whole_ms: float | None, **more: Any) -> dict[str, Any]:
    parts = None if whole_ms is None else {name: share * whole_ms for name, share in PARTS.items()}
    return {"text": text, "voice_to_voice_ms": whole_ms, "parts": parts, "cut": False, **more}


def report(*runs: list[dict[str, Any]], **more: Any) -> ReadReport:
    return ReadReport.model_validate({"turns": runs[-1], "runs": runs if len(runs) > 1 else [], **more})


def spread(seed: int, shift_ms: float = 0.0, *, runs: int = 5, turns: int = 12) -> ReadReport:
    """A report whose turns differ much from each other, and little from run to run."""
    random = np.random.default_rng(seed)
    each = np.random.default_rng(1).uniform(250, 650, turns)
    return report(
        *(
            [turn(f"sentence {i}", float(ms + shift_ms + random.normal(0, 10))) for i, ms in enumerate(each)]
            for _ in range(runs)
        )
    )


def figure(comparison: Comparison, name: str) -> Difference:
    return next(difference for difference in comparison.differences if difference.name == name)


def test_a_difference_that_is_there_is_shown_though_turns_differ_far_more() -> None:
    found = figure(compare(spread(2, -40), spread(3)), "voice to voice, mean")
    assert found.low_to_high is not None
    low, high = found.low_to_high
    assert low < -40 < high < 0
    assert high - low < 20
    assert found.verdict == "lower"
    assert figure(compare(spread(3), spread(2, -40)), "voice to voice, mean").verdict == "higher"


def test_where_there_is_none_no_difference_is_shown() -> None:
    shown = [
        figure(compare(spread(10 + seed), spread(40 + seed), draws=400), "voice to voice, mean").verdict
        for seed in range(20)
    ]
    assert shown.count("no difference shown") >= 17


def test_the_same_reports_give_the_same_intervals() -> None:
    assert compare(spread(2), spread(3), draws=200) == compare(spread(2), spread(3), draws=200)


def test_turns_are_paired_by_what_was_said_and_the_rest_is_left_out() -> None:
    before = report([turn("a", 100), turn("b", 200), turn("b", 300), turn("only before", 9_000)])
    now = report([turn("b", 210), turn("only now", 9_000), turn("a", 110), turn("b", 310)])
    comparison = compare(now, before)
    found = figure(comparison, "voice to voice, mean")
    assert (found.before, found.now) == (200.0, 210.0)
    assert found.low_to_high == pytest.approx((10.0, 10.0))
    assert any(caveat.startswith("2 turns are in one report only") for caveat in comparison.caveats)
    assert comparison.paired


def test_a_run_that_was_stopped_is_counted_as_far_as_it_came() -> None:
    before = report([turn("a", 100), turn("b", 200), turn("c", 300)])
    now = report([turn("a", 110), turn("b", 210), turn("c", 310)], [turn("a", 130), turn("c", 330)], [])
    found = figure(compare(now, before, draws=50), "voice to voice, mean")
    assert found.now == pytest.approx((110 + 210 + 310 + 130 + 330) / 5)


def test_turns_that_nobody_knows_the_text_of_are_paired_within_their_recording() -> None:
    before = report([turn(None, 100, source="a.wav"), turn(None, 300, source="b.wav")])
    now = report([turn(None, 310, source="b.wav"), turn(None, 9_000, source="c.wav")])
    found = figure(compare(now, before), "voice to voice, mean")
    assert (found.before, found.now) == (300.0, 310.0)


def test_turns_without_text_are_paired_by_their_number() -> None:
    found = figure(
        compare(report([turn(None, 1), turn(None, 5)]), report([turn(None, 2), turn(None, 4)])), "deliver, mean"
    )
    assert (found.before, found.now) == pytest.approx((0.15, 0.15))


def test_reports_of_different_recordings_are_compared_unpaired_and_say_so() -> None:
    comparison = compare(report([turn("a", 100), turn("b", 300)]), report([turn("c", 200)]))
    assert "could not be paired" in comparison.caveats[0]
    assert not comparison.paired
    assert "separately" in comparison.method
    assert figure(comparison, "voice to voice, mean").change == 0.0


def test_one_turn_of_one_run_is_too_little_to_tell() -> None:
    found = figure(compare(report([turn("a", 100)]), report([turn("a", 150)])), "voice to voice, mean")
    assert (found.change, found.low_to_high, found.verdict) == (-50.0, None, "too little to tell")


def test_a_run_with_more_cuts_is_never_better() -> None:
    texts = [f"sentence {number}" for number in range(24)]
    before = report([turn(text, 500 + number) for number, text in enumerate(texts)])
    now = report(
        [turn(text, -2_000 if number == 3 else 300 + number, cut=number == 3) for number, text in enumerate(texts)]
    )
    comparison = compare(now, before, draws=200)
    assert {each.verdict for each in comparison.differences if each.unit == "ms"} == {"more turns cut"}
    assert any("More turns were cut than before" in caveat for caveat in comparison.caveats)
    assert figure(comparison, "voice to voice, mean").now == pytest.approx(311.9, abs=0.1)
    back = compare(before, now, draws=200)
    assert figure(back, "voice to voice, mean").verdict == "higher"  # what has fewer cuts may be slower, and is told so


def test_there_is_no_percentile_of_fewer_than_twenty_turns() -> None:
    few, enough = (report([turn(f"sentence {i}", 300 + i) for i in range(count)]) for count in (19, 20))
    found = figure(compare(few, few, draws=50), "voice to voice, p50")
    assert (found.before, found.now, found.low_to_high, found.verdict) == (None, None, None, "fewer than 20 turns")
    assert figure(compare(few, few, draws=50), "voice to voice, mean").verdict == "no difference shown"
    assert figure(compare(enough, enough, draws=50), "voice to voice, p50").verdict == "no difference shown"


def test_single_runs_are_named_as_such() -> None:
    lone = compare(spread(2), spread(3, runs=1), draws=10).caveats
    assert any("one run only" in caveat for caveat in lone)
    assert not any("one run only" in caveat for caveat in compare(spread(2), spread(3), draws=10).caveats)


def test_unanswered_turns_count_as_nothing_and_cut_ones_are_counted() -> None:
    now = report([turn("a", 100), turn("b", None, cut=True)])
    found = compare(now, report([turn("a", 100), turn("b", None)]))
    assert figure(found, "voice to voice, mean").now == 100.0
    assert (figure(found, "turns cut").before, figure(found, "turns cut").now) == (0.0, 0.5)
    nobody = compare(report([turn("a", None)]), report([turn("a", None)]))
    assert {each.verdict for each in nobody.differences if each.name != "turns cut"} == {"not in both reports"}


def test_what_else_differs_is_said() -> None:
    now = report(
        [turn("a", 1)], about={"pace": "real", "engines": {"recogniser": "b"}}, machine={"cores": 8, "cpu": "x"}
    )
    before = report(
        [turn("a", 1)], about={"pace": "fast", "engines": {"recogniser": "a"}}, machine={"cores": 2, "cpu": "x"}
    )
    said = " ".join(compare(now, before).caveats)
    assert "Another pace: fast before, real now." in said
    assert "Other engines: recogniser a before, recogniser b now." in said
    assert "Another machine (cores): 2 before, 8 now." in said
    assert "cpu" not in said
    there = report([turn("a", 1)], about={"pace": "real", "engines": {}, "transport": "webrtc"})
    said = " ".join(compare(there, report([turn("a", 1)], about={"transport": "websocket"})).caveats)
    assert "Another transport: websocket before, webrtc now." in said
    said = " ".join(compare(there, now).caveats)
    assert "Other engines, perhaps: they are known of one side only." in said


def test_a_report_of_the_first_version_is_read() -> None:
    old = {"machine": {"cores": 2}, "turns": [turn("a", 987.1), turn("b", 950.0)], "summary": {}}
    now = report([turn("a", 250.0), turn("b", 260.0)], about={"pace": "fast"})
    comparison = compare(now, ReadReport.model_validate(old))
    assert figure(comparison, "voice to voice, mean").verdict == "lower"
    assert figure(comparison, "wait asked for, mean").verdict == "not in both reports"
    assert any("earlier version" in caveat for caveat in comparison.caveats)


def test_quantiles_are_those_of_the_house() -> None:
    random = np.random.default_rng(7)
    for size in (1, 2, 19, 20, 101):
        values = random.normal(size=size)
        holes = np.concatenate((values, [np.nan, np.nan]))
        for q in (0.05, 0.5, 0.95):
            assert quantile(q)(random.permutation(holes)[None, :])[0] == percentile(values.tolist(), q)
    assert np.isnan(quantile(0.5)(np.full((1, 3), np.nan))[0])
    assert np.isnan(mean(np.full((1, 3), np.nan))[0])


def test_numbers_are_shown_without_a_negative_nothing() -> None:
    small = Difference("x", "ms", 100.0, 99.9999, (-0.2, 0.1))
    assert small.cells() == ("100", "100", "+0", "+0 to +0")
    assert Difference("x", "ms", 1.26, 4.0, None).cells() == ("1.3", "4.0", "+2.7", "-")
    assert Difference("x", "of all turns", 0.25, None, None).cells() == ("0.250", "-", "-", "-")


def test_a_comparison_is_plain_data() -> None:
    plain = compare(spread(2), spread(3, runs=1), draws=50).as_json()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["paired"] is True
    first = plain["figures"][0]
    assert {"name", "unit", "before", "now", "change", "interval", "verdict"} == set(first)
