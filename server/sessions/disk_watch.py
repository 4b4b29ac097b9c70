"""Whether the data folder can be written: noted at the first write that fails, and tried until it can again."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import structlog

from common.errors import AppError
from pipelines.log.disk import DiskThread
from server.metrics import Metrics
from server.sessions.folders import PROBE_BYTES

logger = structlog.get_logger("server.sessions.disk_watch")

TRY_EVERY_S = 2.0
MEASURE_EVERY_S = 15.0
PROBE = ".probe"


class DiskWatch:
    """`reason` says why nothing can be recorded now, or is None; to be used on the event loop."""

    def __init__(self, root: Path, disk: DiskThread, metrics: Metrics) -> None:
        self.reason: str | None = None
        self._root = root
        self._probe = root / PROBE
        self._disk = disk
        self._metrics = metrics
        self._trying: asyncio.Task[None] | None = None

    def failed(self, error: AppError) -> None:
        """Note a write that failed, and try from now on whether one works."""
        self._metrics.storage_failures.inc()
        if self.reason is not None:
            return
        self.reason = error.message
        self._metrics.storage_failing.set(1)
        logger.error("storage_failing", code=error.code, reason=error.message)
        self._trying = asyncio.create_task(self._try_again(), name="disk-watch")

    async def measure_for_ever(self) -> None:
        """Show how much space is free, in the disk's thread: a mount that hangs hangs nobody else."""
        while True:
            try:
                self._metrics.keeping.data_free.set(await self._disk.run(lambda: shutil.disk_usage(self._root).free))
            except OSError:
                # A folder that can't be asked has no room to write to either.
                self._metrics.keeping.data_free.set(0)
            await asyncio.sleep(MEASURE_EVERY_S)

    async def close(self) -> None:
        """Try no more."""
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.gather(self._trying, return_exceptions=True)

    async def _try_again(self) -> None:
        while True:
            await asyncio.sleep(TRY_EVERY_S)
            try:
                await self._disk.run(self._write)
            except OSError:
                continue
            self.reason = None
            self._metrics.storage_failing.set(0)
            logger.info("storage_works_again")
            return

    def _write(self) -> None:
        self._probe.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._probe.write_bytes(b"\0" * PROBE_BYTES)
        finally:
            self._probe.unlink(missing_ok=True)
