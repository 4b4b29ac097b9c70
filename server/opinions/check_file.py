"""The checks of models by references, in a file: the newest come last."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from audio.files import replace_file
from common.errors import storage_error

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    class KeptCheck(DataclassInstance, Protocol):
        """What a model made of references; `references` is their digest."""

        @property
        def model(self) -> str:
            """The model's name."""

        @property
        def references(self) -> str:
            """The digest of the references."""

        def moved(self, before: Any) -> list[str]:
            """Return what it makes otherwise than before."""


Check = TypeVar("Check", bound="KeptCheck")

MOST_KEPT = 1_000


class CheckFile(Generic[Check]):
    """The checks of one kind that were made, in a file; lines that can't be read are left out."""

    def __init__(self, path: Path, kind: type[Check]) -> None:
        self._path = path
        self._kind = kind
        self._all = self._read()

    def last(self, model: str, references: str) -> Check | None:
        """Return a model's last check by these references."""
        mine = [one for one in self._all if (one.model, one.references) == (model, references)]
        return mine[-1] if mine else None

    def add(self, check: Check) -> None:
        """Keep a check; raises StorageError."""
        self._all = [*self._all, check][-MOST_KEPT:]
        text = "".join(json.dumps(asdict(one)) + "\n" for one in self._all)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self._path, text.encode())

    def checked(self, model: str, references: str, make: Callable[[], Check], *, anew: bool) -> tuple[Check, list[str]]:
        """Return a model's check by these references, and what it makes otherwise than before.

        It is made where there is none, or `anew`. Raises what `make` does, and StorageError.
        """
        before = self.last(model, references)
        if before is not None and not anew:
            return before, []
        made = make()
        self.add(made)
        return made, made.moved(before) if before is not None else []

    def _read(self) -> list[Check]:
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise storage_error(self._path, error) from error
        make: Any = self._kind
        found: list[Check] = []
        for line in lines:
            try:
                found.append(make(**json.loads(line)))
            except (ValueError, TypeError):
                continue
        return found
