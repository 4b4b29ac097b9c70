"""The backups that a running server makes by itself, and the list of erasures that it keeps beside them."""

from __future__ import annotations

import asyncio

import structlog

from common.errors import AppError, storage_error
from server.backups import erasure_list
from server.backups.making import make_backup, shelf_of, tell_erasures
from server.backups.shelf import Shelf
from server.keeping_metrics import KeepingMetrics
from server.records.keeping_health import KeepingHealth
from server.settings.tree import Settings
from server.store.store import Store
from server.store.tokens import now_ms

logger = structlog.get_logger("server.backups.job")

HOUR_S = 3_600.0
# A server that has just started has better things to do, and one that starts again and again makes no backup each time.
AFTER_START_S = 600.0
# A backup that failed, often since a disk was full or away, is tried again sooner.
AGAIN_S = HOUR_S
ERASURES_EVERY_S = 30.0


def first_wait_s(made_ms: int | None, at_ms: int, every_s: float) -> float:
    """Return how long a server that starts waits for its first backup; `made_ms` is when the newest one was made."""
    if made_ms is None or made_ms > at_ms:
        return AFTER_START_S  # none, or the clock was wrong then or is now
    return max(AFTER_START_S, every_s - (at_ms - made_ms) / 1000.0)


async def back_up_for_ever(store: Store, settings: Settings, metrics: KeepingMetrics, health: KeepingHealth) -> None:
    """Make a backup every so often; what fails is told to the operator, and tried again."""
    every_s = settings.backup_every_hours * HOUR_S
    metrics.backup_every.set(every_s)
    if not every_s:
        return
    shelf = shelf_of(settings)

    def failed(error: AppError | OSError) -> None:
        told = _explained(shelf, error)
        metrics.backup_failures.inc()
        logger.error("backup_failed", error=told.message, code=told.code)
        health.note("backup", told.message)

    try:
        made_ms = await asyncio.to_thread(_newest_ms, shelf)
    except (AppError, OSError) as error:
        failed(error)
        made_ms = None
    metrics.backup_made.set((made_ms or 0) / 1000.0)
    wait_s = first_wait_s(made_ms, now_ms(), every_s)
    while True:
        await asyncio.sleep(wait_s)
        try:
            made = await make_backup(store, settings, shelf, by="the server")
        except (AppError, OSError) as error:
            failed(error)
            wait_s = min(AGAIN_S, every_s)
        else:
            metrics.backup_made.set(made.manifest.made_ms / 1000.0)
            metrics.backup_size.set(made.manifest.size_bytes)
            health.note("backup", None)
            wait_s = every_s


async def tell_erasures_for_ever(store: Store, settings: Settings, health: KeepingHealth) -> None:
    """Keep the lists of erasures up to date, soon after each erasure."""
    shelf, told = shelf_of(settings), -1
    while True:
        try:
            async with store.database.reading() as connection:
                there = await erasure_list.count(connection)
            if there != told:
                await tell_erasures(store, settings, shelf)
                told = there
                health.note("erasures", None)
        except (AppError, OSError) as error:
            message = _explained(shelf, error).message
            if message != health.faults.get("erasures"):
                logger.warning("erasures_not_listed", error=message)
            health.note("erasures", message)
        await asyncio.sleep(ERASURES_EVERY_S)


def _explained(shelf: Shelf, error: AppError | OSError) -> AppError:
    return error if isinstance(error, AppError) else storage_error(shelf.folder, error)


def _newest_ms(shelf: Shelf) -> int | None:
    for one in reversed(shelf.backups()):
        try:
            return one.manifest().made_ms
        except AppError:
            continue
    return None
