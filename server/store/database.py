"""The connection to the database: reads side by side, writes one after the other, and errors with an address.

SQLite runs with a write-ahead log; whoever writes takes the one lock of this process first, and the file's own for at
most `busy_s`. A file that was removed under a running server is noticed before the next use: what would be written to
it would be lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from common.errors import DatabaseError
from server.store import audit
from server.store.person_seals import OPTION, PersonSeals

POOL = 5
# SQLite has one that writes and two that read, each with a thread and three open files.
SQLITE_POOL = 3
# Of PostgreSQL's states: no disk left; a lock that was not had; the connection, or the server, is going or gone.
FULL, LOCKED, GONE = "53100", "55P03", ("08", "57P")
# It had no connection left, or gave this transaction up for another's: the same will do a moment later.
BUSY = ("53300", "40001", "40P01")
# It does not know the user, or the password is wrong.
NOT_LET_IN = "28"


class Database:
    """One database; `reading` and `writing` give transactions. Raises DatabaseError from both."""

    def __init__(self, url: URL, *, busy_s: float = 5.0) -> None:
        self._url = url
        self._busy_s = busy_s
        self._engine: AsyncEngine | None = None
        self.seals: PersonSeals | None = None
        """What people's names are opened with; it comes with the database's form, so not at once."""
        self._writing = asyncio.Lock()
        self._inode: tuple[int, int] | None = None
        self.fault: str | None = None
        """What is wrong with it, in words for an operator; None while the last use was well."""

    @property
    def url(self) -> URL:
        """Where it is; this may hold a password."""
        return self._url

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of SQLite's."""
        return self._url.get_backend_name() == "sqlite"

    @property
    def path(self) -> Path | None:
        """SQLite's file."""
        return Path(str(self._url.database)) if self.is_sqlite else None

    def open(self) -> None:
        """Make the engine, and SQLite's file if there is none; raises DatabaseError."""
        if self.path is not None:
            _make_file(self.path)
            self._inode = _inode_of(self.path)
        timeout = {"timeout": self._busy_s} if self.is_sqlite else {"timeout": 10.0, "command_timeout": 30.0}
        self._engine = create_async_engine(
            self._url,
            pool_size=SQLITE_POOL if self.is_sqlite else POOL,
            max_overflow=0,
            pool_timeout=10.0,
            pool_pre_ping=True,
            connect_args=timeout,
        )
        if self.is_sqlite:
            event.listen(self._engine.sync_engine, "connect", _set_up_sqlite)
            event.listen(self._engine.sync_engine, "begin", _begin_sqlite)

    async def warm(self) -> None:
        """Open all of SQLite's connections, so that nothing is opened while people speak; raises DatabaseError."""
        if not self.is_sqlite:
            return
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(SQLITE_POOL):
                connection = await stack.enter_async_context(self.reading())
                await connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")

    async def shrink_log(self) -> None:
        """Write SQLite's log into its file and empty it, so that nothing that was deleted lies there.

        Somebody who reads meanwhile keeps it from being emptied: then the next writers do it.
        """
        if not self.is_sqlite:
            return
        with self._told_errors():
            async with self._writing:
                engine = await self._engine_there()
                async with engine.connect() as connection:
                    plain = await connection.get_raw_connection()
                    driver: Any = plain.driver_connection
                    async with driver.execute("PRAGMA wal_checkpoint(TRUNCATE)") as cursor:
                        await cursor.fetchall()

    async def close(self) -> None:
        """Let the connections go."""
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection to read with."""
        with self._told_errors():
            engine = await self._engine_there()
            async with engine.connect() as connection:
                await connection.execution_options(**{OPTION: self.seals})
                yield connection

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Give a transaction, committed at the end unless something is raised; one at a time in this process."""
        with self._told_errors():
            async with self._writing:
                engine = await self._engine_there()
                async with engine.connect() as connection:
                    await connection.execution_options(interlocutor_writes=True, **{OPTION: self.seals})
                    async with connection.begin():
                        audit.gather(connection)
                        yield connection
                        await audit.write_gathered(connection)

    async def _engine_there(self) -> AsyncEngine:
        if self._engine is None:
            raise DatabaseError("the database is closed; start the server again")
        if self.path is not None and _inode_of(self.path) != self._inode:
            # Connections to the removed file would go on writing where nobody reads.
            await self._engine.dispose()
            found = _inode_of(self.path)
            if found is None:
                raise DatabaseError(
                    f"the database '{self.path.name}' is gone from its folder; put it back", code="database.gone"
                )
            self._inode = found
        return self._engine

    @contextlib.contextmanager
    def _told_errors(self) -> Any:
        try:
            yield
        except DatabaseError as error:
            self.fault = error.message
            raise
        except (SQLAlchemyError, OSError, sqlite3.Error, TimeoutError) as error:
            told = explain(error)
            self.fault = told.message
            raise told from error
        else:
            self.fault = None


def explain(error: Exception) -> DatabaseError:
    """Return what to tell of an error of the driver's: never its statement, nor what was in it."""
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    text = str(cause).lower()
    state = str(getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or "")
    if "locked" in text or state == LOCKED:
        return DatabaseError("the database is locked by another program; try again shortly", code="database.locked")
    if "disk i/o error" in text:
        return DatabaseError("the disk of the database fails; check it, and whether it is full")
    if "disk is full" in text or state == FULL:
        return DatabaseError("the disk of the database is full; free some space", code="database.full")
    if "readonly database" in text or "read-only" in text:
        return DatabaseError("the database is read-only for this server; make it writable", code="database.read_only")
    if "malformed" in text or "not a database" in text:
        return DatabaseError("the database is damaged; restore a backup of it", code="database.damaged")
    gone = isinstance(error, OSError | PoolTimeout | TimeoutError) or state.startswith(GONE)
    if gone or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return DatabaseError("the database can't be reached; start it, or check database.url")
    if state.startswith(NOT_LET_IN):
        return DatabaseError("the database refuses the user or the password; check database.url, or PGPASSFILE's file")
    if state in BUSY:
        return DatabaseError("the database is too busy now; try again shortly, or let it take more connections")
    return DatabaseError(f"the database refused what was asked of it ({type(cause).__name__})", code="database.failed")


def _make_file(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # With these rights from the start: SQLite gives its log and its shared memory the same.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise DatabaseError(
            f"the database '{path.name}' can't be opened ({error.strerror}); check its folder and the rights to it"
        ) from error


def _inode_of(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # We begin transactions ourselves, so that changes of the schema are part of them too.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", "trusted_schema=OFF"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("interlocutor_writes", False)
    # A writer takes the file's lock at once: a reader that turns writer could fail after its work.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
