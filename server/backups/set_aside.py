"""What lies in a data folder is set aside while a backup takes its place, whole and to be brought back."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from audio.files import sync_folder
from common.errors import storage_error

ASIDE = ".aside"
"""In the data folder, so that nothing is copied, however large it is: a folder for each time."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """What was moved away: `folder` is a data folder of its own, for `interlocutor db import --from`."""

    data_path: Path
    folder: Path
    names: tuple[str, ...]

    def bring_back(self) -> None:
        """Put everything where it was; raises StorageError."""
        _move(self.names, self.folder, self.data_path)
        self.folder.rmdir()


def set_aside(data_path: Path, *, but: Collection[str]) -> SetAside | None:
    """Move all that lies in a data folder away, `but` for these names; None if there is nothing.

    Raises StorageError, and moves nothing then.
    """
    names = tuple(sorted(path.name for path in data_path.iterdir() if path.name not in {*but, ASIDE}))
    if not names:
        return None
    folder = data_path / ASIDE / time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise storage_error(folder, error) from error
    _move(names, data_path, folder)
    return SetAside(data_path, folder, names)


def _move(names: Collection[str], source: Path, to: Path) -> None:
    """Move these names, or none of them."""
    moved: list[str] = []
    try:
        for name in names:
            os.rename(source / name, to / name)
            moved.append(name)
        sync_folder(to)
        sync_folder(source)
    except OSError as error:
        for name in reversed(moved):
            os.rename(to / name, source / name)
        raise storage_error(source, error) from error
