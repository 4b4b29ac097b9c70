"""Brings a backup back into an empty data folder and an empty database, and erases again what was erased since.

All of it is put together in a folder beside the place where it goes, and moved there at the very end: a restore that is
cut off leaves nothing that a server would take for data.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import SecretStr
from sqlalchemy.engine import URL

from audio.files import sync_folder
from common.errors import DatabaseError, StorageError, storage_error
from server.backups import erasure_list
from server.backups.data_files import DATA
from server.backups.database_copy import is_empty, restore_postgresql, sqlite_state
from server.backups.erasing_again import Again, erase_again
from server.backups.erasure_list import Erasure
from server.backups.making import OWN_FOLDER
from server.backups.manifest import Manifest, check, copy, damaged, read_manifest
from server.backups.set_aside import ASIDE, SetAside, set_aside
from server.backups.state import DatabaseState
from server.records.holder import FOLDER as INSTANCES
from server.records.locking import lock_folder
from server.settings.store import DatabaseSettings
from server.settings.tree import Settings
from server.store import migrating
from server.store.database import Database
from server.store.store import Store
from server.store.urls import FILE_NAME, database_url
from server.vault.opening import open_vault

logger = structlog.get_logger("server.backups.restoring")

STAGE = ".restoring"
# What an empty data folder may hold: nothing of it comes from a backup.
MAY_STAY = {".lock", STAGE, INSTANCES, "vault.key", erasure_list.NAME, OWN_FOLDER}


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did; `lists` are the files that said what was erased, `aside` what lay there before, if any."""

    manifest: Manifest
    state: DatabaseState
    again: Again
    lists: list[Path]
    aside: Path | None = None


async def restore(
    backup: Path,
    settings: Settings,
    *,
    lists: Sequence[Path] = (),
    without_lists: bool = False,
    aside: bool = False,
) -> Restored:
    """Restore a backup to where the settings say; the state of the database is compared with the manifest's.

    `lists` say what was erased since, besides those beside the backup and in the data folder. With `aside`, what lies
    in the data folder is moved away first. Raises StorageError or DatabaseError, and changes nothing then, but that a
    PostgreSQL database may have been filled.
    """
    manifest = await asyncio.to_thread(read_manifest, backup)
    await asyncio.to_thread(check, backup, manifest)
    url = database_url(settings.database.url, settings.data_path)
    _check_kind(manifest, url)
    lock = await asyncio.to_thread(lock_folder, settings.data_path)
    stays = _staying(settings, backup)
    moved: SetAside | None = None
    try:
        if aside:
            # A database of PostgreSQL stays where it is; whether the one that is named is empty is asked of it below.
            moved = await asyncio.to_thread(set_aside, settings.data_path, but=stays)
        _check_free(settings.data_path, url, stays)
        erasures, used = await asyncio.to_thread(_erasures, backup, settings.data_path, lists, without_lists)
        stage = settings.data_path / STAGE
        await asyncio.to_thread(_stage, backup, manifest, stage)
        database = URL.create("sqlite+aiosqlite", database=str(stage / FILE_NAME)) if _is_sqlite(url) else url
        state = await _fill(backup, manifest, database, stage)
        store = Store(
            DatabaseSettings(url=SecretStr(database.render_as_string(hide_password=False)), migrate=True),
            settings.audit,
            stage,
            open_vault(settings),
        )
        await store.open()
        try:
            again = await erase_again(store, stage / "sessions", erasures, exams=settings.retention.exams_of_erased)
            told = {"sessions": len(again.sessions), "people": len(again.people)}
            await store.append("backup.restored", by="command line", backup=backup.name, erased_again=told)
        finally:
            await store.stop()
        await asyncio.to_thread(_move_in, stage, settings.data_path, url)
        await asyncio.to_thread(erasure_list.add_to_list, settings.data_path / erasure_list.NAME, erasures)
    except BaseException:
        if moved is not None:
            _bring_back(moved, stays)
        raise
    finally:
        os.close(lock)
    return Restored(manifest, state, again, used, moved.folder if moved is not None else None)


def _staying(settings: Settings, backup: Path) -> set[str]:
    """Return what may lie in a data folder that a backup comes to: models, which are in no backup, and the backup."""
    root = settings.data_path.absolute()
    inside = [path.absolute() for path in (settings.models.path, backup)]
    return MAY_STAY | {path.relative_to(root).parts[0] for path in inside if root in path.parents}


