"""How long sessions are kept: the sweeping that goes on for as long as the server runs."""

from __future__ import annotations

import asyncio

from audio.clock import Clock
from server.sessions.folders import SessionFolders
from server.sessions.registry import SessionRegistry

SWEEP_S = 5.0
DELETE_EVERY_S = 6 * 3600.0


async def sweep_for_ever(registry: SessionRegistry, folders: SessionFolders, clock: Clock) -> None:
    """Let unused reservations and old debriefs go every few seconds, what was kept long enough every few hours."""
    deleted_ms = clock.now_ms()
    while True:
        registry.sweep()
        if clock.now_ms() - deleted_ms >= DELETE_EVERY_S * 1000.0:
            deleted_ms = clock.now_ms()
            folders.delete_old()
        await asyncio.sleep(SWEEP_S)
