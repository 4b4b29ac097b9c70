"""A file of JSON lines that only grows; a line that was cut off spoils no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from audio.files import append_lines
from common.errors import storage_error

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Line = TypeVar("Line", bound="DataclassInstance")


class LineFile(Generic[Line]):
    """The file, and what makes a line of what JSON has: of what is none it raises ValueError, TypeError, KeyError."""

    def __init__(self, path: Path, make: Callable[[dict[str, Any]], Line]) -> None:
        self.path = path
        self._make = make

    def append(self, line: Line) -> None:
        """Write a line; raises StorageError."""
        raw = json.dumps(asdict(line), ensure_ascii=False).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(self.path, error) from error
        append_lines(self.path, raw)

    def lines(self) -> list[Line]:
        """Return all lines that can be read, the oldest first; raises StorageError."""
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise storage_error(self.path, error) from error
        found = []
        for each in raw.splitlines():
            try:
                found.append(self._make(json.loads(each)))
            except (ValueError, TypeError, KeyError):
                continue
        return found
