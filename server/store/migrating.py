"""Brings the database to the form that this version of the program works with, or says that it has another."""

from __future__ import annotations

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import Connection

from common.errors import DatabaseError
from server.store.database import Database

FOLDER = Path(__file__).resolve().parent / "migrations"
# An arbitrary number that PostgreSQL knows our migrations by: of several instances that start, one migrates.
LOCK = 4_715_230_114


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config


def newest() -> str:
    """Return the form that this version works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None  # noqa: S101 - there is a first migration
    return head


def _form_of(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def form(database: Database) -> str | None:
    """Return the form that the database has, None for an empty one; raises DatabaseError."""
    async with database.reading() as connection:
        return await connection.run_sync(_form_of)


async def upgrade(database: Database) -> tuple[str | None, str]:
    """Bring the database to the newest form; return the one it had and the one it has. Raises DatabaseError.

    All of it is one transaction under a lock, so a second instance that starts meanwhile waits, and finds it done.
    """
    wanted = newest()
    async with database.writing() as connection:
        if not database.is_sqlite:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        had = await connection.run_sync(_form_of)
        if had is not None and had not in known():
            raise _wrong(had, wanted)
        if had != wanted:
            await connection.run_sync(_run)
    return had, wanted


async def check(database: Database) -> None:
    """Raise DatabaseError unless the database has the newest form."""
    had, wanted = await form(database), newest()
    if had != wanted:
        raise _wrong(had, wanted)


def known() -> set[str]:
    """Return all forms that this version can bring to the newest."""
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _run(connection: Connection) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _wrong(had: str | None, wanted: str) -> DatabaseError:
    if had is not None and had not in known():
        return DatabaseError(
            f"the database has form {had}, which is newer than this program; install the version that made it, or go "
            "back to the backup from before it: `interlocutor restore BACKUP --aside`",
            code="database.revision",
        )
    return DatabaseError(
        f"the database has form {had or 'none'}, and this program needs {wanted}; run `interlocutor db upgrade`",
        code="database.revision",
    )
