"""The replay's report as the latency page shows it, in one file: for a look, to print, and to send on.

What is computed is computed here; `static/lab/report_page.js` shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from bench.replay.one_file import one_file
from bench.replay.report import PARTS
from bench.replay.views import TurnView
from server.paths import STATIC
from server.reports.comparison import by_key
from server.reports.report_turns import ReadReport
from server.reports.summary import distribution


def replay_page(
    report: Mapping[str, Any],
    views: Sequence[TurnView],
    *,
    baseline: ReadReport | None = None,
    voices: Mapping[str, Any] | None = None,
) -> str:
    """Return the page for a report of `as_json`, with its comparison if there is one, and the views of its last run.

    `voices` are both voices of that run, of `voices_of`.
    """
    shown = as_shown(report, views, baseline=baseline)
    if voices is not None:
        shown["voices"] = voices
    return one_file(STATIC / "lab" / "report.html", "report", shown)


def as_shown(
    report: Mapping[str, Any], views: Sequence[TurnView], *, baseline: ReadReport | None = None
) -> dict[str, Any]:
    """Return the report with what the page shows besides; milliseconds.

    That is: views, means, a turn's times over all runs, why the baseline waited for the same turn, and how the times of
    both reports are spread.
    """
    read = ReadReport.model_validate(report)
    runs = read.all_runs
    waited = _waited_before(read, baseline)
    turns = [
        {
            **turn,
            "view": view.as_json(),
            "over_runs_ms": _over_runs(runs, view.number - 1),
            "waited_before": waited[view.number - 1],
        }
        for turn, view in zip(report["turns"], views, strict=True)
    ]
    shown = {**report, "turns": turns, "distribution": distribution(read)}
    split = [turn.parts for run in runs for turn in run if turn.parts is not None]
    if split:
        shown["mean_parts_ms"] = {name: fmean(parts.get(name, 0.0) for parts in split) for name in PARTS}
    if baseline is not None:
        shown["baseline_distribution"] = distribution(baseline)
    return shown


def _waited_before(now: ReadReport, baseline: ReadReport | None) -> list[list[str]]:
    """Return for each turn why the baseline waited for the same one, in words; nothing where it does not say."""
    before = by_key(baseline.turns) if baseline is not None else {}
    same = [before.get(key) for key in by_key(now.turns)]
    return [[wait.words for wait in (turn.waits if turn is not None else None) or ()] for turn in same]


def _over_runs(runs: Sequence[Sequence[Any]], index: int) -> list[float]:
    waits = [run[index].voice_to_voice_ms for run in runs if index < len(run)]
    return [wait_ms for wait_ms in waits if wait_ms is not None]
