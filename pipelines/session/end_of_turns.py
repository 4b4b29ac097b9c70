"""Asks the turn detector, for one session, whether a turn sounds finished."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from functools import partial

from audio.frames import Pcm
from pipelines.conversation import signals as s
from pipelines.conversation.endpointing import ANSWER_WITHIN_MS
from pipelines.engines import EndOfTurn, EndOfTurnRequest
from pipelines.lanes.jobs import JobLane, JobTicket

# Where others wait for the detector already, an answer would come too late.
MOST_WAITING = 1
# An answer that took longer came too late for most pauses: the machine is busy. For a while only those are asked about
# that would last long without it.
LATE_MS = ANSWER_WITHIN_MS
REST_MS = 2_000.0
LONG_MS = 600.0


class EndOfTurns:
    """One question at a time; a newer one takes the place of the one before."""

    def __init__(self, lane: JobLane | None, signal: Callable[[s.Signal], None]) -> None:
        # A lane that could not be started has told why, and is not used.
        self._lane = lane if lane is not None and lane.info is not None else None
        self._signal = signal
        self._ticket: JobTicket | None = None

    @property
    def is_there(self) -> bool:
        """Whether there is a turn detector at all."""
        return self._lane is not None

    def ask(self, number: int, samples: Pcm, *, left_ms: float = math.inf) -> None:
        """Ask how a turn sounds, int16 mono at 16 kHz; a lane that has too much to do is not asked.

        Without an answer the turn would be over in `left_ms`. The answer comes as a signal that carries `number`: with
        nothing where nobody was asked, or never.
        """
        self.cancel()
        if self._lane is None or self._lane.waiting >= MOST_WAITING or (left_ms < LONG_MS and self._is_slow()):
            # Not at once: the core's other commands come first.
            asyncio.get_running_loop().call_soon(self._signal, s.EndOfTurnHeard(number, None))
            return
        request = EndOfTurnRequest(samples)
        heard = partial(self._heard, number)
        self._ticket = self._lane.submit(request, priority=0, on_part=heard, on_end=lambda _error: None)

    def _is_slow(self) -> bool:
        return self._lane is not None and self._lane.is_slow(LATE_MS, for_ms=REST_MS)

    def cancel(self) -> None:
        """Nobody waits for the answer any more."""
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None

    def _heard(self, number: int, answer: EndOfTurn) -> None:
        self._signal(s.EndOfTurnHeard(number, answer.probability))
