"""What commands that use the database share: the settings, the database opened, and one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from server.settings.tree import Settings
    from server.store.store import Store

Answer = TypeVar("Answer")


def with_store(
    work: Callable[[Store, Settings], Awaitable[Answer]],
    *,
    overrides: Sequence[str] | None,
    config: Path | None,
    as_it_is: bool = False,
) -> Answer:
    """Do some work with the database that the settings name; raises AppError.

    A server may run beside it: the database takes both. With `as_it_is` the database may have any form.
    """
    from server.logs import quiet_logs
    from server.settings.tree import load_settings
    from server.store.store import Store
    from server.vault.opening import open_vault

    # What a command prints is for whoever asked, who may be a program.
    quiet_logs()
    settings = load_settings(config_folder=config, overrides=overrides or ())

    async def do() -> Answer:
        store = Store(settings.database, settings.audit, settings.data_path, open_vault(settings))
        if as_it_is:
            store.database.open()
        else:
            await store.open()
        try:
            return await work(store, settings)
        finally:
            await store.stop()

    return asyncio.run(do())
