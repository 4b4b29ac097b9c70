"""The database's address as people write it, and as the drivers take it."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from common.errors import SettingsError

FILE_NAME = "interlocutor.db"

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
}
_WAYS = "write postgresql://USER:PASSWORD@HOST/NAME or sqlite:///FILE"


def database_url(given: SecretStr | None, data_path: Path) -> URL:
    """Return the address for our drivers; without one, a file in the data folder. Raises SettingsError.

    A message never repeats the address: it may hold a password.
    """
    if given is None:
        return URL.create("sqlite+aiosqlite", database=str((data_path / FILE_NAME).absolute()))
    try:
        url = make_url(given.get_secret_value())
    except (ArgumentError, ValueError):
        raise SettingsError(f"database.url: is no address of a database; {_WAYS}") from None
    family = url.drivername.partition("+")[0]
    if family not in _DRIVERS:
        raise SettingsError(f"database.url: '{family}' is no database that this server knows; {_WAYS}")
    url = url.set(drivername=_DRIVERS[family])
    if family == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise SettingsError("database.url: a database in memory would forget everybody; name a file")
        return url.set(database=str(Path(str(url.database)).absolute()), query={})
    return _for_asyncpg(url)


def _for_asyncpg(url: URL) -> URL:
    """Return the address with the words that asyncpg has for libpq's."""
    if not url.database:
        raise SettingsError(f"database.url: names no database; {_WAYS}")
    query = dict(url.query)
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    unknown = sorted(set(query) - {"ssl", "host", "port"})
    if unknown:
        raise SettingsError(f"database.url: the parameter '{unknown[0]}' is not known here; leave it out")
    return url.set(query=query)
