"""Two servers in processes of their own that share a data folder and a PostgreSQL."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from bench.replay.remote import Reserved
from server.records.holder import SharedHolder
from tests import postgres
from tests.app.process import ServerProcess, running

NAMES = ("a", "b")
MOCK = ("engines.backend=mock", "engines.recogniser_workers=1")


@contextlib.contextmanager
def two(folder: Path, *settings: str) -> Iterator[tuple[list[ServerProcess], str]]:
    """Run two servers that work together; yield them with the setting of their database."""
    with postgres.cluster() as address, contextlib.ExitStack() as stack:
        database = f"database.url={address.format(name='postgres')}"
        servers = [
            stack.enter_context(running(folder, *MOCK, database, f"instances.name={name}", *settings)) for name in NAMES
        ]
        for server in servers:
            server.wait_for(partial(knows_another, server))
        yield servers, database


def knows_another(server: ServerProcess) -> bool:
    """Return whether a server knows of another that takes role-plays."""
    told = [line["data"]["others"] for line in server.log if line["event"] == "instances_ready"]
    return bool(told and told[-1])


def by_way_of(server: ServerProcess, reserved: Reserved) -> Reserved:
    """Return the way to a session by the address of a server, which need not be the one that holds it."""
    return dataclasses.replace(reserved, url=f"ws://{server.address}/v1/realtime", base_url=server.url)


def holder_of(pair: list[ServerProcess], reserved: Reserved) -> ServerProcess:
    """Return the server that holds a session."""
    named = zip(NAMES, pair, strict=True)
    (held,) = (one for name, one in named if reserved.id in SharedHolder.held_by(one.data, name))
    return held
