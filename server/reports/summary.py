"""The figures of a report over all its runs, and how its times are spread."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np

from server.measures import percentile
from server.reports.report_turns import ReadReport, ReadTurn

DRAWS = 2_000
SEED = 20_261_121  # the same report gives the same interval

# What a truth file may expect of a turn besides a cue.
INTENTS = {"greeting", "explanation", "farewell", "repeat", "unknown-question", "volunteer"}


def summarise(report: ReadReport) -> dict[str, Any]:
    """Return the figures over all turns of all runs."""
    runs = report.all_runs
    turns = [turn for run in runs for turn in run]
    expected = [turn for turn in turns if turn.expect is not None]
    summary: dict[str, Any] = {
        "turns": len(turns),
        "answered_once": sum(turn.answers == 1 for turn in turns),
        "cut": sum(turn.cut for turn in turns),
        "voice_to_voice_ms": quantiles(_waits(turns)) | mean_of(_waits(turns)),
        "after_endpoint_ms": quantiles(
            [ms for turn in turns if not turn.cut and (ms := turn.after_endpoint_ms) is not None]
        ),
        "drafts": _drafts(turns),
        "expected_cue_rate": cue_rate(expected) if report.topics_told is None else None,
    }
    if len(runs) > 1:
        p50s = [p50 for run in runs if (p50 := percentile(_waits(run), 0.5)) is not None]
        summary["runs"] = {
            "n": len(runs),
            "median_of_p50_ms": _rounded(median(p50s)) if p50s else None,
            "spread_of_p50_ms": _rounded(max(p50s) - min(p50s)) if p50s else None,
        }
    return summary


def distribution(report: ReadReport) -> dict[str, list[float]]:
    """Return `times_ms`, and in `shares` how many per cent of the answered turns were answered within each."""
    waits_ms = sorted(_waits([turn for run in report.all_runs for turn in run]))
    times_ms = sorted(set(waits_ms))
    shares = [100.0 * bisect_right(waits_ms, time_ms) / len(waits_ms) for time_ms in times_ms]
    return {"times_ms": times_ms, "shares": shares}


def cue_rate(turns: Sequence[ReadTurn]) -> float | None:
    """Return the share of turns in which what was expected was told, and nothing where nothing was.

    A turn that expects a cue must tell that cue. One that expects an intent must tell no cue, but for `volunteer`,
    which must tell one.
    """
    if not turns:
        return None
    return round(sum(as_expected(turn) for turn in turns) / len(turns), 4)


def as_expected(turn: ReadTurn) -> bool:
    """Return whether the turn told what its truth file expects."""
    if turn.expect == "volunteer":
        return len(turn.cues) == 1
    if turn.expect in INTENTS:
        return turn.cues == ()
    return turn.cues == (turn.expect,)


def quantiles(values: Sequence[float]) -> dict[str, float | None]:
    """Return p50 and p95, to a tenth."""
    return {"p50": _rounded(percentile(values, 0.5)), "p95": _rounded(percentile(values, 0.95))}


def mean_of(values: Sequence[float]) -> dict[str, Any]:
    """Return `n`, the mean to a tenth, and the interval that holds 95 % of what chance makes of it, if any."""
    if len(values) < 2:
        return {"n": len(values), "mean": _rounded(values[0]) if values else None, "interval": None}
    drawn = np.random.default_rng(SEED).choice(np.asarray(values), size=(DRAWS, len(values))).mean(axis=1)
    interval = [round(float(bound), 1) for bound in np.quantile(drawn, [0.025, 0.975])]
    return {"n": len(values), "mean": _rounded(float(np.mean(values))), "interval": interval}


def _waits(turns: Sequence[ReadTurn]) -> list[float]:
    """Return how long each turn was waited for; one that was cut was not waited for, however soon the reply came."""
    return [turn.voice_to_voice_ms for turn in turns if turn.voice_to_voice_ms is not None and not turn.cut]


def _drafts(turns: Sequence[ReadTurn]) -> dict[str, Any]:
    """Return what was prepared ahead: how often, how often in vain, and the computation that was thrown away."""
    timelines = [turn.timeline for turn in turns if turn.timeline is not None]
    wasted_ms = sum(timeline.discarded_ms for timeline in timelines)
    return {
        "made": sum(timeline.speculated for timeline in timelines),
        "discarded": sum(timeline.discarded for timeline in timelines),
        "reused": sum(timeline.reused for timeline in timelines),
        "turns": len(timelines),
        "discarded_s_per_turn": round(wasted_ms / 1000.0 / len(timelines), 4) if timelines else None,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
