"""PostgreSQL's own programs, `pg_dump` and `pg_restore`: found, run, and what went wrong in one sentence."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from sqlalchemy.engine import URL

from common.errors import DatabaseError

DEBIAN = Path("/usr/lib/postgresql")
# libpq's variables; a password on a command line could be read by everybody on the machine.
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "username": "PGUSER",
    "password": "PGPASSWORD",
    "database": "PGDATABASE",
}


def find(name: str) -> Path:
    """Return where a program is, the newest that is installed; raises DatabaseError."""
    versions = sorted(DEBIAN.glob(f"[0-9]*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    found = versions[-1] if versions else shutil.which(name)
    if found is None:
        raise DatabaseError(
            f"{name} is not installed, and a backup of PostgreSQL needs it: apt-get install postgresql-client",
            code="backup.no_program",
        )
    return Path(found)


async def run(name: str, *words: str, url: URL) -> None:
    """Run a program on a database; raises DatabaseError with the first line of what it says."""
    process = await asyncio.create_subprocess_exec(
        find(name),
        *words,
        env=os.environ | _environment(url),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, told = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        lines = [line for line in told.decode(errors="replace").splitlines() if "error" in line.lower()]
        why = (lines or told.decode(errors="replace").splitlines() or ["no word of why"])[0].strip()
        if "No space left" in why:
            raise DatabaseError(f"{name}: the disk is full; free some space", code="database.full")
        raise DatabaseError(f"{why[:300]}; see {name}'s manual", code="backup.program")


def _environment(url: URL) -> dict[str, str]:
    query = {name: value for name, value in url.query.items() if isinstance(value, str)}
    parts = {
        "host": url.host or query.get("host"),
        "port": url.port or query.get("port"),
        "username": url.username,
        "password": url.password,
        "database": url.database,
    }
    found = {_VARIABLES[name]: str(value) for name, value in parts.items() if value}
    return found | ({"PGSSLMODE": query["ssl"]} if "ssl" in query else {})
