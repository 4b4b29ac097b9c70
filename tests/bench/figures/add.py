"""Figures brought up to date from the report that a command has written."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.bench.figures.book import Book, Figure, Machine


@dataclass(frozen=True, slots=True)
class Change:
    """One figure before and after; `after` is in the book."""

    section: str
    before: Figure
    after: Figure


def plain(command: str) -> str:
    """Return a command as the figures name it: without where it writes its report."""
    return re.sub(r" --json[ =]\S+", "", " ".join(command.split()))


def add(book: Book, report: Any, *, command: str, machine: str, today: datetime.date) -> list[Change]:
    """Bring every figure of this command that has a `from` up to date; raises ValueError, and changes nothing then."""
    asked = [(name, figure) for name, figure in book.figures() if figure.command == plain(command) and figure.source]
    if not asked:
        raise ValueError(f"no figure has the command `{plain(command)}` and a path into its report (`from`)")
    found = [measured(figure, report) for _, figure in asked]
    changes = []
    for (name, figure), values in zip(asked, found, strict=True):
        before = figure.model_copy()
        for field, value in {**values, "machine": machine, "date": today}.items():
            setattr(figure, field, value)
        changes.append(Change(name, before, figure))
    return changes


def measured(figure: Figure, report: Any) -> dict[str, Any]:
    """Return the fields that a report has for a figure, rounded to the decimals that are shown; raises ValueError."""
    shown = figure.shown_decimals
    rounded = round(figure.times * number(report, figure.source), shown)
    value = rounded if shown else int(rounded)
    # 0.70 is read back as 0.7: then it has to be said how many are shown.
    decimals = None if Figure.decimals_of(value) == shown else shown
    of = round(number(report, figure.of_source)) if figure.of_source else figure.of
    return {"value": value, "decimals": decimals, "of": of}


def number(report: Any, path: str) -> float:
    """Return the number at a path such as `summary.drafts.made` or `figures.NAME.value`; raises ValueError.

    A word of the path is a key; in a list it is the `name` of an entry, or its place from 0. Names may have dots in
    them.
    """
    found = _at(report, path)
    if found is None:
        raise ValueError(f"the report has no number at {path}")
    return found


def _at(content: Any, path: str) -> float | None:
    for name, inner in _entries(content):
        if path == name and isinstance(inner, int | float):
            return float(inner)
        if path.startswith(f"{name}."):
            return _at(inner, path.removeprefix(f"{name}."))
    return None


def _entries(content: Any) -> list[tuple[str, Any]]:
    if isinstance(content, Mapping):
        return list(content.items())
    if not isinstance(content, list):
        return []
    named = [(each["name"], each) for each in content if isinstance(each, Mapping) and "name" in each]
    return named + [(str(place), each) for place, each in enumerate(content)]


def machine_of(report: Any, machines: Mapping[str, Machine]) -> str:
    """Return the name of the machine that a report says it was made on; raises ValueError."""
    about = report.get("machine") if isinstance(report, Mapping) else None
    if not isinstance(about, Mapping):
        raise ValueError("the report does not tell its machine: name it with --machine")
    for name, machine in machines.items():
        if about.get("cores") == machine.cores and machine.cpu in str(about.get("cpu")):
            return name
    raise ValueError(f"{about.get('cores')} cores of {about.get('cpu')!r} are no machine that page.json describes")
