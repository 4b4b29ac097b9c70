"""Disk threads: the whole process shares them, so that no session ever waits for a disk.

Work is done in the order it was given. A job that fails tells its owner once and the thread goes on with the next.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

logger = structlog.get_logger("pipelines.log.disk")

# A queue this long means that the disk has been stuck for many seconds under a full server; audio is then refused at
# the source (the recorder's writes fail) rather than filling the memory.
MAX_QUEUED = 20_000

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[], None]
    failed: Callable[[Exception], None] | None


class DiskThread:
    """Runs small pieces of disk work in order, off the event loop."""

    def __init__(self, name: str = "disk") -> None:
        self._jobs: queue.Queue[_Job | None] = queue.Queue(MAX_QUEUED)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[], None], failed: Callable[[Exception], None] | None = None) -> None:
        """Queue `work`; `failed` is called in the disk thread with its exception, if any. Never blocks."""
        try:
            self._jobs.put_nowait(_Job(work, failed))
        except queue.Full:
            if failed is not None:
                failed(OSError("the disk does not keep up"))

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """Have `work` done in its turn; return what it returns, or raise what it raises."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Answer] = loop.create_future()

        def settle(set_it: Callable[[], None]) -> None:
            if not done.done():
                set_it()

        def tell(set_it: Callable[[], None]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(settle, set_it)

        def do() -> None:
            answer = work()
            tell(lambda: done.set_result(answer))

        self.submit(do, lambda error: tell(lambda: done.set_exception(error)))
        return await done

    def flush(self, timeout_s: float = 30.0) -> bool:
        """Wait until everything queued so far is done; False when the time ran out."""
        done = threading.Event()
        self.submit(done.set)
        return done.wait(timeout_s)

    def close(self) -> None:
        """Finish what is queued and end the thread."""
        self._jobs.put(None)
        self._thread.join(timeout=30.0)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job.work()
            except Exception as error:  # the owner is told; the thread must serve the others
                if job.failed is None:
                    logger.warning("disk_work_failed", error=type(error).__name__)
                else:
                    job.failed(error)
