"""What the files in docs/benchmarks may hold, and how they are read and written."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "docs" / "benchmarks"
PAGE = ROOT / "docs" / "benchmarks.md"
FRONT = "page.json"  # the one file that is no section


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class Figure(_Strict):
    """One number: `figure` names its row and `column` its place in it.

    `decimals` is how many are shown, by default as many as `value` is written with. `source` and `of_source` are paths
    into the report that the command writes; the number there, `times` a factor, is the value.
    """

    figure: str = Field(min_length=1)
    column: str = ""
    value: int | float
    of: int | None = None
    unit: str = Field(min_length=1)
    decimals: int | None = Field(default=None, ge=0)
    bar: str = Field(default="", pattern=r"^((at most|at least) -?[0-9.]+)?$")
    note: str = ""
    command: str = Field(min_length=1)
    machine: str = Field(min_length=1)
    date: datetime.date
    source: str = Field(default="", alias="from")
    of_source: str = Field(default="", alias="of_from")
    times: float = 1.0

    @property
    def label(self) -> str:
        """Its row and column."""
        return f"{self.figure}, {self.column}" if self.column else self.figure

    @property
    def shown_decimals(self) -> int:
        """How many decimals are shown."""
        return self.decimals_of(self.value) if self.decimals is None else self.decimals

    @staticmethod
    def decimals_of(value: float) -> int:
        """Return how many decimals a number is written with."""
        return len(f"{value}".partition(".")[2])

    @property
    def kept(self) -> bool:
        """Whether the value is within what is promised."""
        way, _, limit = self.bar.rpartition(" ")
        return not way or (self.value <= float(limit) if way == "at most" else self.value >= float(limit))


class Table(_Strict):
    """Figures in rows and columns, in the order in which they first come, and the text around them."""

    intro: list[str] = []
    heading: str = "Figure"
    figures: list[Figure]
    outro: list[str] = []

    @model_validator(mode="after")
    def _one_figure_a_cell(self) -> Self:
        cells = [(each.figure, each.column) for each in self.figures]
        twice = {cell for cell in cells if cells.count(cell) > 1}
        if twice:
            raise ValueError(f"two figures have one cell: {sorted(twice)}")
        return self


class Section(_Strict):
    """A heading, paragraphs, points of a list, and tables."""

    title: str
    level: int = 2
    intro: list[str] = []
    points: list[str] = []
    tables: list[Table] = []
    outro: list[str] = []


class Machine(_Strict):
    """A machine that was measured on: for readers, and how a report's own account of its machine is recognised."""

    description: str
    cores: int
    cpu: str


class Front(_Strict):
    """The page's title and first words, its machines by name, and its sections, by file name, in order."""

    title: str
    intro: list[str]
    machines: dict[str, Machine]
    sections: list[str]


@dataclass
class Book:
    """The page's whole content; sections by file name without `.json`."""

    front: Front
    sections: dict[str, Section]

    @classmethod
    def read(cls, folder: Path = FOLDER) -> Book:
        """Read every file of a folder; raises ValueError and OSError."""
        front = Front.model_validate_json((folder / FRONT).read_bytes())
        files = {name: folder / f"{name}.json" for name in front.sections}
        return cls(front, {name: Section.model_validate_json(path.read_bytes()) for name, path in files.items()})

    def write(self, folder: Path = FOLDER) -> None:
        """Write every file."""
        for name, model in {Path(FRONT).stem: self.front, **self.sections}.items():
            (folder / f"{name}.json").write_text(written(model), encoding="utf-8")

    def figures(self) -> Iterator[tuple[str, Figure]]:
        """Yield every figure with its section's file name."""
        for name, section in self.sections.items():
            for table in section.tables:
                for figure in table.figures:
                    yield name, figure


def written(model: BaseModel) -> str:
    """Return a file's text, each figure on a line of its own, so that a new value is one changed line."""
    content = model.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    return re.sub(r'\{\s+"figure":[^{}]*\}', lambda found: _on_one_line(found[0]), text)


def _on_one_line(text: str) -> str:
    return json.dumps(json.loads(text), ensure_ascii=False)
