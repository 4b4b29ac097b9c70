"""The lane for jobs: stateless work (a reply, a clause), by priority, dropped once it is stale."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections.abc import Callable
from typing import Any

from audio.clock import Clock
from common.errors import AppError, CapacityError, WorkerDied
from pipelines.engines import Isolation
from pipelines.lanes.base import Lane
from pipelines.lanes.messages import Cancel, Job, JobRequest
from pipelines.lanes.worker_loop import Factory

# This is far beyond what can be answered in time; more means that the server is lost already.
MAX_PENDING = 256
ATTEMPTS = 2  # a job that killed two workers would kill the third


class JobTicket:
    """One job under way: its parts come to `on_part`, its end to `on_end` (with the error, if any)."""

    def __init__(
        self,
        request: JobRequest,
        *,
        priority: int,
        on_part: Callable[[Any], None],
        on_end: Callable[[AppError | None], None],
    ) -> None:
        self.request = request
        self.priority = priority
        self.on_part = on_part
        self.on_end = on_end
        self.cancelled = False
        self.attempts = 0
        self.parts = 0
        self.cost_ms = 0.0  # computation so far
        self.asked_ms = 0.0
        self.free = False
        self.on_cancel: Callable[[], None] = lambda: None
        self._stop: Callable[[], None] | None = None

    def cancel(self) -> None:
        """Drop the job; neither callback is called any more."""
        self.cancelled = True
        if self._stop is not None:
            self._stop()
        self.on_cancel()

    @property
    def under_way(self) -> bool:
        """Whether a worker is at it."""
        return self._stop is not None

    def running(self, stop: Callable[[], None] | None) -> None:
        """Note how the job under way can be stopped (None: it is no longer under way)."""
        self._stop = stop


class JobLane(Lane):
    """Runs responders and synthesisers."""

    def __init__(self, factory: Factory, *, isolation: Isolation, workers: int, clock: Clock, name: str) -> None:
        super().__init__(factory, isolation=isolation, workers=workers, clock=clock, name=name)
        self._pending: list[tuple[int, int, JobTicket]] = []
        self._order = itertools.count()
        self._wake = asyncio.Semaphore(0)
        # How long the last job took, from its asking to its end, and when that was.
        self._took_ms = 0.0
        self._ended_ms = -math.inf

    @property
    def waiting(self) -> int:
        """How many jobs wait for a worker."""
        return sum(not ticket.cancelled for _, _, ticket in self._pending)

    def is_slow(self, beyond_ms: float, *, for_ms: float) -> bool:
        """Return whether the last job took longer than that, its wait included, not longer than `for_ms` ago."""
        return self._took_ms > beyond_ms and self._clock.now_ms() - self._ended_ms <= for_ms

    def submit(
        self,
        request: JobRequest,
        *,
        priority: int,
        on_part: Callable[[Any], None],
        on_end: Callable[[AppError | None], None],
        free: bool = False,
    ) -> JobTicket:
        """Queue a job; a lower `priority` runs first. Raises CapacityError when far too much is waiting.

        `free`: it takes no virtual time, since whoever asks knows when the answer is to come.
        """
        if len(self._pending) >= MAX_PENDING:
            raise CapacityError("the server can't keep up; try again in a moment", retry_after_s=5)
        ticket = JobTicket(request, priority=priority, on_part=on_part, on_end=on_end)
        ticket.asked_ms = self._clock.now_ms()
        ticket.free = free
        self._push(ticket)
        return ticket

    def _push(self, ticket: JobTicket) -> None:
        heapq.heappush(self._pending, (ticket.priority, next(self._order), ticket))
        self._wake.release()

    async def _run(self, index: int) -> None:
        while True:
            await self._wake.acquire()
            _, _, ticket = heapq.heappop(self._pending)
            if ticket.cancelled:
                continue
            ticket.attempts += 1
            error: AppError | None = None
            began_ms = self._clock.now_ms()
            try:
                await self._work(index, ticket)
            except WorkerDied as died:
                await self._replace(index)
                if not ticket.cancelled and ticket.attempts < ATTEMPTS and ticket.parts == 0:
                    self._push(ticket)
                    continue
                error = died
            except AppError as failed:
                error = failed
            finally:
                ticket.running(None)
            self._ended_ms = self._clock.now_ms()
            self._took_ms = self._ended_ms - ticket.asked_ms
            for listener in self.on_request:
                self._hand(listener, error is None, self._clock.now_ms() - began_ms)
            if not ticket.cancelled:
                self._hand(ticket.on_end, error)

    async def _work(self, index: int, ticket: JobTicket) -> None:
        call = Job(next(self._call_ids), ticket.request)
        worker = self._workers[index]
        ticket.running(lambda: worker.send(Cancel(call.id)))
        async for part in self._call(index, call, free=ticket.free):
            ticket.cost_ms += part.cost_ms
            if not ticket.cancelled:
                ticket.parts += 1
                self._hand(ticket.on_part, part.value)
