"""What is let go for as long as the server runs: unused reservations, old debriefs, and what was kept long enough."""

from __future__ import annotations

import asyncio

import structlog

from audio.clock import Clock
from common.errors import AppError
from server.keeping_metrics import KeepingMetrics
from server.records.keeping_health import KeepingHealth
from server.records.retention import Retention
from server.sessions.folders import SessionFolders
from server.sessions.registry import SessionRegistry

logger = structlog.get_logger("server.sessions.retention_job")

SWEEP_S = 5.0
JOIN_EVERY_S = 60.0
RETAIN_EVERY_S = 6 * 3600.0


async def sweep_for_ever(registry: SessionRegistry, folders: SessionFolders, clock: Clock) -> None:
    """Let unused reservations and old debriefs go every few seconds; join what a full disk left in segments."""
    joined_ms = clock.now_ms()
    while True:
        registry.sweep()
        if clock.now_ms() - joined_ms >= JOIN_EVERY_S * 1000.0:
            joined_ms = clock.now_ms()
            folders.join_again(registry.kept_folders())
        await asyncio.sleep(SWEEP_S)


async def retain_for_ever(retention: Retention, metrics: KeepingMetrics, health: KeepingHealth) -> None:
    """Delete what was kept long enough, at once and every few hours."""
    while True:
        try:
            run = await retention.run()
        except AppError as error:
            logger.warning("retention_failed", error=error.message)
            health.note("retention", error.message)
        else:
            metrics.retention_due.set(run.left)
            metrics.clock_doubts.inc(run.alarm)
            failed = f"{len(run.failed)} records could not be deleted" if run.failed else None
            # To wait for a day after a first start is nothing that somebody must look at.
            health.note("retention", run.why_not if run.alarm else failed)
            for due in run.deleted:
                metrics.count_deleted(due.mode)
        await asyncio.sleep(RETAIN_EVERY_S)
