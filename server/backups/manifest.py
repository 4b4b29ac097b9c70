"""The manifest of a backup: what is in it, with the SHA-256 of every file, and whether it still is."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audio.files import replace_file
from common.errors import StorageError, storage_error

NAME = "manifest.json"
BLOCK_BYTES = 1 << 20
MOST_FAULTS = 20


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileFacts(_Part):
    """How long a file is, and its SHA-256 (hex)."""

    size_bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class DatabaseFacts(_Part):
    """What was copied of the database: the file, its form, how many rows, and their digest (`state.py`)."""

    kind: Literal["sqlite", "postgresql"]
    file: str
    form: str
    rows: int
    digest: str


class Manifest(_Part):
    """All of a backup; `files` are by their paths below the backup's folder."""

    version: Literal[1] = 1
    product: str
    made_ms: int
    database: DatabaseFacts
    files: dict[str, FileFacts]

    @property
    def size_bytes(self) -> int:
        """How many bytes all files have."""
        return sum(one.size_bytes for one in self.files.values())

    def write(self, folder: Path) -> str:
        """Write it into the backup's folder; return its SHA-256. Raises StorageError."""
        data = self.model_dump_json(indent=1).encode()
        replace_file(folder / NAME, data, durable=True)
        return hashlib.sha256(data).hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a backup; raises StorageError where there is none that can be read."""
    try:
        return Manifest.model_validate_json((folder / NAME).read_bytes())
    except OSError as error:
        raise StorageError(
            f"'{folder.name}' is no backup: it has no {NAME} ({error.strerror}); name the folder of one backup",
            code="backup.none",
        ) from error
    except ValidationError:
        raise damaged(folder, [f"its {NAME} can't be read"]) from None


def faults(folder: Path, manifest: Manifest) -> list[str]:
    """Return how the files of a backup differ from its manifest, one sentence each."""
    there = set(_paths(folder))
    found = [f"{path} is not in the manifest" for path in sorted(there - set(manifest.files))]
    for path, wanted in manifest.files.items():
        if len(found) >= MOST_FAULTS:
            break
        if path not in there:
            found.append(f"{path} is missing")
            continue
        try:
            seen = facts_of(folder / path)
        except OSError as error:
            found.append(f"{path} can't be read: {error.strerror}")
            continue
        if seen != wanted:
            found.append(f"{path} was changed or cut off")
    return found


def check(folder: Path, manifest: Manifest) -> None:
    """Raise StorageError unless a backup is what its manifest says."""
    if found := faults(folder, manifest):
        raise damaged(folder, found)


def damaged(folder: Path, found: list[str]) -> StorageError:
    """Return the error of a backup that is not what it was."""
    told = "; ".join(found[:MOST_FAULTS])
    return StorageError(f"the backup '{folder.name}' is damaged: {told}; take another one", code="backup.damaged")


def facts_of(path: Path) -> FileFacts:
    """Return a file's length and digest; raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            size += len(block)
    return FileFacts(size_bytes=size, sha256=digest.hexdigest())


def copy(source: Path, to: Path) -> FileFacts:
    """Copy a file as far as it goes now, to the disk; return what was copied.

    Raises FileNotFoundError where it is gone by now, and StorageError.
    """
    digest, size = hashlib.sha256(), 0
    with source.open("rb", buffering=0) as file:
        try:
            target = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                while block := file.read(BLOCK_BYTES):
                    digest.update(block)
                    size += len(block)
                    view = memoryview(block)
                    while view:
                        view = view[os.write(target, view) :]
                os.fsync(target)
                # What is checked afterwards is to come from the disk, not from memory.
                os.posix_fadvise(target, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(target)
        except OSError as error:
            raise storage_error(to, error) from error
    return FileFacts(size_bytes=size, sha256=digest.hexdigest())


def _paths(folder: Path) -> Iterator[str]:
    for path in folder.rglob("*"):
        if not path.is_dir() and path != folder / NAME:
            yield path.relative_to(folder).as_posix()
