"""Figures as every `bench` and `eval` command reports them: a table for people, JSON for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.report_files import write_whole
from server.measures import machine


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `ratio` is value to baseline where there is one, `n` how many observations it is from."""

    name: str
    value: float | None
    unit: str
    baseline: float | None = None
    n: int = 1
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Value to baseline."""
        if self.value is None or not self.baseline:
            return None
        return round(self.value / self.baseline, 4)

    def as_json(self) -> dict[str, Any]:
        """Return the figure as plain data."""
        return asdict(self) | {"ratio": self.ratio}


def write_figures(path: Path, figures: Iterable[Figure]) -> None:
    """Write machine and figures as JSON."""
    write_json(path, {"machine": machine(), "figures": [figure.as_json() for figure in figures]})


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON to a file; raises StorageError with the reason."""
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def print_figures(title: str, figures: Sequence[Figure]) -> None:
    """Print figures as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for column, justify in (("figure", "left"), ("value", "right"), ("unit", "left"), ("n", "right"), ("note", "left")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for figure in figures:
        value = "-" if figure.value is None else f"{figure.value:,.3f}".rstrip("0").rstrip(".")
        ratio = f"ratio {figure.ratio:g}" if figure.ratio is not None else ""
        table.add_row(figure.name, value, figure.unit, str(figure.n), "; ".join(filter(None, (figure.note, ratio))))
    Console(width=None if _is_terminal() else 140).print(table)


def _is_terminal() -> bool:
    return os.isatty(1)
