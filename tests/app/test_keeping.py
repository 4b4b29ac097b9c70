"""What a server does by itself with what it keeps: no deletion on a clock that jumped, backups, a list of erasures."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import select, update

from pipelines.engine_settings import EngineSettings
from server.app import create_app
from server.backups import job
from server.backups.erasure_list import NAME, Erasure, read_list
from server.backups.making import shelf_of
from server.host import Server
from server.records.retention import LAST, STEADY
from server.settings.backup import BackupSettings
from server.settings.retention import DAY_MS
from server.settings.tree import Settings
from server.store import audit, facts, sessions
from server.store.erasures import note_erasure
from server.store.holds import LegalHold, hold
from server.store.tables import sessions as table
from server.store.tokens import now_ms
from tests.app.accounts import world
from tests.app.inside import until

pytestmark = pytest.mark.asyncio


async def looked(server: Server) -> int | None:
    """Return when the retention last looked at the clock."""
    async with server.store.database.reading() as connection:
        found = await facts.get(connection, LAST)
    return None if found is None else int(found)


async def wait_for_look(server: Server, since_ms: int = 0) -> None:
    last = await looked(server)
    while last is None or last <= since_ms:
        # The database tells nobody.
        await until(lambda: True)
        last = await looked(server)


async def test_a_start_with_the_clock_100_days_ahead_deletes_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        ids = [await one.past(began_ms=now_ms()) for _ in range(7)]
        await wait_for_look(one.server)
        # As if all that was so far had been 100 days ago: the next start is on a clock that jumped.
        async with one.server.store.database.writing() as connection:
            then = table.c.began_ms - 100 * DAY_MS
            await connection.execute(update(table).values(began_ms=then, ended_ms=then))
            for name in (LAST, STEADY):
                await facts.put(connection, name, str(now_ms() - 100 * DAY_MS))
    began_ms = now_ms() - DAY_MS
    async with world(tmp_path) as one:
        await wait_for_look(one.server, began_ms)
        assert {path.name for path in (tmp_path / "sessions").iterdir()} == set(ids)
        client = one.client()
        await until(lambda: one.server.metrics.registry.get_sample_value("voice_clock_doubts_total") == 1.0)
        assert "voice_retention_due 7.0" in (await client.get("/metrics")).text
        told_health = (await client.get("/health")).json()
        assert told_health["status"] == "degraded"
        assert "it jumped" in told_health["keeping"]["retention"]
        async with one.server.store.database.reading() as connection:
            told = [line.action async for line in audit.lines(connection)]
            states = {row[0] for row in await connection.execute(select(table.c.state))}
        assert (told.count("clock.doubted"), states) == (1, {"ended"})


async def test_what_is_held_nobody_deletes_by_the_page(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        anna, admin = await one.person("anna"), await one.person("root", "admin")
        session_id = await one.past(of=await one.id_of("anna"))
        async with one.server.store.database.writing() as connection:
            await hold(connection, LegalHold("session", session_id, "complaint", "command line", 1))
        for client in (anna, admin):
            answer = await client.delete(f"/api/sessions/{session_id}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "session.held")
        async with one.server.store.database.reading() as connection:
            known = await sessions.by_id(connection, session_id)
        assert known is not None
        assert known.state == "ended"


@asynccontextmanager
async def backing_up(data: Path, shelf: Path) -> AsyncIterator[Server]:
    settings = Settings(
        environment="test",
        engines=EngineSettings(backend="mock"),
        data_path=data,
        backup=BackupSettings(folder=shelf, every_hours=24),
    )
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        server: Server = app.state.server
        await until(lambda: server.not_ready is None)
        yield server


async def test_a_server_makes_backups_and_lists_what_is_erased(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "AFTER_START_S", 0.05)
    monkeypatch.setattr(job, "ERASURES_EVERY_S", 0.05)
    shelf = tmp_path / "shelf"
    async with backing_up(tmp_path / "data", shelf) as server:
        value = server.metrics.registry.get_sample_value
        await until(lambda: bool(value("voice_backup_made_timestamp_seconds")))
        (made,) = shelf_of(server.settings).backups()
        assert made.manifest().size_bytes == value("voice_backup_size_bytes")
        async with server.store.database.writing() as connection:
            row = sessions.IndexedSession("sess_1", "card", "Card", "practice", None, "ended", 1)
            await sessions.begin(connection, row)
            await note_erasure(connection, "sess_1", by="a test")
        await until(lambda: read_list(shelf / NAME) == {Erasure("session", "sess_1")})
    # The next start has a fresh one, and waits for its day.
    async with backing_up(tmp_path / "data", shelf) as server:
        assert len(shelf_of(server.settings).backups()) == 1
        value = server.metrics.registry.get_sample_value
        await until(lambda: value("voice_backup_made_timestamp_seconds") == made.manifest().made_ms / 1000.0)
        assert value("voice_backup_every_seconds") == 24 * 3600


async def test_a_backup_that_fails_is_told_of_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "AFTER_START_S", 0.05)
    monkeypatch.setattr(job, "AGAIN_S", 0.05)
    monkeypatch.setattr(job, "ERASURES_EVERY_S", 0.05)
    shelf = tmp_path / "shelf"
    shelf.write_text("no folder")
    async with backing_up(tmp_path / "data", shelf) as server:
        value = server.metrics.registry.get_sample_value
        await until(lambda: (value("voice_backup_failures_total") or 0) >= 2)
        assert server.keeping.faults.keys() == {"backup", "erasures"}
        shelf.unlink()
        await until(lambda: bool(value("voice_backup_made_timestamp_seconds")) and not server.keeping.faults)
        assert len(shelf_of(server.settings).backups()) == 1


async def test_a_folder_of_backups_that_fails_to_be_read_ends_no_backups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "AFTER_START_S", 0.05)
    monkeypatch.setattr(job, "AGAIN_S", 0.05)
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    iterdir, away = Path.iterdir, True

    def fail(path: Path) -> Iterator[Path]:
        if away and path == shelf:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", fail)
    async with backing_up(tmp_path / "data", shelf) as server:
        value = server.metrics.registry.get_sample_value
        await until(lambda: (value("voice_backup_failures_total") or 0) >= 2)
        assert "'shelf' can't be read" in server.keeping.as_json()["backup"]
        away = False
        await until(lambda: bool(value("voice_backup_made_timestamp_seconds")) and not server.keeping.faults)
