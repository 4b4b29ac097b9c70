"""A day of role-plays on so many places: who waits for how long, and how much goes on at once at most.

A place is taken from the moment that somebody asks for it, so while they prepare too. Who finds none stands in a line.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from bench.scaling.demand import Demand

# Of the usual time-table (session.prepare_s, session.session_s): some begin early, some are done early.
PREPARE_S = (30.0, 180.0)
TALK_S = (240.0, 300.0)
# Between two role-plays of one visit somebody reads what came of the first.
BREAK_S = (60.0, 240.0)


@dataclass(slots=True)
class DayResult:
    """What came of one or more days: seconds that each waited for a place, and the most that went on at once."""

    waits_s: list[float] = field(default_factory=list)
    talk_s: float = 0.0
    most_talking: int = 0
    most_places: int = 0
    days: int = 0

    @property
    def role_plays_a_day(self) -> float:
        """How many role-plays a day had on average."""
        return len(self.waits_s) / self.days

    def wait_s(self, quantile: float) -> float:
        """Return what so many (0..1) waited at most."""
        ordered = sorted(self.waits_s)
        return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))] if ordered else 0.0

    def waited(self, longer_s: float = 0.0) -> float:
        """Return the share (0..1) who waited longer than that."""
        return sum(wait_s > longer_s for wait_s in self.waits_s) / max(1, len(self.waits_s))

    def add(self, other: DayResult) -> None:
        """Take another day in."""
        self.waits_s += other.waits_s
        self.talk_s += other.talk_s
        self.most_talking = max(self.most_talking, other.most_talking)
        self.most_places = max(self.most_places, other.most_places)
        self.days += other.days


def simulate_days(demand: Demand, places: Sequence[int], *, days: int, seed: int) -> DayResult:
    """Return what comes of so many days on these places; each entry has a line of its own, chosen by chance.

    One entry is one line for all places. The same seed has the same people come, whatever the places.
    """
    whole = DayResult()
    for day in range(days):
        whole.add(_Day(demand, places, Random(f"{seed}/{day}")).run())  # noqa: S311 - no secret comes of it
    return whole


@dataclass(slots=True)
class _Line:
    """Places that are free, and who waits for one: when they came, and how many role-plays they want."""

    free: int
    waiting: deque[tuple[float, int]] = field(default_factory=deque)


class _Day:
    def __init__(self, demand: Demand, places: Sequence[int], random: Random) -> None:
        self._random = random
        self._lines = [_Line(count) for count in places]
        self._numbers = iter(range(1 << 62))
        # (when, order, what, line, role-plays): the order keeps what is at one moment as it came.
        self._events: list[tuple[float, int, str, int, int]] = []
        self._talking = self._taken = 0
        self.result = DayResult(days=1)
        for visit in demand.visits(random):
            self._later(visit.at_s, "comes", self._any_line(), visit.role_plays)

    def run(self) -> DayResult:
        """Let the day go by."""
        while self._events:
            at_s, _, what, line, role_plays = heapq.heappop(self._events)
            match what:
                case "comes":
                    self._come(at_s, line, role_plays)
                case "talks":
                    self._talking += 1
                    self.result.most_talking = max(self.result.most_talking, self._talking)
                case _:
                    self._go(at_s, line, role_plays)
        return self.result

    def _come(self, at_s: float, line: int, role_plays: int) -> None:
        if self._lines[line].free:
            self._take(at_s, at_s, line, role_plays)
        else:
            self._lines[line].waiting.append((at_s, role_plays))

    def _take(self, at_s: float, came_s: float, line: int, role_plays: int) -> None:
        self._lines[line].free -= 1
        self._taken += 1
        self.result.most_places = max(self.result.most_places, self._taken)
        self.result.waits_s.append(at_s - came_s)
        talk_s = self._between(TALK_S)
        self.result.talk_s += talk_s
        begins_s = at_s + self._between(PREPARE_S)
        self._later(begins_s, "talks", line, role_plays)
        self._later(begins_s + talk_s, "goes", line, role_plays)

    def _go(self, at_s: float, line: int, role_plays: int) -> None:
        self._talking -= 1
        self._taken -= 1
        self._lines[line].free += 1
        if self._lines[line].waiting:
            came_s, wanted = self._lines[line].waiting.popleft()
            self._take(at_s, came_s, line, wanted)
        if role_plays > 1:
            self._later(at_s + self._between(BREAK_S), "comes", self._any_line(), role_plays - 1)

    def _later(self, at_s: float, what: str, line: int, role_plays: int) -> None:
        heapq.heappush(self._events, (at_s, next(self._numbers), what, line, role_plays))

    def _any_line(self) -> int:
        return int(self._random.random() * len(self._lines))

    def _between(self, bounds: tuple[float, float]) -> float:
        low, high = bounds
        return low + self._random.random() * (high - low)


def instance_lines(instances: int, places: int, *, one_line: bool) -> list[int]:
    """Return the places of so many instances: in one line, or in a line for each."""
    return [instances * places] if one_line else [places] * instances
