"""Pull a model: look up its files, make sure they fit, bring them, check them, give the folder its name."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Protocol

from audio.errors import EngineError
from pipelines.models.catalogue import Entry, ModelFile
from pipelines.models.hub import Hub, RemoteFile
from pipelines.models.store import FileRecord, Provenance, Store, git_sha1_of, sha256_of, size_of, writing
from pipelines.models.verify import verify_folder

SPARE_BYTES = 256 << 20
"""What must be free beside the download, for everything else that writes to that disk meanwhile."""
ARCHIVE = "archive.zip"
_MIB = 1 << 20


class Watcher(Protocol):
    """Who is told how a pull goes; the command line draws bars."""

    def say(self, text: str) -> None:
        """Tell a person one line."""

    def begin(self, label: str, *, done_bytes: int, total_bytes: int | None) -> None:
        """Begin a file (or its check), of which so much is done already."""

    def advance(self, count: int) -> None:
        """So many bytes more; negative if some must come again."""

    def end(self) -> None:
        """The file is done."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A file to bring: what the hub says of it, what the catalogue knows."""

    path: str
    url: str
    size_bytes: int | None
    sha256: str | None
    git_sha1: str | None
    known_sha256: str | None


def pull(entry: Entry, store: Store, hub: Hub, watch: Watcher, *, again: bool = False) -> Path:
    """Bring a model to this machine and return its folder (for one that must be exported: its source's).

    Whoever comes second for the same model waits, and finds it there. What breaks off is gone on with by the next call.
    Raises EngineError with a code `model.*`; nothing unfinished ever has the model's name.
    """
    final = store.pulled(entry)
    with store.lock(entry.id, on_wait=lambda: watch.say(f"somebody else is pulling {entry.id}; waiting for them")):
        if final.is_dir() and not again:
            faults = [] if entry.export else verify_folder(final, entry.kind)
            if not faults:
                watch.say(f"{entry.id} is there already, in {final}; --again pulls it anew")
                return final
            watch.say(f"what is there can't be used ({faults[0].message}); it is replaced")
        revision, wanted = _look_up(entry, hub)
        staged = store.partial(entry.id) / PurePosixPath(revision).name
        with writing(staged):
            _forget_others(staged)
            staged.mkdir(parents=True, exist_ok=True)
        _require_room(entry, wanted, staged)
        checked: dict[str, str] = {}
        for file in wanted:
            checked[file.path] = _bring(file, staged, hub, watch, name=entry.source.name)
        if entry.source.archive is not None:
            from pipelines.models.archive import unpack

            unpack(staged / ARCHIVE, staged, entry.files)
        _finish(entry, revision, staged, checked)
        store.install(staged, final)
        shutil.rmtree(store.partial(entry.id), ignore_errors=True)
    return final


def memory_warning(entry: Entry, allowed_bytes: int) -> str | None:
    """Return a line if this model will be refused, or nearly, where so much memory is allowed; None if it fits."""
    if entry.memory_mib * _MIB <= allowed_bytes:
        return None
    return (
        f"{entry.id} needs about {entry.memory_mib} MiB of memory, and {allowed_bytes // _MIB} MiB are allowed here "
        f"(models.max_memory): it will be refused; choose a smaller model, or raise that on a machine that has more"
    )


def choose(files: Sequence[ModelFile], remote: Sequence[RemoteFile]) -> list[tuple[ModelFile, RemoteFile]]:
    """Return which of the hub's files are the model's; raises EngineError (`model.not_on_hub`) if one is lacking."""
    found = []
    lacking = []
    for file in files:
        matches = [one for one in remote if fnmatchcase(one.path, file.path) and _harmless(one.path)]
        found += [(file, one) for one in matches]
        if not matches and not file.optional:
            lacking.append(file.path)
    if lacking:
        others = ", ".join(sorted(one.path for one in remote)[:6]) or "nothing"
        raise EngineError(
            f"the repository has no {', '.join(lacking)} (it has {others}): choose a model of this kind",
            code="model.format",
        )
    return found


