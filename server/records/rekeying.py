"""What a vault holds: which master key wraps what, what lies in the plain, and both set right, one record at a time.

Each step stands by itself, so that a run that was cut off is begun again where it stopped. A server may run meanwhile:
a session's key is replaced as a whole, and what it opens is not touched.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from audio.files import replace_file, sync_folder
from audio.recorder import RECORDING_NAME
from common.errors import AppError, StorageError, storage_error
from common.seal import Seal
from common.sealed_files import SealedWriter, is_sealed
from pipelines.log.jsonl import PAYLOADS, sealed_payloads
from server.records.folder import JUDGED, RecordFolder
from server.vault.session_keys import read_key
from server.vault.vault import Vault

READ_BYTES = 1_048_576


@dataclass(slots=True)
class Holdings:
    """How many keys each master key wraps, by its id; what lies in the plain or was erased; what can't be read."""

    wrapped: Counter[str] = field(default_factory=Counter)
    plain: list[Path] = field(default_factory=list)
    erased: int = 0
    faults: list[str] = field(default_factory=list)


def holdings(folders: list[Path]) -> Holdings:
    """Return what the sessions in these folders are sealed with."""
    found = Holdings()
    for folder in folders:
        record = RecordFolder(folder)
        try:
            if record.erased:
                found.erased += 1
            elif (wrapped := read_key(folder)) is not None:
                found.wrapped[wrapped.master] += 1
            if not record.erased and any(lies_plain(folder)):
                found.plain.append(folder)
        except (AppError, OSError) as error:
            found.faults.append(f"{folder.name}: {error}")
    return found


def rewrap_sessions(folders: list[Path], vault: Vault, done: Callable[[int], None]) -> list[str]:
    """Have the current master key wrap the keys of sessions; `done` is told how many. Returns what could not be."""
    faults, count = [], 0
    for folder in folders:
        try:
            count += vault.rewrap_session(folder)
        except (AppError, OSError) as error:
            # Erased or deleted a moment ago: then it has no key any more.
            if folder.is_dir() and not RecordFolder(folder).erased:
                faults.append(f"{folder.name}: {error}")
        done(count)
    return faults


def lies_plain(folder: Path) -> Iterator[Path]:
    """Yield the files of a session that an earlier version wrote in the plain; raises OSError."""
    payloads = folder / PAYLOADS
    if payloads.is_file():
        with payloads.open("rb") as file:
            if b'"payload"' in file.readline():
                yield payloads
    for path in (folder / RECORDING_NAME, *(folder / name for name in JUDGED), *folder.glob("segment-*.flac")):
        if path.is_file() and not is_sealed(path):
            yield path


@dataclass(frozen=True, slots=True)
class NewlySealed:
    """A session's files, sealed and not yet in their places, with what the audit is to know of them."""

    folder: Path
    ready: list[tuple[Path, Path]]
    digests: dict[str, str]

    def put(self) -> None:
        """Put the files in their places; raises StorageError."""
        try:
            for temporary, path in self.ready:
                os.replace(temporary, path)
            sync_folder(self.folder)
        except OSError as error:
            raise storage_error(self.folder, error) from error


def seal_session(folder: Path, vault: Vault) -> NewlySealed:
    """Seal what of a session that is over lies in the plain, beside it; raises StorageError.

    A recording in segments is joined first, by the start of a server.
    """
    seal = vault.open_session(folder) or vault.make_session(folder, durable=True)
    ready, digests = [], {}
    try:
        for path in lies_plain(folder):
            temporary = path.with_name(f".{path.name}.part")
            if path.name == PAYLOADS:
                replace_file(temporary, b"".join(sealed_payloads(folder, seal)), durable=True)
            else:
                _seal_file(path, temporary, seal)
            with temporary.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            ready.append((temporary, path))
            if path.name in (PAYLOADS, RECORDING_NAME):
                digests["payloads" if path.name == PAYLOADS else "recording"] = digest
    except OSError as error:
        raise storage_error(folder, error) from error
    return NewlySealed(folder, ready, digests)


def _seal_file(path: Path, to: Path, seal: Seal) -> None:
    with path.open("rb") as file, to.open("wb", buffering=0) as out:
        writer = SealedWriter(out, seal, path.name)
        while part := file.read(READ_BYTES):
            writer.write(part)
        writer.finish()
        os.fsync(out.fileno())


def check_over(folder: Path) -> None:
    """Raise StorageError if a session's recording is not one file yet."""
    if any(folder.glob("segment-*.flac")):
        raise StorageError(
            f"{folder.name}: its recording is not put together yet; start the server once, then try again"
        )
