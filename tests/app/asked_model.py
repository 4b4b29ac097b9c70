"""Sessions that a language model is asked about by a command, and the command with a provider as its remote host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from bench.cli import app as command_line
from pipelines.events import ConsentGiven
from pipelines.log.disk import DiskThread
from pipelines.log.jsonl import JsonlStore
from tests.app.accounts import World
from tests.fakes.provider import KEY, Provider
from tests.unit.spoken_log import SpokenLog

AskedCommand = Callable[..., Awaitable[Any]]


@asynccontextmanager
async def log_of_past(
    one: World, session_id: str, *, sealed: bool = False, consent: ConsentGiven | None = None
) -> AsyncIterator[SpokenLog]:
    """Give the log of a session that is over, to be filled; it is on the disk after the block."""
    folder = one.folder / "sessions" / session_id
    seal = one.server.vault.make_session(folder) if sealed else None
    disk = DiskThread()
    log = SpokenLog(JsonlStore(folder, disk, failed=lambda error: None, seal=seal))
    if consent is not None:
        log.note(consent)
    yield log
    log.close()
    await asyncio.to_thread(disk.close)


def asked_command(command: str, folder: Path) -> AskedCommand:
    """Return a command of `interlocutor` on this data folder; with a provider, that is its remote host."""

    async def run(*words: str, provider: Provider | None = None, settings: tuple[str, ...] = ()) -> Any:
        sets = [f"data_path={folder}", f"audit.anchor={folder / 'anchors'}", *settings]
        if provider is not None:
            sets += ["engines.remote.provider=compatible", f"engines.remote.hosts={provider.url}"]
            sets += [f"engines.remote.keys.other={KEY}"]
        options = [part for one in sets for part in ("--set", one)]
        return await asyncio.to_thread(CliRunner().invoke, command_line, [command, *words, *options])

    return run
