"""A copy of the database as it is at one moment, while others write to it; and the way back."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import URL, Connection

from common.errors import DatabaseError, StorageError, storage_error
from server.backups import postgres_tools
from server.backups.manifest import DatabaseFacts
from server.backups.state import DatabaseState, state_of
from server.store import migrating
from server.store.database import Database, explain

FILES = {"sqlite": "interlocutor.sqlite", "postgresql": "interlocutor.dump"}
# What pg_dump and pg_restore are told besides: whoever restores owns what they restore.
PLAIN = ("--no-owner", "--no-privileges")


async def copy_database(database: Database, folder: Path) -> DatabaseFacts:
    """Copy the database into a folder and look through the copy; raises DatabaseError or StorageError."""
    form = await migrating.form(database) or ""
    if database.path is not None:
        path = folder / FILES["sqlite"]
        state = await asyncio.to_thread(_copy_sqlite, database.path, path)
        return DatabaseFacts(kind="sqlite", file=path.name, form=form, rows=state.rows, digest=state.digest)
    path = folder / FILES["postgresql"]
    async with database.reading() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        snapshot = str((await connection.execute(text("SELECT pg_export_snapshot()"))).scalar_one())
        state = await connection.run_sync(state_of)
        # While this transaction is open, the program sees what was just counted.
        words = ("--format=custom", *PLAIN, f"--snapshot={snapshot}", f"--file={path}")
        await postgres_tools.run("pg_dump", *words, url=database.url)
    os.chmod(path, 0o600)
    # To nowhere: it reads all of the dump, and fails on one that is cut off.
    await postgres_tools.run("pg_restore", "--file=/dev/null", str(path), url=database.url)
    return DatabaseFacts(kind="postgresql", file=path.name, form=form, rows=state.rows, digest=state.digest)


def _copy_sqlite(source: Path, to: Path) -> DatabaseState:
    try:
        # With its rights from the start: nobody else may read it even for a moment.
        os.close(os.open(to, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise storage_error(to, error) from error
    try:
        reading, writing = sqlite3.connect(source), sqlite3.connect(to)
        try:
            # All pages in one step: one moment, and no writer makes it begin anew.
            reading.backup(writing, pages=-1)
            writing.execute("PRAGMA journal_mode=DELETE")
            found = writing.execute("PRAGMA integrity_check").fetchone()[0]
        finally:
            reading.close()
            writing.close()
    except sqlite3.Error as error:
        if "full" in str(error) or "disk I/O" in str(error):
            raise StorageError(
                f"'{to.name}' can't be written: the disk is full; free space in the folder of backups",
                code="storage.full",
            ) from error
        raise explain(error) from error
    if found != "ok":
        raise DatabaseError(f"the database is damaged: {found}; restore a backup of it", code="database.damaged")
    return sqlite_state(to)


def sqlite_state(path: Path) -> DatabaseState:
    """Return the state of a SQLite file that nobody uses."""
    engine = create_engine(URL.create("sqlite", database=f"file:{path}", query={"mode": "ro", "uri": "true"}))
    try:
        with engine.connect() as connection:
            return state_of(connection)
    finally:
        engine.dispose()


async def is_empty(database: Database) -> bool:
    """Return whether a database has no table yet; raises DatabaseError."""

    def count(connection: Connection) -> int:
        return len(inspect(connection).get_table_names())

    async with database.reading() as connection:
        return await connection.run_sync(count) == 0


async def restore_postgresql(database: Database, dump: Path) -> DatabaseState:
    """Fill an empty PostgreSQL database from a dump, all or nothing; return its state. Raises DatabaseError."""
    words = (*PLAIN, "--single-transaction", "--exit-on-error", f"--dbname={database.url.database}", str(dump))
    await postgres_tools.run("pg_restore", *words, url=database.url)
    async with database.reading() as connection:
        return await connection.run_sync(state_of)
