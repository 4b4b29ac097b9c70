"""Where models lie on the disk, and how one gets there whole or not at all.

    <models.path>/
        base.en/                  a model that can be loaded, with `provenance.json`: where each file came from
        .sources/<id>/            what was pulled for a model that must be converted first
        .partial/<id>/<commit>/   what has come so far; a file that is not whole ends in `.part`
        .partial/<id>/pip.log     what pip said when it could not bring the model's packages
        .locks/<id>.lock          held by whoever works on this model
        .export-env/<name>/       environments that convert

A folder without a dot in front is finished: it got its name when everything in it was there and checked.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from common.errors import EngineError
from pipelines.models.catalogue import CatalogueEntry
from pipelines.models.verify import Fault

PROVENANCE = "provenance.json"
QUALIFIED = "qualified.json"
PIP_LOG = "pip.log"
_BLOCK_BYTES = 1 << 20

State = Literal["installed", "to export", "partial", "absent"]
Origin = Literal["hub", "archive", "package", "folder"]


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as it was when it was checked."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class WheelRecord:
    """A wheel of the package index that files were taken from."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a model's files came from and what they were.

    `source` is a repository, an address, the packages' names or a folder, as `origin` says; the revision is the commit
    or the packages' versions. Older versions wrote no origin: what they pulled came from the hub or an archive.
    """

    id: str
    kind: str
    source: str
    revision: str
    files: tuple[FileRecord, ...]
    made_by: str = "pull"
    origin: Origin = "hub"
    wheels: tuple[WheelRecord, ...] = ()

    def write(self, folder: Path) -> None:
        """Write it into the model's folder."""
        text = json.dumps(asdict(self), indent=2) + "\n"
        (folder / PROVENANCE).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Provenance | None:
        """Read it; None if the folder has none that can be read."""
        try:
            data = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
            files = tuple(FileRecord(**record) for record in data["files"])
            wheels = tuple(WheelRecord(**record) for record in data.get("wheels", ()))
            return cls(**(data | {"files": files, "wheels": wheels}))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


class ModelStore:
    """The folder of models."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, model_id: str) -> Path:
        """Return where a finished model lies."""
        return self.root / model_id

    def source(self, model_id: str) -> Path:
        """Return where what was pulled for an export lies."""
        return self.root / ".sources" / model_id

    def partial(self, model_id: str) -> Path:
        """Return where what has come so far lies, a folder for each revision."""
        return self.root / ".partial" / model_id

    def former(self, model_id: str) -> Path:
        """Return where the model lies that the one of today replaced, if it was another and sound."""
        return self.root / ".former" / model_id

    def pulled(self, entry: CatalogueEntry) -> Path:
        """Return where a pull puts this model: among the sources if it must be exported."""
        return self.source(entry.id) if entry.export else self.folder(entry.id)

    def state(self, entry: CatalogueEntry) -> State:
        """Return how far this model has come; a folder with files that were put there by hand counts as installed."""
        if holds_files(self.folder(entry.id)):
            return "installed"
        if entry.export and holds_files(self.source(entry.id)):
            return "to export"
        came = (path for path in self.partial(entry.id).rglob("*") if path.is_file() and path.name != PIP_LOG)
        return "partial" if any(came) else "absent"

    @contextmanager
    def lock(self, model_id: str, *, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Keep everybody else from working on this model; waits for whoever does, after calling `on_wait` once."""
        import fcntl

        path = self.root / ".locks" / f"{model_id}.lock"
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("w")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait()
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def install(self, staged: Path, final: Path) -> None:
        """Give a finished folder its name; one that has it already makes way at the same moment, as nearly as can be.

        Everything is on the disk before: a power cut leaves the old model, the new one, or a pull to go on with.
        """
        old = self.root / ".partial" / f"{final.name}.old"
        with writing(final):
            for path in staged.rglob("*"):
                if path.is_file():
                    _sync(path)
            final.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(old, ignore_errors=True)
            if final.exists():
                old.parent.mkdir(parents=True, exist_ok=True)
                final.rename(old)
            staged.rename(final)
            _sync(final.parent)
            if final.parent == self.root and _worth_keeping(old, final):
                former = self.former(final.name)
                shutil.rmtree(former, ignore_errors=True)
                former.parent.mkdir(parents=True, exist_ok=True)
                old.rename(former)
            shutil.rmtree(old, ignore_errors=True)

    def go_back(self, model_id: str) -> Provenance:
        """Put the model back that was replaced last, and keep today's in its place; return what is there now.

        Raises EngineError, and changes nothing then.
        """
        former, final = self.former(model_id), self.folder(model_id)
        provenance = Provenance.read(former)
        if provenance is None:
            raise EngineError(
                f"there is no earlier {model_id} in {self.root}: one is kept when a pull or an export replaces it",
                code="model.not_installed",
            )
        if faults := checksum_faults(former, provenance):
            raise EngineError("\n".join(fault.message for fault in faults), code=faults[0].code)
        aside = self.root / ".partial" / f"{model_id}.old"
        with writing(final):
            aside.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(aside, ignore_errors=True)
            if final.exists():
                final.rename(aside)
            former.rename(final)
            _sync(final.parent)
            if aside.exists():
                aside.rename(former)
        return provenance

    def remove(self, model_id: str) -> int:
        """Delete a model with all that belongs to it; returns how many bytes that freed."""
        freed = 0
        for folder in (self.folder(model_id), self.former(model_id), self.source(model_id), self.partial(model_id)):
            freed += size_of(folder)
            with writing(folder):
                if folder.is_symlink():
                    folder.unlink()  # the model lies elsewhere, and is somebody else's
                elif folder.exists():
                    shutil.rmtree(folder)
        return freed


