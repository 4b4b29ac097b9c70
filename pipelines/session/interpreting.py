"""Has a session's words interpreted."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

from common.errors import AppError, CapacityError
from pipelines.conversation import signals as s
from pipelines.conversation.commands import Interpret
from pipelines.engines import IndexRequest, Interpretation, InterpretRequest
from pipelines.lanes.jobs import JobTicket
from pipelines.lanes.timed_jobs import TimedJobs
from pipelines.patient.card import Card
from pipelines.patient.free import read_as

# The lane's priorities: a turn may be waiting for its answer, a session that begins is not.
A_TURN, A_CARD = 0, 10


class Interpreting:
    """One question at a time; a newer one takes the place of the one before."""

    def __init__(self, card: Card, jobs: TimedJobs, signal: Callable[[s.Signal], None]) -> None:
        self._card = read_as(card)
        self._jobs = jobs
        self._signal = signal
        self._ticket: JobTicket | None = None

    def prepare(self) -> None:
        """Let the interpreter get ready for the card."""
        with contextlib.suppress(CapacityError):  # then the first turn pays for it
            self._jobs.submit(
                IndexRequest(self._card),
                priority=A_CARD,
                on_part=lambda _part: None,
                # What is wrong with the engine will show in the first turn.
                on_end=lambda _error: None,
            )

    def ask(self, command: Interpret) -> None:
        """Ask what the words are to be taken for; the answer comes as a signal, also where there is none."""
        self.cancel()
        request = InterpretRequest(self._card, command.text, command.words, command.history)
        try:
            self._ticket = self._jobs.submit(
                request,
                priority=A_TURN,
                on_part=partial(self._told, command.number),
                on_end=partial(self._over, command.number),
            )
        except CapacityError:
            self._signal(s.Interpreted(command.number, None))

    def cancel(self) -> None:
        """Nobody waits for the answer any more."""
        if self._ticket is not None:
            self._ticket.cancel()
            self._ticket = None

    def _told(self, number: int, interpretation: Interpretation) -> None:
        self._signal(s.Interpreted(number, interpretation))

    def _over(self, number: int, error: AppError | None) -> None:
        if error is not None:
            self._signal(s.Interpreted(number, None))
