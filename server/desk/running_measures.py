"""Figures of a role-play that goes on: how the candidate pauses and hesitates, by the same definitions as afterwards.

They are made anew after each turn, in a thread, from the log as it is then. Those of an exam are not made: whoever is
to mark forms their own judgement first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from pipelines.assessment.fluency import fluency
from pipelines.assessment.spoken import spoken_of
from pipelines.events import Audience, Event, TurnCommitted
from pipelines.log.session_log import LogEntry, SessionLog
from pipelines.patient.card import Card
from server.protocol.desk_messages import DeskMeasure, DeskMeasures

SHOWN = ("pauses_inside", "pause_length", "fillers")


class RunningMeasures:
    """The latest figures as a message, and their number; `made` is called when there are new ones."""

    def __init__(self, log: SessionLog, card: Card, *, made: Callable[[], None]) -> None:
        self.text = ""
        self.number = 0
        self._log = log
        self._card = card
        self._made = made
        self._again = False
        self._task: asyncio.Task[None] | None = None
        self._begin()

    def take_event(self, event: Event) -> None:
        """Have new ones made where a turn was added; in the middle of a conversation, so it is done later."""
        if isinstance(event, TurnCommitted):
            self._begin()

    def close(self) -> None:
        """Make no more."""
        if self._task is not None:
            self._task.cancel()

    def _begin(self) -> None:
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._make(), name="desk-measures")

    async def _make(self) -> None:
        while self._again:
            self._again = False
            entries = list(self._log.read_from(0, Audience.DEVELOPER))
            self.text = await asyncio.to_thread(_measured, entries, self._card)
            self.number += 1
            self._made()


def _measured(entries: Sequence[LogEntry], card: Card) -> str:
    found = {one.id: one.as_json() for one in fluency(spoken_of(entries, card))}
    parts = DeskMeasure.model_fields
    measures = tuple(DeskMeasure(**{name: found[shown][name] for name in parts}) for shown in SHOWN)
    return DeskMeasures(measures=measures).model_dump_json()
