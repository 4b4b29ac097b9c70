"""Has the beginnings of patients' lines spoken while nobody talks, so that a patient answers at once.

The cards that somebody reads now, before a role-play, come first; the others follow until the memory is full.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from common.errors import AppError
from pipelines.engines import SpeakRequest
from pipelines.lanes.speech_lane import SpeechLane
from pipelines.patient.card import Card
from pipelines.tts.beginnings import beginnings_of

logger = structlog.get_logger("server.spoken_ahead")

# After whatever a patient has to say, and after the trial of an engine.
PRIORITY = 1_000
LOOK_EVERY_S = 2.0
# What can't be spoken now is not tried again and again.
AFTER_FAULT_S = 60.0


class SpokenAhead:
    """Speaks the beginnings of the lines of `cards` ahead; to be used on the event loop.

    `lane` returns the voice's lane, `wanted` the ids of the cards that somebody prepares for, `is_idle` whether nobody
    talks.
    """

    def __init__(
        self,
        cards: Iterable[Card],
        *,
        lane: Callable[[], SpeechLane],
        wanted: Callable[[], Iterable[str]],
        is_idle: Callable[[], bool],
    ) -> None:
        self._beginnings = {card.id: beginnings_of(card) for card in cards}
        self._lane = lane
        self._wanted = wanted
        self._is_idle = is_idle
        # What was tried for this lane and these wanted cards: a clause that can't be kept is not spoken for ever.
        self._tried: set[str] = set()
        self._tried_for: tuple[SpeechLane, frozenset[str]] | None = None

    async def speak_for_ever(self) -> None:
        """Speak one clause after the other whenever nobody talks and one is missing."""
        while True:
            wait_s = LOOK_EVERY_S
            while self._is_idle() and (request := self._missing()) is not None:
                self._tried.add(request.id)
                try:
                    await self._lane().speak_ahead(request, priority=PRIORITY)
                except AppError as error:
                    logger.warning("not_spoken_ahead", clause=request.id, reason=error.message)
                    wait_s = AFTER_FAULT_S
                    break
            await asyncio.sleep(wait_s)

    def _missing(self) -> SpeakRequest | None:
        """Return the clause that is missing most; None where all are there, or no more are to be kept."""
        lane, wanted = self._lane(), frozenset(self._wanted())
        if self._tried_for != (lane, wanted):
            self._tried_for = lane, wanted
            self._tried.clear()
        # What nobody reads now takes the place of nothing.
        names = wanted if lane.kept.full else sorted(self._beginnings, key=lambda name: name not in wanted)
        if not lane.kept.most_bytes:
            return None
        return next(
            (
                one
                for name in names
                for one in self._beginnings.get(name, ())
                if one.id not in self._tried and not lane.kept.holds(one)
            ),
            None,
        )
