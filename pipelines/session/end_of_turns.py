"""Asks the turn detector, for one session, whether a turn sounds finished."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from audio.frames import Pcm
from pipelines.conversation import signals as s
from pipelines.conversation.endpointing import ANSWER_WITHIN_MS
from pipelines.engines import EndOfTurn, EndOfTurnRequest
from pipelines.lanes.decodes import RecogniserLane
from pipelines.lanes.jobs import JobLane, JobTicket
from pipelines.lanes.timed_jobs import TimedJobs

# Where others wait for the detector already, an answer would come too late.
MOST_WAITING = 1
# An answer that took longer came too late for most pauses: the machine is busy, and is left alone for a while.
LATE_MS = ANSWER_WITHIN_MS
REST_MS = 2_000.0


class EndOfTurns:
    """One question at a time; a newer one takes the place of the one before."""

    def __init__(self, jobs: TimedJobs | None, recogniser: RecogniserLane, signal: Callable[[s.Signal], None]) -> None:
        # A lane that could not be started has told why, and is not used.
        self._jobs = jobs if jobs is not None and jobs.info is not None else None
        self._recogniser = recogniser
        self._signal = signal
        self._ticket: JobTicket | None = None

    @property
    def is_there(self) -> bool:
        """Whether there is a turn detector at all."""
        return self._jobs is not None

    def ask(self, number: int, samples: Pcm) -> None:
        """Ask how a turn sounds, int16 mono at 16 kHz; a lane that has too much to do is not asked.

        The answer comes as a signal that carries `number`: with nothing where nobody was asked, or never.
        """
        self.cancel()
        if self._jobs is None or self._jobs.skip(wanted=self._is_late(self._jobs.lane)):
            # Not at once: the core's other commands come first.
            asyncio.get_running_loop().call_soon(self._signal, s.EndOfTurnHeard(number, None))
            return
        request = EndOfTurnRequest(samples)
        heard = partial(self._heard, number)
        self._ticket = self._jobs.submit(request, priority=0, on_part=heard, on_end=lambda _error: None)

    def _is_late(self, lane: JobLane) -> bool:
        """Whether an answer would come too late, or keep the texts of others waiting."""
        late = lane.waiting >= MOST_WAITING or lane.is_slow(LATE_MS, for_ms=REST_MS)
        return late or self._recogniser.is_strained

    def cancel(self) -> None:
        """Nobody waits for the answer any more."""
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None

    def _heard(self, number: int, answer: EndOfTurn) -> None:
        self._signal(s.EndOfTurnHeard(number, answer.probability))
