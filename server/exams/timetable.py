"""The phases of an exam, in order, and the clock that drives them: muting a microphone does not stop it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from server.settings.tree import Settings

PhaseName = Literal["warm_up", "preparation", "role_play"]
ROLE_PLAYS = 2
WARM_UP = 0
"""The number of the part that is no role-play."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch of an exam; `part` is the role-play that it belongs to, 0 for the warm-up."""

    name: PhaseName
    part: int
    length_s: float

    @property
    def is_talk(self) -> bool:
        """Whether somebody speaks in it."""
        return self.name != "preparation"


def timetable(settings: Settings) -> tuple[Phase, ...]:
    """Return the phases of an exam: a warm-up, then a preparation and a role-play, twice."""
    session = settings.session
    phases: list[Phase] = []
    if settings.exam.warm_up_s:
        phases.append(Phase("warm_up", WARM_UP, settings.exam.warm_up_s))
    for part in range(1, ROLE_PLAYS + 1):
        if session.prepare_s:
            phases.append(Phase("preparation", part, session.prepare_s))
        phases.append(Phase("role_play", part, session.session_s))
    return tuple(phases)


class ExamClock:
    """Goes through the phases by the loop's monotonic time; `changed` is called after each step, the last one too.

    A talk that is under way when its time is over may come to its end within `grace_s`, by `talk_over`.
    """

    def __init__(self, phases: Sequence[Phase], *, grace_s: float, changed: Callable[[Phase | None], None]) -> None:
        self.talking = False
        self._phases = phases
        self._grace_s = grace_s
        self._changed = changed
        self._index = -1
        self._ends_s = 0.0  # of the phase, on the loop's clock
        self._left_s: float | None = None  # while it does not run
        self._timer: asyncio.TimerHandle | None = None

    @property
    def index(self) -> int:
        """The number of the phase, as many as there are once all are over."""
        return self._index

    @property
    def phase(self) -> Phase | None:
        """The phase at hand, None before the first and after the last."""
        return self._phases[self._index] if 0 <= self._index < len(self._phases) else None

    @property
    def is_over(self) -> bool:
        """Whether all phases are over."""
        return self._index >= len(self._phases)

    @property
    def left_s(self) -> float:
        """How much is left of the phase."""
        if self._left_s is not None:
            return self._left_s
        return max(0.0, self._ends_s - _now_s()) if self.phase is not None else 0.0

    def set_to(self, index: int, left_s: float) -> None:
        """Stand at a phase with so much of it left, and do not run yet."""
        self._index, self._left_s = index, left_s

    def run(self) -> None:
        """Begin, or go on where it stood."""
        if self._left_s is not None:
            left_s, self._left_s = self._left_s, None
            self._start(left_s)
        elif self._index < 0:
            self._next()

    def talk_over(self) -> None:
        """The talk of this phase came to its end: the next phase begins."""
        self.talking = False
        if self.phase is not None and self.phase.is_talk:
            self._next()

    def stop(self) -> None:
        """The exam is over, whatever was to come."""
        self._cancel()
        self._index = len(self._phases)

    def hold(self) -> None:
        """Stand still: the server stops, and another goes on."""
        self._left_s = self.left_s
        self._cancel()

    def _start(self, left_s: float) -> None:
        self._cancel()
        self._ends_s = _now_s() + left_s
        self._timer = asyncio.get_running_loop().call_later(left_s, self._time_over)

    def _time_over(self) -> None:
        if self.talking:
            self._timer = asyncio.get_running_loop().call_later(self._grace_s, self._next)
        else:
            self._next()

    def _next(self) -> None:
        self._cancel()
        self._left_s = None
        self.talking = False
        self._index += 1
        phase = self.phase
        if phase is not None:
            self._start(phase.length_s)
        self._changed(phase)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _now_s() -> float:
    return asyncio.get_running_loop().time()
