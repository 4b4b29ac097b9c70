"""Who comes when: a class that begins together, or people who come by themselves over a day."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Protocol

HOUR_S = 3_600.0


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who asks for a place, so many seconds into the day, and holds so many role-plays one after the other."""

    at_s: float
    role_plays: int = 1


class Demand(Protocol):
    """A day of visits."""

    @property
    def people(self) -> int:
        """How many they are in all."""

    def visits(self, random: Random) -> Iterator[Visit]:
        """Yield the visits of one day, in any order."""


@dataclass(frozen=True, slots=True)
class TogetherClass:
    """People who are told to begin, and do so within `within_s`; each holds `role_plays` in the lesson."""

    people: int
    within_s: float = 120.0
    role_plays: int = 2

    def visits(self, random: Random) -> Iterator[Visit]:
        """Yield one visit for each person."""
        for _ in range(self.people):
            yield Visit(random.random() * self.within_s, self.role_plays)


@dataclass(frozen=True, slots=True)
class OpenDay:
    """The busiest day of people who come by themselves: so many role-plays a week each, by a profile of the day.

    `day_share` is this day's share of the week, `hours` the weight of each hour from midnight.
    """

    people: int
    per_week: float
    day_share: float
    hours: tuple[float, ...]

    @property
    def busiest_hour_share(self) -> float:
        """The busiest hour's share of the day."""
        return max(self.hours) / sum(self.hours)

    def visits(self, random: Random) -> Iterator[Visit]:
        """Yield visits at random moments of each hour, as many as chance has it (a Poisson process)."""
        a_day = self.people * self.per_week * self.day_share
        for hour, weight in enumerate(self.hours):
            rate_per_s = a_day * weight / sum(self.hours) / HOUR_S
            at_s = hour * HOUR_S
            while rate_per_s > 0:
                # 1 - random() is never nought.
                at_s -= math.log(1.0 - random.random()) / rate_per_s
                if at_s >= (hour + 1) * HOUR_S:
                    break
                yield Visit(at_s)
