"""The lane of a voice: jobs like others, and clauses of cards that it spoke ahead, which cost nothing any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from audio.clock import Clock
from common.errors import AppError
from pipelines.engines import Isolation, SpeakRequest, SpeechChunk
from pipelines.lanes.jobs import JobLane, JobTicket
from pipelines.lanes.kept_clauses import KeptClauses
from pipelines.lanes.messages import JobRequest
from pipelines.lanes.one_job import parts_of
from pipelines.lanes.worker_loop import Factory


class SpeechLane(JobLane):
    """Runs a synthesiser; what was spoken ahead needs no worker, so it waits for nobody.

    Only what `speak_ahead` was asked for is kept: texts of cards, never what somebody's session made up.
    """

    def __init__(
        self,
        factory: Factory,
        *,
        isolation: Isolation,
        workers: int,
        clock: Clock,
        name: str,
        most_kept_bytes: int = 0,
    ) -> None:
        super().__init__(factory, isolation=isolation, workers=workers, clock=clock, name=name)
        self.kept = KeptClauses(most_kept_bytes)
        self.on_kept: list[Callable[[], None]] = []

    def submit(
        self,
        request: JobRequest,
        *,
        priority: int,
        on_part: Callable[[Any], None],
        on_end: Callable[[AppError | None], None],
        free: bool = False,
    ) -> JobTicket:
        """Queue a clause, or hand it out as it was spoken ahead. Raises CapacityError when far too much is waiting."""
        chunks = self.kept.find(request) if isinstance(request, SpeakRequest) else None
        if chunks is None:
            return super().submit(request, priority=priority, on_part=on_part, on_end=on_end, free=free)
        ticket = JobTicket(request, priority=priority, on_part=on_part, on_end=on_end)
        # Whoever asks has not got its ticket yet.
        asyncio.get_running_loop().call_soon(self._hand_out, ticket, chunks)
        return ticket

    async def speak_ahead(self, request: SpeakRequest, *, priority: int) -> None:
        """Have a clause of a card spoken and keep it; raises AppError."""
        if not self.kept.holds(request):
            self.kept.keep(request, await parts_of(self, request, priority=priority))

    def _hand_out(self, ticket: JobTicket, chunks: Sequence[SpeechChunk]) -> None:
        for listener in self.on_kept:
            self._hand(listener)
        for chunk in chunks:
            # It may be cancelled by what it is told.
            if not ticket.cancelled:
                self._hand(ticket.on_part, chunk)
        if not ticket.cancelled:
            self._hand(ticket.on_end, None)
