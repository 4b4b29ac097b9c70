"""The log of second opinions: a line for each evaluation, with numbers and no words, and what it tells over time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.opinions.line_file import LineFile

RECENT = 30
"""So many role-plays are the latest ones, which those before are compared with."""
LEAST = 10
"""With fewer on one side nothing is said of drift, and below it no distribution could hide whose marks it has."""
DRIFT = 0.5
"""A mean that moved by so many marks is told of."""


@dataclass(frozen=True, slots=True)
class OpinionLine:
    """One evaluation: of a session or of a reference passage (`wanted` is its mark), and what it took.

    `state` is made, not_usable (the answers could not be used) or failed (there was none); `why` is a code.
    """

    at: str
    session: str
    passage: str
    criterion: str
    model: str
    provider: str
    host: str
    references: str
    key: str
    state: str
    why: str = ""
    mark: int | None = None
    wanted: int | None = None
    tone: tuple[str, ...] = ()
    tries: int = 0
    cached: bool = False
    tokens_in: int = 0
    tokens_out: int = 0
    estimated: bool = False
    cost: float = 0.0
    took_ms: float = 0.0


class OpinionLog(LineFile[OpinionLine]):
    """The evaluations in a file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, lambda plain: OpinionLine(**plain | {"tone": tuple(plain["tone"])}))


def report_of(lines: Iterable[OpinionLine]) -> dict[str, Any]:
    """Return what the log says: evaluations and costs by model, how often each mark was given, and what moved.

    `before` and `recent` are means over role-plays, where each role-play counts once, by its last evaluation.
    """
    by_model: dict[str, list[OpinionLine]] = defaultdict(list)
    for line in lines:
        by_model[line.model].append(line)
    return {"models": [_model(name, each) for name, each in by_model.items()]}


def _model(name: str, lines: list[OpinionLine]) -> dict[str, Any]:
    asked = [line for line in lines if not line.cached]
    made = [line for line in lines if line.session and line.state == "made" and line.mark is not None]
    # By criterion, then by session: its last mark, in the order in which sessions came.
    marks: dict[str, dict[str, int]] = defaultdict(dict)
    for line in made:
        marks[line.criterion][line.session] = line.mark or 0
    return {
        "model": name,
        "evaluations": len(lines),
        "cached": len(lines) - len(asked),
        "not_usable": sum(line.state == "not_usable" for line in asked),
        "failed": sum(line.state == "failed" for line in asked),
        "tone": dict(Counter(fault for line in asked for fault in line.tone)),
        "tokens": sum(line.tokens_in + line.tokens_out for line in asked),
        "cost": round(sum(line.cost for line in asked), 6),
        "criteria": {criterion: _criterion(list(by.values())) for criterion, by in marks.items()},
    }


def _criterion(marks: list[int]) -> dict[str, Any]:
    if len(marks) < LEAST:
        return {"role_plays": len(marks), "marks": None, "mean": None, "before": None, "recent": None, "drift": None}
    recent = marks[-RECENT:]
    before = marks[:-RECENT]
    enough = len(before) >= LEAST
    moved = _mean(recent) - _mean(before) if enough else None
    return {
        "role_plays": len(marks),
        "marks": {str(mark): count for mark, count in sorted(Counter(marks).items())},
        "mean": round(_mean(marks), 3),
        "before": round(_mean(before), 3) if enough else None,
        "recent": round(_mean(recent), 3),
        "drift": None if moved is None else abs(moved) >= DRIFT,
    }


def _mean(values: list[int]) -> float:
    return sum(values) / len(values)
