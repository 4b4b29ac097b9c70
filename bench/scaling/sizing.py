"""How many instances a demand needs, and what they come to: cores, memory, disk, network."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.scaling.busy_day import DayResult, instance_lines, simulate_days
from bench.scaling.demand import Demand
from bench.scaling.measured_instance import MeasuredInstance

SEED = 1
MANY = 5_000
# Enough instances: so many (0..1) wait no longer than this.
IN_TIME, PATIENCE_S = 0.95, 10.0


@dataclass(frozen=True, slots=True)
class ScaleOutcome:
    """What comes of a demand on so many instances; `one_line`: a free place anywhere is found by whoever asks."""

    instances: int
    instance: MeasuredInstance
    one_line: bool
    days: DayResult

    @property
    def places(self) -> int:
        """Role-plays at once."""
        return self.instances * self.instance.places

    @property
    def cores(self) -> int:
        """Of all instances."""
        return self.instances * self.instance.cores

    @property
    def memory_gb(self) -> float:
        """Of all instances."""
        return self.instances * self.instance.memory_mb / 1000.0

    @property
    def kept_gb_a_day(self) -> float:
        """What a day adds on the disk."""
        return self.days.talk_s / self.days.days * self.instance.kept_bytes_per_s / 1e9

    @property
    def network_mbit_s(self) -> float:
        """Both ways, at the busiest moment."""
        return self.days.most_talking * self.instance.wire_bytes_per_s * 8 / 1e6

    @property
    def is_enough(self) -> bool:
        """Whether hardly anybody waits."""
        return self.days.wait_s(IN_TIME) <= PATIENCE_S


def days_of(demand: Demand) -> int:
    """Return how many days are looked at: of few people one day says little."""
    return 1 if demand.people > MANY else 10


def try_instances(demand: Demand, instance: MeasuredInstance, instances: int, *, one_line: bool = True) -> ScaleOutcome:
    """Return what comes of a demand on so many instances."""
    lines = instance_lines(instances, instance.places, one_line=one_line)
    return ScaleOutcome(instances, instance, one_line, simulate_days(demand, lines, days=days_of(demand), seed=SEED))


def needed_instances(demand: Demand, instance: MeasuredInstance) -> ScaleOutcome:
    """Return the outcome on the fewest instances that are enough."""
    # With a place for everybody nobody waits, and the most that were taken at once are enough.
    unlimited = simulate_days(demand, [demand.people], days=days_of(demand), seed=SEED)
    low, high = 0, max(1, math.ceil(unlimited.most_places / instance.places))
    found = try_instances(demand, instance, high)
    while high - low > 1:
        middle = (low + high) // 2
        outcome = try_instances(demand, instance, middle)
        if outcome.is_enough:
            high, found = middle, outcome
        else:
            low = middle
    return found