def _look_up(entry: Entry, hub: Hub) -> tuple[str, list[_Wanted]]:
    source = entry.source
    if source.archive is not None:
        name = PurePosixPath(source.archive).stem
        known = source.archive_sha256
        return name, [_Wanted(ARCHIVE, source.archive, None, None, None, known)]
    listing = hub.list_files(source.name, source.revision)
    chosen = choose(entry.files, listing.files)
    for file, remote in chosen:
        if file.size_bytes and remote.size_bytes and file.size_bytes != remote.size_bytes:
            raise EngineError(
                f"the hub's {remote.path} has {remote.size_bytes} bytes, the catalogue knows {file.size_bytes}: do not "
                f"use it; ask whoever keeps the catalogue or the mirror",
                code="model.checksum",
            )
    return listing.commit, [
        _Wanted(
            path=remote.path,
            url=hub.file_url(source.name, listing.commit, remote.path),
            size_bytes=remote.size_bytes,
            sha256=remote.sha256,
            git_sha1=remote.git_sha1,
            known_sha256=file.sha256,
        )
        for file, remote in chosen
    ]


def _harmless(path: str) -> bool:
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and "\\" not in path


def _forget_others(staged: Path) -> None:
    """Delete what came of other revisions: it can't be gone on with."""
    for other in staged.parent.glob("*"):
        if other != staged and other.is_dir():
            shutil.rmtree(other)


def _require_room(entry: Entry, wanted: Sequence[_Wanted], staged: Path) -> None:
    sizes = [file.size_bytes for file in wanted]
    total = sum(size or 0 for size in sizes) if all(sizes) else entry.download_mib * _MIB
    if entry.source.archive is not None:
        total *= 2  # the archive, and what is in it
    needed = max(0, total - size_of(staged)) + SPARE_BYTES
    free = shutil.disk_usage(staged).free
    if needed > free:
        raise EngineError(
            f"{entry.id} needs {needed // _MIB} MiB on the disk of {staged.parents[2]}, where {free // _MIB} MiB are "
            f"free: free some, or set MODEL_PATH to another disk",
            code="model.disk_full",
        )


def _bring(file: _Wanted, staged: Path, hub: Hub, watch: Watcher, *, name: str) -> str:
    """Bring a file, check it, give it its name, and return its SHA-256."""
    final, part = staged / file.path, staged / f"{file.path}.part"
    if final.is_file():
        return sha256_of(final)  # it was checked before it got this name
    with writing(part):
        part.parent.mkdir(parents=True, exist_ok=True)
        done = part.stat().st_size if part.exists() else 0
        watch.begin(file.path, done_bytes=done, total_bytes=file.size_bytes)
        try:
            hub.download(file.url, part, name=name, size_bytes=file.size_bytes, on_bytes=watch.advance)
        finally:
            watch.end()
        found = _check(file, part, watch)
        part.rename(final)
    return found


def _check(file: _Wanted, part: Path, watch: Watcher) -> str:
    watch.begin(f"checking {file.path}", done_bytes=0, total_bytes=part.stat().st_size)
    try:
        found = sha256 = sha256_of(part, on_bytes=watch.advance)
    finally:
        watch.end()
    expected = [sha for sha in (file.known_sha256, file.sha256) if sha]
    wrong = next((sha for sha in expected if sha != found), None)
    if not expected and file.git_sha1:
        found = git_sha1_of(part)
        wrong = file.git_sha1 if file.git_sha1 != found else None
    if wrong is None:
        return sha256
    part.unlink()
    if file.known_sha256 and file.sha256 and file.known_sha256 != file.sha256:
        raise EngineError(
            f"the hub has another {file.path} than the catalogue knows (sha256 {file.sha256[:12]}... instead of "
            f"{file.known_sha256[:12]}...): do not use it; ask whoever keeps the catalogue or the mirror",
            code="model.checksum",
        )
    raise EngineError(
        f"{file.path} came damaged (checksum {found[:12]}... instead of {wrong[:12]}...) and is deleted: pull again, "
        f"and if it stays so, distrust the mirror or proxy on the way",
        code="model.checksum",
    )


def _finish(entry: Entry, revision: str, staged: Path, checked: Mapping[str, str]) -> None:
    """Write down what came, and look whether it can be what it should; what can't be is deleted."""
    with writing(staged):
        names = sorted(
            path.relative_to(staged).as_posix()
            for path in staged.rglob("*")
            if path.is_file() and path.name not in (ARCHIVE, "provenance.json")
        )
        (staged / ARCHIVE).unlink(missing_ok=True)
        records = tuple(
            FileRecord(name, (staged / name).stat().st_size, checked.get(name) or sha256_of(staged / name))
            for name in names
        )
        Provenance(entry.id, entry.kind, entry.source.name, revision, records).write(staged)
    faults = [] if entry.export else verify_folder(staged, entry.kind)
    if faults:
        shutil.rmtree(staged)
        raise EngineError(
            "\n".join(fault.message.replace(str(staged), entry.source.name) for fault in faults), code=faults[0].code
        )
