"""A replay beside an earlier one: the difference of each figure, with an interval that says what chance may do.

The interval is a percentile bootstrap in two stages (Davison and Hinkley, Bootstrap Methods and their Application,
1997, section 3.8): turns are drawn with replacement, the same ones on both sides since the same sentences were spoken;
then the repeats of each side, whole and independently. 95 % of 2,000 such draws lie within the interval.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.errors import SettingsError

DRAWS = 2_000
LEVEL = 0.95
SEED = 20_261_121  # the same reports give the same intervals
CHUNK_VALUES = 4_000_000  # of a draw held at once: 32 MB

Matrix = NDArray[np.float64]
"""Values of one figure, (turns, runs); NaN where there is none."""

Statistic = Callable[[Matrix], Matrix]
"""From (draws, values) to (draws,)."""


# ---------------------------------------------------------------- reports as read


class _Read(BaseModel):
    """Older and newer reports have fewer or more fields."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ReadTimeline(_Read):
    """What the comparison takes from a turn's timeline."""

    wait_ms: float | None = None
    discarded_ms: float = 0.0


class ReadTurn(_Read):
    """One turn of a report."""

    text: str | None = None
    cut: bool = False
    voice_to_voice_ms: float | None = None
    parts: dict[str, float] | None = None
    timeline: ReadTimeline | None = None


class ReadReport(_Read):
    """A report of `interlocutor replay --json`, of this version or an earlier one."""

    turns: tuple[ReadTurn, ...]
    runs: tuple[tuple[ReadTurn, ...], ...] = ()
    about: dict[str, Any] = Field(default_factory=dict)
    machine: dict[str, Any] = Field(default_factory=dict)

    @property
    def all_runs(self) -> tuple[tuple[ReadTurn, ...], ...]:
        """The runs; reports of one run have it as `turns` only."""
        return self.runs or (self.turns,)


def read_report(path: Path) -> ReadReport:
    """Read a report; raises SettingsError saying why it can't be used."""
    try:
        return ReadReport.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"--baseline {path} can't be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) if isinstance(error, ValidationError) else ""
        what = f"its '{where}' is wrong" if where else "it is not JSON"
        raise SettingsError(f"--baseline {path} is no report of `interlocutor replay --json FILE`: {what}") from None


# ---------------------------------------------------------------- comparison


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of both reports; `low_to_high` is None where there is too little to say how much is chance."""

    name: str
    unit: str
    before: float | None
    now: float | None
    low_to_high: tuple[float, float] | None

    @property
    def change(self) -> float | None:
        """Now less before."""
        return None if self.before is None or self.now is None else self.now - self.before

    @property
    def verdict(self) -> str:
        """The difference in words; all figures are better when they are lower."""
        if self.change is None:
            return "not in both reports"
        if self.low_to_high is None:
            return "too little to tell"
        low, high = self.low_to_high
        if low <= 0.0 <= high:
            return "no difference shown"
        return "lower" if high < 0 else "higher"

    def cells(self) -> tuple[str, str, str, str]:
        """Return before, now, difference and interval as text."""
        sizes = [abs(value) for value in (self.before, self.now) if value is not None]
        digits = 3 if not self.unit.startswith("ms") else 1 if max(sizes, default=0.0) < 100 else 0

        def shown(value: float | None, sign: str = "") -> str:
            return "-" if value is None else f"{round(value, digits) + 0.0:{sign}.{digits}f}"  # + 0.0: no "-0"

        bounds = " to ".join(shown(bound, "+") for bound in self.low_to_high or ())
        return shown(self.before), shown(self.now), shown(self.change, "+"), bounds or "-"

    def as_json(self) -> dict[str, Any]:
        """Return the difference as plain data."""
        interval = None if self.low_to_high is None else [_round(bound) for bound in self.low_to_high]
        numbers = {"before": self.before, "now": self.now, "change": self.change}
        shown = {name: None if value is None else _round(value) for name, value in numbers.items()}
        return {"name": self.name, "unit": self.unit, **shown, "interval": interval, "verdict": self.verdict}


@dataclass(frozen=True, slots=True)
class Comparison:
    """All figures of two reports, and what a reader must know to judge them."""

    differences: tuple[Difference, ...]
    method: str
    caveats: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as plain data."""
        return {
            "method": self.method,
            "caveats": list(self.caveats),
            "figures": [difference.as_json() for difference in self.differences],
        }


