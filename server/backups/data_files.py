"""The files of the data folder in a backup: copied once, and linked where the backup before has the same."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import StorageError
from pipelines.log.jsonl import EVENTS, PAYLOADS
from server.backups.manifest import FileFacts, copy, facts_of
from server.backups.shelf import Backup

DATA = "data"
"""The files of the data folder, in a backup's."""
# Of a running session the envelopes are copied before the payloads: each then has its payload.
_FIRST = {EVENTS: 0, PAYLOADS: 1}
# A recording that is joined meanwhile appears under another name: the folder is looked through again.
PASSES = 5


@dataclass(slots=True)
class DataFiles:
    """Copies a data folder, but for what is `left_out`, into a backup; `before` is the backup before it.

    In a backup the files lie below `DATA`. A folder directly in the data folder may be a link to another disk; it is
    copied as a folder. Other links are left out.
    """

    root: Path
    left_out: Collection[Path]
    before: Backup | None = None
    copied: dict[str, FileFacts] = field(default_factory=dict)
    linked: int = 0

    def copy_to(self, folder: Path) -> dict[str, FileFacts]:
        """Copy into a backup's folder; return the facts of all files by their paths there.

        Raises OSError or StorageError.
        """
        known = self.before.manifest().files if self.before is not None else {}
        (folder / DATA).mkdir(mode=0o700)
        for _ in range(PASSES):
            news = [path for path in self._files() if self._name(path) not in self.copied]
            if not news:
                break
            for path in news:
                self._take(path, folder, known)
        return self.copied

    def _name(self, path: Path) -> str:
        return f"{DATA}/{path.relative_to(self.root).as_posix()}"

    def _files(self) -> Iterator[Path]:
        for top in (self.root, *self._linked_folders()):
            for parent, folders, names in os.walk(top, onerror=_refuse):
                here = Path(parent)
                folders[:] = sorted(name for name in folders if not self._is_left_out(here / name))
                for name in sorted(names, key=lambda one: (_FIRST.get(one, 2), one)):
                    if not self._is_left_out(here / name):
                        yield here / name

    def _linked_folders(self) -> list[Path]:
        """Return the links to folders elsewhere that lie directly in the data folder; raises StorageError."""
        elsewhere = []
        apart = {path.resolve() for path in self.left_out}
        for path in sorted(self.root.iterdir()):
            if not path.is_symlink() or path.name.startswith(".") or path in self.left_out or path.resolve() in apart:
                continue
            if not path.exists():
                raise StorageError(
                    f"'{path.name}' in the data folder is a link to what is not there; mount its disk, or remove the "
                    "link",
                    code="storage.missing",
                )
            # One that leads back to the data folder would never end.
            if path.is_dir() and not self.root.resolve().is_relative_to(path.resolve()):
                elsewhere.append(path)
        return elsewhere

    def _is_left_out(self, path: Path) -> bool:
        return path in self.left_out or path.is_symlink() or (path.name.startswith(".") and not path.is_dir())

    def _take(self, path: Path, folder: Path, known: dict[str, FileFacts]) -> None:
        name = self._name(path)
        to = folder / name
        to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            facts = self._link(path, name, to, known.get(name)) or copy(path, to)
        except FileNotFoundError:
            return  # erased, or joined into the recording, a moment ago
        self.copied[name] = facts

    def _link(self, path: Path, name: str, to: Path, known: FileFacts | None) -> FileFacts | None:
        """Take a file that did not change from the backup before; None where that can't be."""
        if self.before is None or known is None or path.stat().st_size != known.size_bytes or facts_of(path) != known:
            return None
        try:
            os.link(self.before.folder / name, to)
        except OSError:
            return None  # some file systems have no links
        self.linked += 1
        return known


def _refuse(error: OSError) -> None:
    """Have a backup fail that would lack a folder; one that was erased a moment ago is none."""
    if not isinstance(error, FileNotFoundError):
        raise StorageError(
            f"the folder '{Path(error.filename).name}' in the data folder can't be read ({error.strerror}); check its "
            "disk and the rights to it"
        ) from error