def _bring_back(moved: SetAside, stays: set[str]) -> None:
    """Take away what a restore that failed has put in place already, and put there what lay there before."""
    for path in moved.data_path.iterdir():
        if path.name not in {*stays, ASIDE}:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    moved.bring_back()


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _check_kind(manifest: Manifest, url: URL) -> None:
    has, wanted = manifest.database.kind, "sqlite" if _is_sqlite(url) else "postgresql"
    if has != wanted:
        raise DatabaseError(
            f"this is a backup of {has}, and database.url names {wanted}; name a database of that kind",
            code="backup.kind",
        )
    if manifest.database.form not in migrating.known():
        raise DatabaseError(
            f"the database in this backup has form {manifest.database.form}, which is newer than this program; install "
            f"version {manifest.product} or a later one",
            code="database.revision",
        )


def _check_free(data_path: Path, url: URL, stays: set[str]) -> None:
    there = sorted({path.name for path in data_path.iterdir()} - stays - {ASIDE})
    if there:
        raise StorageError(
            f"the data folder {data_path} is not empty ({there[0]}); say --aside to have what is in it moved "
            "away, or set data_path to another folder",
            code="backup.not_empty",
        )
    if _is_sqlite(url) and Path(str(url.database)).exists():
        raise StorageError(
            f"there is a database already ({Path(str(url.database)).name}); move it away", code="backup.not_empty"
        )


def _erasures(backup: Path, data_path: Path, lists: Sequence[Path], without: bool) -> tuple[set[Erasure], list[Path]]:
    usual = (backup.absolute().parent / erasure_list.NAME, data_path / erasure_list.NAME)
    used = [path for path in usual if path.is_file()] + list(lists)
    if not used and not without:
        raise StorageError(
            f"there is no {erasure_list.NAME} beside this backup, so nobody can tell what was erased after it; name "
            "the list, or a log of the server, with --erasures, or say --without-erasures if there is none any more",
            code="backup.no_erasures",
        )
    return set().union(*(erasure_list.read_list(path) for path in used)), used


def _stage(backup: Path, manifest: Manifest, stage: Path) -> None:
    """Copy the files of a backup, and compare each copy with the manifest."""
    shutil.rmtree(stage, ignore_errors=True)
    try:
        stage.mkdir(mode=0o700)
        for path, wanted in manifest.files.items():
            if not path.startswith(f"{DATA}/"):
                continue
            to = stage / path.removeprefix(f"{DATA}/")
            to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if copy(backup / path, to) != wanted:
                raise damaged(backup, [f"{path} was changed or cut off"])
        (stage / "sessions").mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise storage_error(stage, error) from error


async def _fill(backup: Path, manifest: Manifest, url: URL, stage: Path) -> DatabaseState:
    """Restore the database; raises StorageError if it is not what the manifest says."""
    source = backup / manifest.database.file
    if _is_sqlite(url):
        path = stage / FILE_NAME
        await asyncio.to_thread(copy, source, path)
        state = await asyncio.to_thread(sqlite_state, path)
    else:
        database = Database(url)
        database.open()
        try:
            if not await is_empty(database):
                raise DatabaseError(
                    "the database that database.url names is not empty; make a new one, or name another",
                    code="backup.not_empty",
                )
            state = await restore_postgresql(database, source)
        finally:
            await database.close()
    if (state.rows, state.digest) != (manifest.database.rows, manifest.database.digest):
        raise damaged(backup, ["the database that came of it is not the one that was copied"])
    return state


def _move_in(stage: Path, data_path: Path, url: URL) -> None:
    """Put everything where it belongs, the database last: without it no server takes the rest for data."""
    try:
        for path in sorted(stage.iterdir(), key=lambda one: one.name == FILE_NAME):
            to = data_path / path.name
            if path.name == FILE_NAME and _is_sqlite(url):
                to = Path(str(url.database))
                to.parent.mkdir(parents=True, exist_ok=True)
            if to.parent == data_path:
                os.replace(path, to)
            else:
                beside = to.with_name(f".{to.name}.restoring")
                beside.unlink(missing_ok=True)
                copy(path, beside)
                os.replace(beside, to)
                path.unlink()
            sync_folder(to.parent)
        stage.rmdir()
    except OSError as error:
        raise storage_error(data_path, error) from error
