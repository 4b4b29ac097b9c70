"""Work that goes on for as long as a server runs: it is kept, ended with the server, and never fails in silence."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

logger = structlog.get_logger("server.background")


class Background:
    """Tasks that nobody waits for."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something done until it is over, or the server stops; nothing is begun after that."""
        if self._stopped:
            work.close()
            return
        task = asyncio.create_task(work, name=getattr(work, "__qualname__", "work"))
        self._tasks.add(task)
        task.add_done_callback(self._over)

    async def stop(self) -> None:
        """End all of it."""
        self._stopped = True
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("work_failed", work=task.get_name(), exc_info=error)
