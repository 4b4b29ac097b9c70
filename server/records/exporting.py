"""A role-play as one zip file, for people and programs."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, BinaryIO

from audio.recorder import RECORDING_NAME
from common.seal import Seal
from common.sealed_files import open_file
from pipelines.log.jsonl import EVENTS, PAYLOADS, plain_payloads
from server.records.folder import ERASED, RecordFolder
from server.records.recordings import Recordings
from server.store.sessions import IndexedSession

BLOCK_BYTES = 1 << 18
FILES = (EVENTS, PAYLOADS, ERASED)
LEFT = (EVENTS, ERASED)
"""What stays of an erased one: its envelopes, and when it was erased."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A role-play to be exported: its row, what else the database has of it (`session_facts.py`), and its seal."""

    known: IndexedSession
    facts: dict[str, list[dict[str, Any]]]
    seal: Seal | None


def write_zip(folder: Path, one: Exported, recordings: Recordings, path: Path) -> None:
    """Write what is left of a role-play, unsealed, to `path`, which must not be there yet.

    Of one that was erased, or whose erasure was cut off, nothing of what was said goes into it. Raises OSError, and
    StorageError when it does not open.
    """
    erased = one.known.erased or RecordFolder(folder).erased
    with path.open("xb") as file:
        try:
            _fill(folder, one, recordings, file, erased=erased)
        except BaseException:
            # Half a file would be taken for a whole one.
            path.unlink()
            raise


def _fill(folder: Path, one: Exported, recordings: Recordings, file: IO[bytes], *, erased: bool) -> None:
    shown = replace(one.known, state="erased").as_shown() if erased else one.known.as_json()
    digests: dict[str, str] = {}
    with zipfile.ZipFile(file, "w") as archive:

        def add_json(name: str, data: Any) -> None:
            text = json.dumps(data, indent=2, ensure_ascii=False).encode()
            archive.writestr(name, text, zipfile.ZIP_DEFLATED)
            digests[name] = hashlib.sha256(text).hexdigest()

        add_json("index.json", shown)
        add_json("database.json", _left_of(one.facts) if erased else one.facts)
        for name in LEFT if erased else (*FILES, *_segments(folder)):
            if (folder / name).is_file():
                digests[name] = _add(archive, _entry(folder / name, name), _blocks(folder / name, one.seal))
        if not erased:
            with suppress(FileNotFoundError), recordings.open(folder, one.seal) as sound:
                entry = _entry(folder / EVENTS, RECORDING_NAME)
                digests[RECORDING_NAME] = _add(archive, entry, _blocks_of(sound))
        # Last, so that whoever has the file can tell whether it is whole.
        add_json("manifest.json", {"session": one.known.id, "sha256": dict(digests)})


def _left_of(facts: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Return what may be told of an erased one: that things were done, and when."""
    return {"audit": [{name: line[name] for name in ("seq", "at_ms", "action")} for line in facts["audit"]]}


def _segments(folder: Path) -> list[str]:
    """Return the pieces of a recording that is not joined yet."""
    return sorted(path.name for path in folder.glob("segment-*.flac"))


def _add(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, blocks: Iterable[bytes]) -> str:
    """Add a file, unsealed; return the SHA-256 of what went in."""
    digest = hashlib.sha256()
    with archive.open(entry, "w", force_zip64=True) as out:
        for block in blocks:
            digest.update(block)
            out.write(block)
    return digest.hexdigest()


def _blocks(path: Path, seal: Seal | None) -> Iterator[bytes]:
    if path.name == PAYLOADS:
        yield from plain_payloads(path.parent, seal)
        return
    with open_file(path, seal) as said:
        yield from _blocks_of(said)


def _blocks_of(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block


def _entry(like: Path, name: str) -> zipfile.ZipInfo:
    """Return the entry of a file that is as old as `like`."""
    entry = zipfile.ZipInfo.from_file(like, name)
    # FLAC is compressed already.
    entry.compress_type = zipfile.ZIP_STORED if name.endswith(".flac") else zipfile.ZIP_DEFLATED
    return entry