def _worth_keeping(old: Path, new: Path) -> bool:
    """Return whether a model that made way is sound and another than the one that came."""
    was, now = Provenance.read(old), Provenance.read(new)
    return was is not None and (now is None or was.files != now.files) and not checksum_faults(old, was)


def checksum_faults(
    folder: Path, provenance: Provenance, *, on_bytes: Callable[[int], None] = lambda count: None
) -> list[Fault]:
    """Return which files are not what they were when they were pulled; reads every byte."""
    faults = []
    for record in provenance.files:
        path = folder / record.path
        if not path.is_file():
            faults.append(Fault("model.checksum", f"{path} is missing: pull the model again"))
        elif path.stat().st_size != record.size_bytes or sha256_of(path, on_bytes=on_bytes) != record.sha256:
            faults.append(
                Fault(
                    "model.checksum", f"{path} is not the file that was pulled (sha256 differs): pull the model again"
                )
            )
    return faults


def holds_files(folder: Path) -> bool:
    """Return whether a folder is there and not empty; one that may not be looked into counts, so that it is told of."""
    try:
        return any(path.is_file() for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True


def sha256_of(path: Path, *, on_bytes: Callable[[int], None] = lambda count: None) -> str:
    """Return a file's SHA-256 (hex)."""
    digest = hashlib.sha256()
    _feed(path, digest.update, on_bytes)
    return digest.hexdigest()


def git_sha1_of(path: Path) -> str:
    """Return the checksum that git has of a file (hex): SHA-1 over its length and content."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    _feed(path, digest.update, lambda count: None)
    return digest.hexdigest()


def size_of(folder: Path) -> int:
    """Return how many bytes the files of a folder have; 0 if it is not there."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


@contextmanager
def writing(place: Path, *, resumes: bool = True) -> Iterator[None]:
    """Turn what goes wrong with the disk into an EngineError with advice (`model.disk_full`, `model.folder`).

    `resumes` says whether the same command would go on with what has come.
    """
    import errno

    then = "what came is kept, and the same command goes on from there" if resumes else "then pull again"

    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            why = {errno.EDQUOT: "the quota is used up", errno.EFBIG: "a file may not become that big here"}
            raise EngineError(
                f"there is no room to write {place} ({why.get(error.errno, 'the disk is full')}): free some, or set "
                f"MODEL_PATH to another disk; {then}",
                code="model.disk_full",
            ) from error
        raise EngineError(
            f"{place} can't be written ({error.strerror or error}): give this user the right to, or set MODEL_PATH to "
            f"another folder",
            code="model.folder",
        ) from error


def _feed(path: Path, update: Callable[[bytes], None], on_bytes: Callable[[int], None]) -> None:
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            update(block)
            on_bytes(len(block))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
