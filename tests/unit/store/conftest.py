"""A database for each test: a file, and a real PostgreSQL of which one is started a run."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from server.settings.store import AuditSettings, DatabaseSettings
from server.store.store import Store
from tests.postgres import cluster, lacking

_numbers = itertools.count()
MakeStore = Callable[[], AbstractAsyncContextManager[Store]]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Where PostgreSQL is, with a place for the database's name; its tests are skipped where it can't be had."""
    if why := lacking():
        pytest.skip(why)
    with cluster() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def database_settings(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseSettings:
    """Settings of a database that is empty."""
    if request.param == "sqlite":
        return DatabaseSettings(url=SecretStr(f"sqlite:///{tmp_path}/test.db"))
    address: str = request.getfixturevalue("postgres")
    name = f"test_{next(_numbers)}"

    async def make() -> None:
        connection = await asyncpg.connect(address.format(name="postgres"))
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        await connection.close()

    asyncio.run(make())
    return DatabaseSettings(url=SecretStr(address.format(name=name)))


@pytest.fixture
def opened(database_settings: DatabaseSettings, tmp_path: Path) -> MakeStore:
    """Open the database's store, as often as a test likes."""

    @asynccontextmanager
    async def open_it() -> AsyncIterator[Store]:
        store = Store(database_settings, AuditSettings(anchor=tmp_path / "anchors"), tmp_path)
        await store.start()
        try:
            yield store
        finally:
            await store.stop()

    return open_it
