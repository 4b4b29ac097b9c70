"""Figures as every `bench` and `eval` command reports them: a table for people, JSON for programs."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from server.report_files import write_whole


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


def machine() -> dict[str, Any]:
    """Return what a figure's reader must know of the machine."""
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return {
        "cores": os.cpu_count(),
        "cpu": model,
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_1min": round(os.getloadavg()[0], 2),
    }


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


def percentile(values: Iterable[float], q: float) -> float | None:
    """Return the q-quantile by nearest rank, or None of nothing."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(q * len(ranked)) - 1)] if ranked else None
