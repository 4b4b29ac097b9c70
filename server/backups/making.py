"""Makes a backup: the database first, then the files, then a look through all of it, and only then its name."""

from __future__ import annotations

import asyncio
import shutil
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import structlog

from common.errors import StorageError, storage_error
from server.backups import erasure_list
from server.backups.data_files import DATA, DataFiles
from server.backups.database_copy import copy_database
from server.backups.manifest import DatabaseFacts, Manifest, check, facts_of, faults, read_manifest
from server.backups.set_aside import ASIDE
from server.backups.shelf import Backup, Shelf
from server.records.holder import FOLDER as INSTANCES
from server.settings.tree import Settings
from server.store.store import Store
from server.store.tokens import now_ms

logger = structlog.get_logger("server.backups.making")

OWN_FOLDER = "backups"
# Keys of the vault do not lie beside what they open; the rest is of one process, or is beside the backups already.
NOT_KEPT = (".lock", ".restoring", ASIDE, INSTANCES, "vault.key", erasure_list.NAME)


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made and looked through."""

    folder: Path
    manifest: Manifest
    digest: str  # of its manifest
    linked: int
    gone: list[str]
    seconds: float


def shelf_of(settings: Settings) -> Shelf:
    """Return where the settings want backups."""
    return Shelf((settings.backup.folder or settings.data_path / OWN_FOLDER).absolute())


async def make_backup(store: Store, settings: Settings, shelf: Shelf, *, by: str) -> Made:
    """Make a backup, and let the oldest go; the earlier ones stay as they are if that fails.

    Raises StorageError or DatabaseError.
    """
    began_s = time.monotonic()
    async with shelf.taken():
        under_way, folder = await asyncio.to_thread(shelf.begin)
        try:
            manifest, digest, linked = await _fill(store, settings, shelf, under_way)
            await asyncio.to_thread(shelf.finish, under_way, folder)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, under_way, True))
            raise
        await tell_erasures(store, settings, shelf)
        gone = await asyncio.to_thread(shelf.prune, settings.backup.keep)
    await store.append("backup.made", by=by, backup=folder.name, manifest=digest)
    made = Made(folder, manifest, digest, linked, gone, time.monotonic() - began_s)
    logger.info(
        "backup_made",
        backup=folder.name,
        files=len(manifest.files),
        size_bytes=manifest.size_bytes,
        seconds=round(made.seconds, 1),
        manifest=digest,
    )
    return made


async def tell_erasures(store: Store, settings: Settings, shelf: Shelf) -> None:
    """See that the lists beside the backups, and in the data folder, have all that was erased.

    Raises StorageError or DatabaseError.
    """
    async with store.database.reading() as connection:
        gone = await erasure_list.erased(connection)

    def tell() -> None:
        own = settings.data_path / erasure_list.NAME
        if gone or own.exists():
            erasure_list.add_to_list(own, gone)
        try:
            # Where backups are wanted elsewhere, the list is there before the first of them.
            if settings.backup.folder is not None:
                shelf.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise storage_error(shelf.folder, error) from error
        if shelf.folder.is_dir():
            erasure_list.add_to_list(shelf.folder / erasure_list.NAME, gone)

    await asyncio.to_thread(tell)


async def _fill(store: Store, settings: Settings, shelf: Shelf, folder: Path) -> tuple[Manifest, str, int]:
    at_ms = now_ms()
    database = await copy_database(store.database, folder)

    def copy_files() -> tuple[Manifest, str, int]:
        left_out = _left_out(settings, store, shelf)
        data = DataFiles(settings.data_path.absolute(), left_out, _linkable(shelf.backups()))
        manifest, digest = _write(folder, data, database, at_ms)
        if data.linked and faults(folder, manifest):
            # It has its files from the backup before, and that one's disk is not what it was.
            logger.warning("backup_before_damaged", backup=data.before.folder.name if data.before else None)
            shutil.rmtree(folder / DATA)
            data = DataFiles(settings.data_path.absolute(), left_out)
            manifest, digest = _write(folder, data, database, at_ms)
        check(folder, read_manifest(folder))
        return manifest, digest, data.linked

    return await asyncio.to_thread(copy_files)


def _write(folder: Path, data: DataFiles, database: DatabaseFacts, at_ms: int) -> tuple[Manifest, str]:
    try:
        files = {database.file: facts_of(folder / database.file)} | data.copy_to(folder)
    except OSError as error:
        raise storage_error(folder, error) from error
    manifest = Manifest(product=version("interlocutor"), made_ms=at_ms, database=database, files=files)
    return manifest, manifest.write(folder)


def _linkable(there: list[Backup]) -> Backup | None:
    for one in reversed(there):
        try:
            one.manifest()
        except StorageError:
            continue
        return one
    return None


def _left_out(settings: Settings, store: Store, shelf: Shelf) -> set[Path]:
    root = settings.data_path.absolute()
    paths = {root / name for name in NOT_KEPT} | {shelf.folder, root / OWN_FOLDER, settings.models.path.absolute()}
    if store.database.path is not None:
        path = store.database.path.absolute()
        paths |= {path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm", "-journal")}
    if settings.vault.key_file is not None:
        paths.add(settings.vault.key_file.absolute())
    return paths
