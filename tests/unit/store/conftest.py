"""A database for each test: a file, and a real PostgreSQL of which one is started a run."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from server.settings.store import AuditSettings, DatabaseSettings
from server.store.store import Store
from tests.postgres import cluster, lacking
from tests.sealed import new_vault

_numbers = itertools.count()
MakeDatabase = Callable[[], DatabaseSettings]
MakeStore = Callable[[], AbstractAsyncContextManager[Store]]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Where PostgreSQL is, with a place for the database's name; its tests are skipped where it can't be had."""
    if why := lacking():
        pytest.skip(why)
    with cluster() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def make_database(request: pytest.FixtureRequest, tmp_path: Path) -> MakeDatabase:
    """Make settings of databases that are empty, each another one."""
    if request.param == "sqlite":
        return lambda: DatabaseSettings(url=SecretStr(f"sqlite:///{tmp_path}/test_{next(_numbers)}.db"))
    address: str = request.getfixturevalue("postgres")

    def make() -> DatabaseSettings:
        name = f"test_{next(_numbers)}"

        async def create() -> None:
            connection = await asyncpg.connect(address.format(name="postgres"))
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
            await connection.close()

        # A thread, since a test's own loop may be running.
        with ThreadPoolExecutor(1) as other:
            other.submit(asyncio.run, create()).result()
        return DatabaseSettings(url=SecretStr(address.format(name=name)))

    return make


@pytest.fixture
def database_settings(make_database: MakeDatabase) -> DatabaseSettings:
    """Settings of a database that is empty."""
    return make_database()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of a few megabytes of its own, so that it can really be full; only root may."""
    place = tmp_path / "disk"
    place.mkdir()
    words = ("mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place))
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(("umount", "--lazy", str(place)), check=True)


@pytest.fixture
def opened(database_settings: DatabaseSettings, tmp_path: Path) -> MakeStore:
    """Open the database's store, as often as a test likes."""

    vault = new_vault()

    @asynccontextmanager
    async def open_it() -> AsyncIterator[Store]:
        store = Store(database_settings, AuditSettings(anchor=tmp_path / "anchors"), tmp_path, vault)
        await store.start()
        try:
            yield store
        finally:
            await store.stop()

    return open_it
