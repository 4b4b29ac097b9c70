"""A database that is locked, full, gone, damaged or back again: a clear word, and nothing that was told is lost."""

from __future__ import annotations

import asyncio
import resource
import shutil
import signal
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import DatabaseError, SettingsError
from server.settings.store import AuditSettings, DatabaseSettings
from server.store import audit
from server.store.anchors import prove
from server.store.store import Store
from server.store.urls import database_url
from tests.sealed import new_vault

pytestmark = pytest.mark.asyncio

FILES = ("db", "db-wal", "db-shm")


@asynccontextmanager
async def on_sqlite(folder: Path, audit_settings: AuditSettings | None = None) -> AsyncIterator[Store]:
    store = Store(DatabaseSettings(busy_s=0.05), audit_settings or AuditSettings(), folder, new_vault())
    await store.start()
    try:
        yield store
    finally:
        await store.stop()


async def lines(store: Store) -> int:
    async with store.database.reading() as connection:
        proof = await prove(audit.lines(connection))
    assert proof.faults == []
    return proof.lines


async def refused(store: Store) -> str:
    with pytest.raises(DatabaseError) as told:
        await store.append("tried")
    assert store.database.fault == told.value.message
    return told.value.code


async def until(done: object) -> None:
    async with asyncio.timeout(30):
        while not done():  # type: ignore[operator]  # noqa: ASYNC110 - the ledger tells nobody
            await asyncio.sleep(0.01)


async def test_nobody_else_on_the_machine_may_read_it(tmp_path: Path) -> None:
    async with on_sqlite(tmp_path) as store:
        await store.append("tried")
        rights = {name: stat.S_IMODE((tmp_path / f"interlocutor.{name}").stat().st_mode) for name in FILES}
        assert rights == dict.fromkeys(FILES, 0o600)


async def test_a_locked_database_is_waited_for_and_told_of(tmp_path: Path) -> None:
    async with on_sqlite(tmp_path) as store:
        other = sqlite3.connect(tmp_path / "interlocutor.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert await refused(store) == "database.locked"
        assert await lines(store) == 0
        store.ledger.note("late", lambda c: audit.append(c, "late"))
        await until(lambda: store.database.fault is not None)
        other.execute("ROLLBACK")
        other.close()
        assert await store.ledger.drained(30)
        assert await lines(store) == 1
        assert store.database.fault is None


async def test_what_is_refused_or_not_anchored_is_counted(tmp_path: Path) -> None:
    async def faulty(_connection: AsyncConnection) -> None:
        raise ValueError("this can't be written, ever")

    (tmp_path / "no-folder").write_text("a file")
    async with on_sqlite(tmp_path / "data", AuditSettings(anchor=tmp_path / "no-folder" / "anchors")) as store:
        store.ledger.note("faulty", faulty)
        store.ledger.note("good", lambda c: audit.append(c, "good"))
        assert await store.ledger.drained(30)
        assert (store.refused, store.waiting, await lines(store)) == (1, 0, 1)
        await store.anchor_quietly()
        assert store.unanchored == 1


async def test_a_full_disk_loses_nothing_that_was_told(tmp_path: Path) -> None:
    async with on_sqlite(tmp_path) as store:
        await store.append("before")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "interlocutor.db-wal").stat().st_size, hard))
            with pytest.raises(DatabaseError):
                await store.append("during", words="x" * 100_000)
            store.ledger.note("late", lambda c: audit.append(c, "late", words="x" * 100_000))
            await until(lambda: store.database.fault is not None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, before)
        assert await store.ledger.drained(30)
        assert await lines(store) == 2


async def test_sqlite_says_that_the_disk_is_full(tmp_path: Path) -> None:
    async with on_sqlite(tmp_path) as store:
        async with store.database.writing() as connection:
            pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()

        async def fill() -> None:
            async with store.database.writing() as connection:
                await connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
                for _ in range(50):
                    await audit.append(connection, "tried", words="x" * 10_000)

        with pytest.raises(DatabaseError) as told:
            await fill()
        assert told.value.code == "database.full"
        assert await lines(store) == 0


async def test_a_file_that_is_gone_is_noticed_and_one_that_is_back_is_used(tmp_path: Path) -> None:
    place, away = tmp_path / "data", tmp_path / "away"
    async with on_sqlite(place) as store:
        await store.append("before")
        place.rename(away)
        assert await refused(store) == "database.gone"
        store.ledger.note("late", lambda c: audit.append(c, "late"))
        await until(lambda: store.database.fault is not None)
        assert not place.exists()
        away.rename(place)
        assert await store.ledger.drained(30)
        await store.append("after")
        assert await lines(store) == 3


