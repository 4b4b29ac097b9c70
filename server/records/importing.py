"""Takes role-plays over from the data folder of another, or an earlier, installation: copied whole, indexed, proved."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import StorageError, storage_error
from pipelines.patient.card import Card
from server.records.housekeeping import join_left_over, session_folders
from server.records.locking import locked_folder
from server.records.log_facts import recording_digest
from server.records.taking_over import take_over
from server.session_tags import SESSION_ID
from server.store import audit, sessions
from server.store.store import Store
from server.vault.vault import Vault

STAGE = ".importing"


@dataclass(slots=True)
class Imported:
    """What an import did: what it took in, what was here already, and why others were left."""

    taken: list[str] = field(default_factory=list)
    here: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)


async def import_folders(
    store: Store, root: Path, cards: Mapping[str, Card], vault: Vault, *, source: Path | None = None
) -> Imported:
    """Take in what lies below `root` and is not in the index, after what is copied there from another data folder.

    No server may run on either. What is in the other folder stays as it is. Raises StorageError or DatabaseError.
    """
    done = Imported()
    with contextlib.ExitStack() as stack:
        stack.enter_context(locked_folder(root.parent))
        if source is not None:
            there = source / "sessions" if (source / "sessions").is_dir() else source
            if (there.parent / ".lock").exists():
                stack.enter_context(locked_folder(there.parent))
            await _copy_all(store, there, root, vault, done=done)
        folders = await asyncio.to_thread(session_folders, root)
        await asyncio.to_thread(join_left_over, folders, vault)
        new = await take_over(store, folders, cards, vault)
        done.taken, done.left = new.taken, done.left | new.unread
        for name in new.taken:
            await _prove_recording(store, root / name)
    return done


async def _copy_all(store: Store, there: Path, root: Path, vault: Vault, *, done: Imported) -> None:
    folders = [
        folder for folder in await asyncio.to_thread(session_folders, there) if SESSION_ID.fullmatch(folder.name)
    ]
    if not folders:
        raise StorageError(
            f"'{there}' holds no role-play; name the data folder of another installation", code="storage.missing"
        )
    async with store.database.reading() as connection:
        known = await sessions.by_ids(connection, [folder.name for folder in folders])
    for folder in folders:
        if folder.name in known or (root / folder.name).exists():
            done.here.append(folder.name)
            continue
        try:
            await asyncio.to_thread(_copy, folder, root, vault)
        except StorageError as error:
            if error.code == "storage.full":
                raise
            done.left[folder.name] = error.message


def _copy(folder: Path, root: Path, vault: Vault) -> None:
    """Copy a folder, which is here as a whole or not at all, if our master key opens it."""
    vault.open_session(folder)
    stage = root.parent / STAGE
    shutil.rmtree(stage, ignore_errors=True)
    try:
        root.mkdir(parents=True, exist_ok=True)
        shutil.copytree(folder, stage, symlinks=True)
        stage.replace(root / folder.name)
    except OSError as error:
        shutil.rmtree(stage, ignore_errors=True)
        raise storage_error(root, error) from error
    except shutil.Error as error:
        shutil.rmtree(stage, ignore_errors=True)
        raise StorageError(f"{folder.name} can't be copied whole; check the disk it lies on") from error


async def _prove_recording(store: Store, folder: Path) -> None:
    """Have the audit know the recording as it was taken in."""
    digest = await asyncio.to_thread(recording_digest, folder)
    if digest is not None:
        async with store.database.writing() as connection:
            await audit.append(connection, "session.recorded", session=folder.name, recording=digest)
