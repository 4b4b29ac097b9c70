"""Writes the tables of docs/scale.md: what is between its marks comes from the simulation, and no other word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from bench.scaling.demand import Demand, OpenDay, TogetherClass
from bench.scaling.measured_instance import MeasuredInstance
from bench.scaling.sizing import ScaleOutcome, needed_instances, try_instances
from server.paths import ROOT

PAGE = ROOT / "docs" / "scale.md"
KEPT_DAYS = 90  # retention.practice_days, unless it is set

# Weights of the hours from midnight: a centre that is open from 8 to 18, and people at home after work.
OPENING_HOURS = (0,) * 8 + (3, 6, 9, 8, 4, 6, 9, 8, 5, 3) + (0,) * 6
HOME_HOURS = (1, 0.5, 0.3, 0.2, 0.2, 0.4, 1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 5, 6, 8, 10, 11, 10, 6, 3)

DEMANDS: dict[str, Demand] = {
    "class": TogetherClass(people=50),
    "centre": OpenDay(people=500, per_week=4, day_share=1 / 4, hours=OPENING_HOURS),
    "country": OpenDay(people=50_000, per_week=3, day_share=1 / 5, hours=HOME_HOURS),
}
HEAD = ("Instances", "Role-plays at once", "Cores", "Memory", "Who waits", "Half wait", "19 of 20 wait", "The longest")


def tables(instance: MeasuredInstance) -> dict[str, str]:
    """Return the text of each place of the page by its name."""
    found = {"measured": measured_table(instance)}
    for name, demand in DEMANDS.items():
        found[name] = demand_table(demand, instance)
    return found


def demand_table(demand: Demand, instance: MeasuredInstance) -> str:
    """Return what a demand comes to on too few instances, on enough, and on as many with a line for each."""
    enough = needed_instances(demand, instance)
    fewer = sorted({max(1, enough.instances // 2), max(1, enough.instances * 3 // 4)} - {enough.instances})
    rows = [_row(try_instances(demand, instance, count)) for count in fewer]
    rows.append(_row(enough, told="**{}**"))
    if enough.instances > 1:
        own = try_instances(demand, instance, enough.instances, one_line=False)
        rows.append(_row(own, told="{}, a line at each"))
    return "\n".join([_table(HEAD, rows), "", _summary(enough)])


def measured_table(instance: MeasuredInstance) -> str:
    """Return what one instance was found to hold and take."""
    rows = [
        ("cores", f"{instance.cores}"),
        ("role-plays at once, by calls", f"{instance.places}"),
        ("voice to voice with all of them, 19 of 20 turns within", f"{instance.p95_ms:.0f} ms"),
        ("memory after 600 role-plays", f"{instance.memory_mb / 1000:.1f} GB"),
        ("log and recording of a role-play, per second", f"{instance.kept_bytes_per_s / 1000:.1f} kB"),
        ("messages both ways, per second of a role-play", f"{instance.wire_bytes_per_s * 8 / 1e6:.2f} Mbit/s"),
    ]
    return _table(("Of one instance", "Measured"), rows)


def written(text: str, made: dict[str, str]) -> str:
    """Return a page with the text between its marks made anew; raises ValueError for a mark that is missing."""
    for name, table in made.items():
        marks = re.compile(rf"(<!-- {name}: made by python -m bench.scale -->\n).*?(<!-- end -->)", re.S)
        if not marks.search(text):
            raise ValueError(f"docs/scale.md has no place for {name}")
        # A function, since a table may hold what a pattern takes for a reference.
        text = marks.sub(lambda mark, table=table: f"{mark[1]}{table}\n{mark[2]}", text)  # type: ignore[misc]
    return text


def write(instance: MeasuredInstance, page: Path = PAGE) -> None:
    """Bring the page up to date."""
    page.write_text(written(page.read_text(encoding="utf-8"), tables(instance)), encoding="utf-8")


def _row(outcome: ScaleOutcome, told: str = "{}") -> tuple[str, ...]:
    days = outcome.days
    return (
        told.format(outcome.instances),
        f"{outcome.places}",
        f"{outcome.cores}",
        f"{outcome.memory_gb:.1f} GB",
        _share(days.waited()),
        _duration(days.wait_s(0.5)),
        _duration(days.wait_s(0.95)),
        _duration(max(days.waits_s, default=0.0)),
    )


def _summary(enough: ScaleOutcome) -> str:
    days, kept_gb = enough.days, enough.kept_gb_a_day
    told = (
        f"{days.role_plays_a_day:,.0f} role-plays on that day, at most {days.most_talking} of them talking at once.",
        f"Network at that moment: {enough.network_mbit_s:.0f} Mbit/s, both ways together.",
        f"Disk: {kept_gb:.1f} GB a day, {kept_gb * KEPT_DAYS:,.0f} GB if each of {KEPT_DAYS} days were like it.",
    )
    return " ".join(told)


def _share(share: float) -> str:
    return "under 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "not"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