async def test_another_file_in_its_place_is_the_database_then(tmp_path: Path) -> None:
    async with on_sqlite(tmp_path / "other") as other:
        await other.append("elsewhere")
    async with on_sqlite(tmp_path / "data") as store:
        for _ in range(3):
            await store.append("before")
        for suffix in ("-wal", "-shm", ""):
            (tmp_path / "data" / f"interlocutor.db{suffix}").unlink()
        shutil.copy(tmp_path / "other" / "interlocutor.db", tmp_path / "data")
        assert await lines(store) == 1


async def test_a_damaged_file_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "interlocutor.db").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(DatabaseError, match="damaged") as told:
        async with on_sqlite(tmp_path):
            pass
    assert told.value.code == "database.damaged"


async def test_a_folder_that_cannot_be_made_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseError, match="can't be opened"):
        async with on_sqlite(tmp_path / "file" / "data"):
            pass


async def test_a_postgresql_that_cuts_everybody_off_is_found_again(postgres: str, tmp_path: Path) -> None:
    admin = await asyncpg.connect(postgres.format(name="postgres"))
    await admin.execute("CREATE DATABASE cut TEMPLATE template0")
    store = Store(DatabaseSettings(url=SecretStr(postgres.format(name="cut"))), AuditSettings(), tmp_path, new_vault())
    await store.start()
    await store.append("before")
    await admin.execute("ALTER DATABASE cut CONNECTION LIMIT 0")
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'cut'")
    # A superuser is not kept out by a limit, so what was cut is simply connected anew.
    await store.append("after")
    assert await lines(store) == 2
    await store.stop()
    await admin.close()


async def test_a_postgresql_that_takes_nobody_more_loses_nothing_that_was_told(postgres: str, tmp_path: Path) -> None:
    admin = await asyncpg.connect(postgres.format(name="postgres"))
    await admin.execute("CREATE ROLE plain LOGIN")
    await admin.execute("CREATE DATABASE crowded TEMPLATE template0 OWNER plain")
    url = SecretStr(postgres.replace("tests@", "plain@").format(name="crowded"))
    store = Store(DatabaseSettings(url=url), AuditSettings(), tmp_path, new_vault())
    await store.start()
    await store.append("before")
    await admin.execute("ALTER ROLE plain CONNECTION LIMIT 0")
    await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'crowded'")
    assert await refused(store) == "database.unavailable"
    store.ledger.note("late", lambda c: audit.append(c, "late"))
    await until(lambda: store.ledger._waiting)
    await admin.execute("ALTER ROLE plain CONNECTION LIMIT -1")
    assert await store.ledger.drained(30)
    assert await lines(store) == 2
    await store.stop()
    await admin.close()


@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_a_transaction_that_gave_way_is_tried_again(postgres: str, tmp_path: Path, state: str) -> None:
    name = f"gave_way_{state.lower()}"
    admin = await asyncpg.connect(postgres.format(name="postgres"))
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    await admin.close()
    store = Store(DatabaseSettings(url=SecretStr(postgres.format(name=name))), AuditSettings(), tmp_path, new_vault())
    await store.start()
    tries = []

    async def note(connection: AsyncConnection) -> None:
        tries.append(state)
        if len(tries) == 1:
            await connection.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$")
        await audit.append(connection, "late")

    store.ledger.note("late", note)
    assert await store.ledger.drained(30)
    assert (len(tries), await lines(store)) == (2, 1)
    await store.stop()


async def test_a_postgresql_that_is_not_there_is_told_of_without_its_password(tmp_path: Path) -> None:
    url = SecretStr("postgresql://somebody:s3cret@127.0.0.1:1/nothing")
    with pytest.raises(DatabaseError, match="can't be reached") as told:
        await Store(DatabaseSettings(url=url), AuditSettings(), tmp_path, new_vault()).open()
    assert "s3cret" not in told.value.message


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ("postgres://u:p@h:5432/d?sslmode=require", "postgresql+asyncpg://u:p@h:5432/d?ssl=require"),
        ("postgresql+psycopg2://u@h/d", "postgresql+asyncpg://u@h/d"),
        ("sqlite:////var/x.db", "sqlite+aiosqlite:////var/x.db"),
        ("sqlite+pysqlite:////var/x.db", "sqlite+aiosqlite:////var/x.db"),
    ],
)
async def test_addresses_in_use_elsewhere_are_understood(given: str, becomes: str, tmp_path: Path) -> None:
    assert database_url(SecretStr(given), tmp_path).render_as_string(hide_password=False) == becomes


@pytest.mark.parametrize(
    "given",
    ["", "nothing", "mysql://u:s3cret@h/d", "sqlite://", "postgresql://u:s3cret@h/", "postgres://h/d?s3cret=1&x"],
)
async def test_other_addresses_are_refused(given: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^database\.url: ") as told:
        database_url(SecretStr(given), tmp_path)
    assert "s3cret@" not in told.value.message
