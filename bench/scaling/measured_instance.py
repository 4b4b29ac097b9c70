"""What one instance holds and takes, read from the figures that were measured (docs/benchmarks)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import SettingsError
from server.paths import ROOT

BOOKS = ROOT / "docs" / "benchmarks"
CALLS = 8
"""Calls at once that were measured, answered within a second in 19 of 20 turns."""


@dataclass(frozen=True, slots=True)
class MeasuredInstance:
    """One server with its engines, as it was measured: `p95_ms` is voice to voice with all places taken."""

    cores: int
    places: int
    p95_ms: float
    memory_mb: float
    # Of a role-play under way: log and recording on the disk, and messages both ways.
    kept_bytes_per_s: float
    wire_bytes_per_s: float


def read_books(folder: Path = BOOKS) -> MeasuredInstance:
    """Return the figures; raises SettingsError where they are not there, which they are in a checkout alone."""
    books = _Books(folder)
    calls = f"{CALLS} calls"
    runs = [books.figure("real-weights", name, calls) for name in ("voice to voice, p95", "the same, second run")]
    kept = books.figure("load", "log and recording on the disk, per session second", "1 session")
    wire = books.figure("load", "bytes of messages both ways, per session second", "binary messages")
    return MeasuredInstance(
        cores=books.cores(runs[0]["machine"]),
        places=CALLS,
        p95_ms=max(run["value"] for run in runs),
        memory_mb=books.figure("load", "after 600")["value"],
        kept_bytes_per_s=1000 * kept["value"],
        wire_bytes_per_s=1000 * wire["value"],
    )


class _Books:
    """The files of figures in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def figure(self, section: str, name: str, column: str = "") -> dict[str, Any]:
        """Return the one figure of this name and column."""
        found = [
            figure
            for table in self._read(section)["tables"]
            for figure in table["figures"]
            if (figure["figure"], figure.get("column", "")) == (name, column)
        ]
        if len(found) != 1:
            raise SettingsError(f"{section}.json has {len(found)} figures '{name}' ('{column}'), not one")
        return dict(found[0])

    def cores(self, machine: str) -> int:
        """Return how many cores the machine had."""
        return int(self._read("page")["machines"][machine]["cores"])

    def _read(self, name: str) -> dict[str, Any]:
        path = self._folder / f"{name}.json"
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise SettingsError(f"{path}: can't be read ({error}); run this in a checkout") from None