def _round(value: float) -> float:
    return round(value, 4)


def quantile(q: float) -> Statistic:
    """Return the q-quantile by nearest rank, as everywhere in the house; NaN of nothing."""

    def of(values: Matrix) -> Matrix:
        ranked = np.sort(values, axis=1)  # NaN goes to the end
        count = np.count_nonzero(~np.isnan(ranked), axis=1)
        rank = np.maximum(0, np.ceil(q * count).astype(np.intp) - 1)
        chosen: Matrix = ranked[np.arange(len(ranked)), rank]
        return chosen

    return of


def mean(values: Matrix) -> Matrix:
    """Return the mean of what is there; NaN of nothing."""
    known = ~np.isnan(values)
    count = np.count_nonzero(known, axis=1)
    total = np.where(known, values, 0.0).sum(axis=1)
    means: Matrix = np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)
    return means


def _part(name: str) -> Callable[[ReadTurn], float | None]:
    return lambda turn: None if turn.parts is None else turn.parts.get(name)


def _after_endpoint(turn: ReadTurn) -> float | None:
    return None if turn.parts is None else sum(value for name, value in turn.parts.items() if name != "endpoint")


FIGURES: tuple[tuple[str, str, Callable[[ReadTurn], float | None], Statistic], ...] = (
    ("voice to voice, p50", "ms", lambda turn: turn.voice_to_voice_ms, quantile(0.5)),
    ("voice to voice, p95", "ms", lambda turn: turn.voice_to_voice_ms, quantile(0.95)),
    ("voice to voice, mean", "ms", lambda turn: turn.voice_to_voice_ms, mean),
    ("after endpoint, p50", "ms", _after_endpoint, quantile(0.5)),
    *((f"{name}, mean", "ms", _part(name), mean) for name in ("endpoint", "recognise", "respond", "speak", "deliver")),
    ("wait asked for, mean", "ms", lambda turn: turn.timeline.wait_ms if turn.timeline else None, mean),
    ("computation thrown away", "ms a turn", lambda turn: turn.timeline.discarded_ms if turn.timeline else None, mean),
    ("turns cut", "of all turns", lambda turn: float(turn.cut), mean),
)


def compare(now: ReadReport, before: ReadReport, *, draws: int = DRAWS) -> Comparison:
    """Compare two reports figure by figure."""
    new, old, paired, caveats = _paired(now, before)
    differences = []
    for name, unit, value, statistic in FIGURES:
        ours, theirs = _matrix(new, value), _matrix(old, value)
        totals = [float(statistic(side.reshape(1, -1))[0]) if side.size else float("nan") for side in (theirs, ours)]
        known = [None if np.isnan(total) else total for total in totals]
        interval = None
        if None not in known and (min(len(ours), len(theirs)) > 1 or min(ours.shape[1], theirs.shape[1]) > 1):
            interval = _interval(ours, theirs, statistic, paired=paired, draws=draws)
        differences.append(Difference(name, unit, known[0], known[1], interval))
    return Comparison(tuple(differences), _method(now, before, paired), (*caveats, *_unlike(now, before)))


def _method(now: ReadReport, before: ReadReport, paired: bool) -> str:
    turns = "the same turns drawn on both sides" if paired else "turns of each side drawn separately"
    runs = f"{len(before.all_runs)} before, {len(now.all_runs)} now"
    return (
        f"Each interval holds {LEVEL:.0%} of {DRAWS:,} differences drawn by chance (a percentile bootstrap): {turns}, "
        f"with replacement, then whole runs of each side ({runs}). Where it includes zero, no difference is shown."
    )


Runs = Sequence[Sequence[ReadTurn]]


