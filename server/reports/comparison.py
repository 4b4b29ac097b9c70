"""A report beside an earlier one: the difference of each figure, with an interval that says what chance may do.

The interval is a percentile bootstrap in two stages (Davison and Hinkley, Bootstrap Methods and their Application,
1997, section 3.8): turns are drawn with replacement, the same ones on both sides since the same sentences were spoken;
then the repeats of each side, whole and independently. 95 % of 2,000 such draws lie within the interval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.reports.report_turns import ReadReport, ReadTurn

DRAWS = 2_000
LEVEL = 0.95
SEED = 20_261_121  # the same reports give the same intervals
# Of fewer values a percentile is one of the two or three largest, or a matter of luck.
ENOUGH_FOR_PERCENTILES = 20
CHUNK_VALUES = 4_000_000  # of a draw held at once: 32 MB

Matrix = NDArray[np.float64]
"""Values of one figure, (turns, runs); NaN where there is none."""

Statistic = Callable[[Matrix], Matrix]
"""From (draws, values) to (draws,)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of both reports; `low_to_high` is None where there is too little to say how much is chance."""

    name: str
    unit: str
    before: float | None
    now: float | None
    low_to_high: tuple[float, float] | None
    # Why nothing is to be concluded from it, where that is so.
    withheld: str = ""

    @property
    def change(self) -> float | None:
        """Now less before."""
        return None if self.before is None or self.now is None else self.now - self.before

    @property
    def verdict(self) -> str:
        """The difference in words; all figures are better when they are lower."""
        if self.withheld:
            return self.withheld
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
    paired: bool  # whether any turn is in both reports

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as plain data."""
        return {
            "method": self.method,
            "paired": self.paired,
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
    return lambda turn: None if turn.parts is None or turn.cut else turn.parts.get(name)


def _uncut(value: Callable[[ReadTurn], float | None]) -> Callable[[ReadTurn], float | None]:
    """Return a figure of turns that were waited for: the reply to one that was cut came soon, and too soon."""
    return lambda turn: None if turn.cut else value(turn)


CUT = "turns cut"
MEDIAN, LATE = quantile(0.5), quantile(0.95)
PERCENTILES = (MEDIAN, LATE)

FIGURES: tuple[tuple[str, str, Callable[[ReadTurn], float | None], Statistic], ...] = (
    ("voice to voice, p50", "ms", _uncut(lambda turn: turn.voice_to_voice_ms), MEDIAN),
    ("voice to voice, p95", "ms", _uncut(lambda turn: turn.voice_to_voice_ms), LATE),
    ("voice to voice, mean", "ms", _uncut(lambda turn: turn.voice_to_voice_ms), mean),
    ("after endpoint, p50", "ms", _uncut(lambda turn: turn.after_endpoint_ms), MEDIAN),
    *((f"{name}, mean", "ms", _part(name), mean) for name in ("endpoint", "recognise", "respond", "speak", "deliver")),
    ("wait asked for, mean", "ms", lambda turn: turn.timeline.wait_ms if turn.timeline else None, mean),
    ("computation thrown away", "ms a turn", lambda turn: turn.timeline.discarded_ms if turn.timeline else None, mean),
    (CUT, "of all turns", lambda turn: float(turn.cut), mean),
)


def compare(now: ReadReport, before: ReadReport, *, draws: int = DRAWS) -> Comparison:
    """Compare two reports figure by figure."""
    new, old = ([by_key(run) for run in report.all_runs] for report in (now, before))
    ours_keys, theirs_keys, paired, caveats = _paired(new[0], old[0])
    differences = []
    for name, unit, value, statistic in FIGURES:
        ours, theirs = _matrix(new, ours_keys, value), _matrix(old, theirs_keys, value)
        totals = [float(statistic(side.reshape(1, -1))[0]) if side.size else float("nan") for side in (theirs, ours)]
        known = [None if np.isnan(total) else total for total in totals]
        interval, withheld = None, ""
        if None in known:
            pass
        elif statistic in PERCENTILES and min(map(_count, (ours, theirs))) < ENOUGH_FOR_PERCENTILES:
            known, withheld = [None, None], f"fewer than {ENOUGH_FOR_PERCENTILES} turns"
        elif min(len(ours), len(theirs)) > 1 or min(ours.shape[1], theirs.shape[1]) > 1:
            interval = _interval(ours, theirs, statistic, paired=paired, draws=draws)
        differences.append(Difference(name, unit, known[0], known[1], interval, withheld))
    if _is_cut_more(differences):
        differences = [
            replace(each, withheld=each.withheld or "more turns cut") if each.unit == "ms" else each
            for each in differences
        ]
        caveats.append("More turns were cut than before: answers that come too soon make no run better.")
    caveats += _unlike(now, before)
    return Comparison(tuple(differences), _method(now, before, paired), tuple(caveats), paired)


def _count(values: Matrix) -> int:
    return int(np.count_nonzero(~np.isnan(values)))


def _is_cut_more(differences: Sequence[Difference]) -> bool:
    cut = next(each for each in differences if each.name == CUT)
    return cut.change is not None and cut.change > 0


def _method(now: ReadReport, before: ReadReport, paired: bool) -> str:
    turns = "the same turns drawn on both sides" if paired else "turns of each side drawn separately"
    runs = f"{len(before.all_runs)} before, {len(now.all_runs)} now"
    return (
        f"Each interval holds {LEVEL:.0%} of {DRAWS:,} differences drawn by chance (a percentile bootstrap): {turns}, "
        f"with replacement, then whole runs of each side ({runs}). Where it includes zero, no difference is shown."
    )


Key = tuple[str, int]
"""What was said in a turn, and how often it was said before in its run."""


def by_key(run: Sequence[ReadTurn]) -> dict[Key, ReadTurn]:
    """Return turns by what was said; by their recording and number where nobody knows what."""
    seen: Counter[str] = Counter()
    found = {}
    for turn in run:
        said = turn.text or turn.source
        found[said, seen[said]] = turn
        seen[said] += 1
    return found


def _paired(new: Iterable[Key], old: Iterable[Key]) -> tuple[list[Key], list[Key], bool, list[str]]:
    """Return the keys that both sides have, in one order, for each side; all keys where none is common."""
    ours, theirs = list(new), list(old)
    known = set(theirs)
    common = [key for key in ours if key in known]
    if not common:
        lone = "The reports have no turn in common: the turns could not be paired, and what was said differs."
        return ours, theirs, False, [lone]
    caveats = []
    left_out = len(ours) + len(theirs) - 2 * len(common)
    if left_out:
        caveats.append(f"{left_out} turns are in one report only and were left out.")
    if len(common) < 10:
        caveats.append(f"{len(common)} turns are few: such intervals are too narrow, and p95 is close to the largest.")
    return common, common, True, caveats


def _matrix(
    runs: Sequence[Mapping[Key, ReadTurn]], keys: Sequence[Key], value: Callable[[ReadTurn], float | None]
) -> Matrix:
    """Return a figure of each turn in each run; a run that was stopped, or failed in part, lacks some."""
    rows = [[value(run[key]) if key in run else None for run in runs] for key in keys]
    return np.array(rows, dtype=np.float64).reshape(len(keys), len(runs))


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
    "transport": "Another transport",
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
