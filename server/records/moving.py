"""Moves recordings to the object store that were not moved when their role-plays ended, and deletes erased ones."""

from __future__ import annotations

import asyncio

import structlog

from server.records.holder import Holder
from server.records.housekeeping import session_folders
from server.records.records import Records

logger = structlog.get_logger("server.records.moving")

EVERY_S = 600.0


async def move_for_ever(records: Records, holder: Holder) -> None:
    """Look through all role-plays now and every ten minutes, but not those that other servers hold.

    Returns at once where recordings stay on this disk.
    """
    while records.recordings.moves:
        there = await asyncio.to_thread(session_folders, records.root)
        elsewhere = await asyncio.to_thread(holder.elsewhere)
        folders = [folder for folder in there if folder.name not in elsewhere]
        done = await asyncio.to_thread(records.recordings.move_left, folders, records.vault.open_session)
        if done:
            logger.info("recordings_moved", recordings=done)
        await asyncio.sleep(EVERY_S)