def _paired(now: ReadReport, before: ReadReport) -> tuple[Runs, Runs, bool, list[str]]:
    """Return the runs of both sides with the turns that both have, in one order; all turns where none is common."""
    new, old = (_keys(report.all_runs[0]) for report in (now, before))
    common = [key for key in new if key in old]
    caveats = []
    if not common:
        caveats.append("The reports have no turn in common: the turns could not be paired, and what was said differs.")
        return now.all_runs, before.all_runs, False, caveats
    left_out = len(new) + len(old) - 2 * len(common)
    if left_out:
        caveats.append(f"{left_out} turns are in one report only and were left out.")
    if len(common) < 10:
        caveats.append(f"{len(common)} turns are few: such intervals are too narrow, and p95 is close to the largest.")
    return _chosen(now, [new[key] for key in common]), _chosen(before, [old[key] for key in common]), True, caveats


def _keys(turns: Sequence[ReadTurn]) -> dict[tuple[str, int], int]:
    """Return the places of turns by what was said, and how often it was said before; by number if nobody knows what."""
    seen: Counter[str] = Counter()
    keys = {}
    for index, turn in enumerate(turns):
        text = turn.text or ""
        keys[text, seen[text]] = index
        seen[text] += 1
    return keys


def _chosen(report: ReadReport, places: Sequence[int]) -> Runs:
    return [[run[place] for place in places] for run in report.all_runs if len(run) > max(places)]


def _matrix(runs: Runs, value: Callable[[ReadTurn], float | None]) -> Matrix:
    turns = min((len(run) for run in runs), default=0)
    rows = [[value(run[index]) for run in runs] for index in range(turns)]
    return np.array([[np.nan if v is None else v for v in row] for row in rows], dtype=np.float64).reshape(
        turns, len(runs)
    )


def _interval(
    ours: Matrix, theirs: Matrix, statistic: Statistic, *, paired: bool, draws: int
) -> tuple[float, float] | None:
    random = np.random.default_rng(SEED)
    found: list[Matrix] = []
    for count in _chunks(draws, max(ours.size, theirs.size)):
        turns = random.integers(len(ours), size=(count, len(ours)))
        others = turns if paired else random.integers(len(theirs), size=(count, len(theirs)))
        sides = []
        for values, chosen in ((ours, turns), (theirs, others)):
            runs = random.integers(values.shape[1], size=(count, values.shape[1]))
            drawn = values[chosen[:, :, None], runs[:, None, :]]
            sides.append(statistic(drawn.reshape(count, -1)))
        found.append(sides[0] - sides[1])
    differences = np.concatenate(found)
    differences = differences[~np.isnan(differences)]
    if not len(differences):
        return None
    low, high = np.quantile(differences, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _chunks(draws: int, values: int) -> Iterator[int]:
    size = max(1, CHUNK_VALUES // max(1, values))
    while draws > 0:
        yield min(size, draws)
        draws -= size


COMPARABLE = {
    "pace": "Another pace",
    "card": "Another card",
    "engines": "Other engines",
    "settings_digest": "Other settings",
    "url": "Another server",
}
TOLD_BY_ONE = {"engines", "settings_digest"}  # a server does not tell them


def _unlike(now: ReadReport, before: ReadReport) -> Iterator[str]:
    """Say what a reader must hold against a comparison: single runs, and what else differs than what is measured."""
    if min(len(now.all_runs), len(before.all_runs)) == 1:
        yield "A side has one run only: the intervals leave out how much runs differ by themselves; repeat the replays."
    for key, name in COMPARABLE.items():
        old, new = before.about.get(key), now.about.get(key)
        if key not in before.about or old == new:
            continue
        if key in TOLD_BY_ONE and not (old and new):
            yield f"{name}, perhaps: they are known of one side only."
        else:
            what = f": {_plain(old)} before, {_plain(new)} now" if key != "settings_digest" else ""
            yield f"{name}{what}."
    for key in ("cpu", "cores"):
        old, new = before.machine.get(key), now.machine.get(key)
        if old is not None and old != new:
            yield f"Another machine ({key}): {old} before, {new} now."
    if not before.about:
        yield "The baseline is of an earlier version: it does not say which card, engines and settings it is of."


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {text}" for key, text in value.items())
    return "none" if value is None else str(value)
