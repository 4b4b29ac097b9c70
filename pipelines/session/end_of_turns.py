"""Asks the turn detector, for one session, whether a turn sounds finished."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from audio.frames import Pcm
from pipelines.conversation import signals as s
from pipelines.engines import EndOfTurn, EndOfTurnRequest
from pipelines.lanes.jobs import JobLane, JobTicket

# With so many before it in the queue an answer would come too late.
MOST_WAITING = 3


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

    def ask(self, number: int, samples: Pcm) -> None:
        """Ask how a turn sounds, int16 mono at 16 kHz; a lane that has too much to do is not asked.

        The answer comes as a signal that carries `number`, or never.
        """
        self.cancel()
        if self._lane is None or self._lane.waiting >= MOST_WAITING:
            return
        request = EndOfTurnRequest(samples)
        heard = partial(self._heard, number)
        self._ticket = self._lane.submit(request, priority=0, on_part=heard, on_end=lambda _error: None)

    def cancel(self) -> None:
        """Nobody waits for the answer any more."""
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None

    def _heard(self, number: int, answer: EndOfTurn) -> None:
        self._signal(s.EndOfTurnHeard(number, answer.probability))
