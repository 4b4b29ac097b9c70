"""The way from the hub, or from an archive at an address of its own: what breaks off is continued."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from common.errors import EngineError
from pipelines.models.bringing import Came, Watcher, damaged, require_room, watched_sha256
from pipelines.models.catalogue import CatalogueEntry, ModelFile
from pipelines.models.hub import Hub, Listing, RemoteFile
from pipelines.models.hub_waits import HASTY, HASTY_ANSWER_S, within
from pipelines.models.model_store import ModelStore, git_sha1_of, sha256_of, writing
from pipelines.models.sources import ArchiveSource, HubSource, is_inside

ARCHIVE = "archive.zip"
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A file to bring: what the hub says of it, what the catalogue knows."""

    path: str
    url: str
    size_bytes: int | None
    sha256: str | None
    git_sha1: str | None
    known_sha256: str | None


@dataclass(frozen=True, slots=True)
class FromHub:
    """Bring a model from a repository of the hub.

    `hasty` is for one that has another source: a hub that does not answer within seconds is given up.
    """

    source: HubSource
    hub: Hub
    hasty: bool = False

    @property
    def place(self) -> str:
        """The repository's address."""
        return f"{self.hub.access.url}/{self.source.repository}"

    @property
    def label(self) -> str:
        """The word for it."""
        return "the hub"

    def bring(self, entry: CatalogueEntry, store: ModelStore, watch: Watcher) -> Came:
        """Bring the files that the hub lists; goes on with what came of the same commit before."""
        listing = self._list()
        wanted = _wanted(entry, self.source, self.hub, listing)
        staged = _stage(store, entry, listing.commit)
        sizes = [file.size_bytes for file in wanted]
        total = sum(size or 0 for size in sizes) if all(sizes) else entry.download_mib * _MIB
        require_room(entry, store, total, come=staged)
        checked = {file.path: _bring(file, staged, self.hub, watch, name=self.source.name) for file in wanted}
        return Came(staged, "hub", self.source.name, listing.commit, checked)

    def _list(self) -> Listing:
        ask = (self.source.repository, self.source.revision)
        if not self.hasty or self.hub.access.offline:
            return self.hub.list_files(*ask)

        def listed() -> Listing:
            # It has a client for itself, as this may go on when nobody waits for it.
            with Hub(self.hub.access, HASTY) as own:
                return own.list_files(*ask)

        try:
            return within(HASTY_ANSWER_S, listed)
        except TimeoutError:
            host = urlsplit(self.hub.access.url).netloc
            raise EngineError(
                f"{host} gave no answer within {HASTY_ANSWER_S:.0f} s: check the network, the proxy (HTTPS_PROXY) and "
                f"HF_ENDPOINT",
                code="model.hub_unreachable",
            ) from None


@dataclass(frozen=True, slots=True)
class FromArchive:
    """Bring a model in the archive it is published in."""

    source: ArchiveSource
    hub: Hub

    @property
    def place(self) -> str:
        """The archive's address."""
        return self.source.archive

    @property
    def label(self) -> str:
        """Its host."""
        return urlsplit(self.source.archive).netloc

    def bring(self, entry: CatalogueEntry, store: ModelStore, watch: Watcher) -> Came:
        """Bring the archive and take the files out; goes on with what came of it before."""
        from pipelines.models.archive import unpack

        address = self.source.archive
        name = PurePosixPath(address).stem
        staged = _stage(store, entry, name)
        require_room(entry, store, 2 * entry.download_mib * _MIB, come=staged)  # the archive, and what is in it
        wanted = _Wanted(ARCHIVE, address, None, None, None, self.source.archive_sha256)
        _bring(wanted, staged, self.hub, watch, name=address)
        unpack(staged / ARCHIVE, staged, entry.files)
        with writing(staged):
            (staged / ARCHIVE).unlink()
        return Came(staged, "archive", address, name)


def choose(files: Sequence[ModelFile], remote: Sequence[RemoteFile]) -> list[tuple[ModelFile, RemoteFile]]:
    """Return which of the hub's files are the model's; raises EngineError (`model.format`) if one is lacking."""
    found = []
    lacking = []
    for file in files:
        matches = [one for one in remote if fnmatchcase(one.path, file.path) and is_inside(one.path)]
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


def _wanted(entry: CatalogueEntry, source: HubSource, hub: Hub, listing: Listing) -> list[_Wanted]:
    chosen = choose(entry.files, listing.files)
    for file, remote in chosen:
        if file.size_bytes and remote.size_bytes and file.size_bytes != remote.size_bytes:
            raise EngineError(
                f"the hub's {remote.path} has {remote.size_bytes} bytes, the catalogue knows {file.size_bytes}: do not "
                f"use it; ask whoever keeps the catalogue or the mirror",
                code="model.checksum",
            )
    return [
        _Wanted(
            path=remote.path,
            url=hub.file_url(source.repository, listing.commit, remote.path),
            size_bytes=remote.size_bytes,
            sha256=remote.sha256,
            git_sha1=remote.git_sha1,
            known_sha256=file.sha256,
        )
        for file, remote in chosen
    ]


def _stage(store: ModelStore, entry: CatalogueEntry, revision: str) -> Path:
    """Make the folder for this revision, and delete what came of others: it can't be continued."""
    staged = store.partial(entry.id) / PurePosixPath(revision).name
    with writing(staged):
        for other in staged.parent.glob("*"):
            if other != staged and other.is_dir():
                shutil.rmtree(other)
        staged.mkdir(parents=True, exist_ok=True)
    return staged


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
    found = sha256 = watched_sha256(part, file.path, watch)
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
    raise damaged(
        file.path, found, wrong, advice="pull again, and if it stays so, distrust the mirror or proxy on the way"
    )
