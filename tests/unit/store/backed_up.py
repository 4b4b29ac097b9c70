"""Data to back up: role-plays in a folder and a database that knows them, and a server that goes on writing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from pydantic import SecretStr

from audio.recorder import RECORDING_NAME
from pipelines import events as e
from pipelines.log.disk import DiskThread
from pipelines.log.jsonl import JsonlStore
from pipelines.log.session_log import SessionLog
from server.records.log_facts import log_head, recording_digest
from server.settings.backup import BackupSettings
from server.settings.store import AuditSettings, DatabaseSettings
from server.settings.tree import Settings
from server.settings.vault import VaultSettings
from server.store import audit, people, sessions
from server.store.people import Person
from server.store.sessions import IndexedSession
from server.store.store import Store
from server.store.tokens import now_ms
from server.vault.key_text import new_key_word
from server.vault.opening import open_vault

MASTER = new_key_word()


def settings_of(folder: Path, database: DatabaseSettings, shelf: Path, **more: object) -> Settings:
    """Return the settings of a data folder, a database and a folder for backups."""
    return Settings(
        environment="test",
        data_path=folder,
        database=database,
        backup=BackupSettings(folder=shelf, **more),  # type: ignore[arg-type]
        vault=VaultSettings(key=SecretStr(MASTER)),
    )


@dataclass
class Data:
    """A store and its data folder."""

    store: Store
    settings: Settings

    @property
    def root(self) -> Path:
        return self.settings.data_path / "sessions"

    async def person(self, person_id: str, name: str) -> None:
        async with self.store.database.writing() as connection:
            await people.add(connection, Person(person_id, name.lower(), name, "candidate", "active", "hash", 1))

    async def held(self, name: str, *, person: str | None = None, mode: str = "practice", words: str = "") -> Path:
        """Write a role-play as the server does: the folder first, then the index and the audit."""
        folder = self.root / name
        await asyncio.to_thread(_write, folder, words)
        head = log_head(folder)
        assert head is not None
        row = IndexedSession(name, "card", "Card", mode, person, "running", now_ms())
        async with self.store.database.writing() as connection:
            await sessions.begin(connection, row)
            await audit.append(connection, "session.began", session=name, person=person, mode=mode)
            await sessions.end(connection, name, ended_ms=now_ms(), turns=5, events=head.events, head=head.digest)
            told = {"events": head.events, "head": head.digest, "payloads": head.payloads}
            await audit.append(connection, "session.ended", session=name, **told)
            await audit.append(connection, "session.recorded", session=name, recording=recording_digest(folder))
        return folder


@asynccontextmanager
async def opened_at(settings: Settings) -> AsyncIterator[Data]:
    """Open the store of these settings."""
    settings.data_path.mkdir(parents=True, exist_ok=True)
    store = Store(settings.database, AuditSettings(), settings.data_path, open_vault(settings))
    await store.start()
    try:
        yield Data(store, settings)
    finally:
        await store.stop()


def _write(folder: Path, words: str) -> None:
    folder.mkdir(parents=True)
    disk, salts = DiskThread(), count()

    def fail(error: Exception) -> None:
        raise error

    log = SessionLog(
        now_ms=lambda: 0.0,
        media_ms=lambda: 0.0,
        salt=lambda: f"{next(salts):032x}",
        store=JsonlStore(folder, disk, failed=fail),
    )
    log.append(e.SessionStarted(folder.name, "practice", 300))
    for turn in range(5):
        log.append(e.TurnCommitted(turn, f"Sentence {turn} of {folder.name}. {words}", 0.0, 1.0))
    log.append(e.SessionEnded("ended"))
    log.close()
    disk.close()
    (folder / RECORDING_NAME).write_bytes(folder.name.encode() * 5_000)
