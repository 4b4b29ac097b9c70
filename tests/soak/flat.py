"""What a process holds, looked at again and again, and whether it stays the same."""

from __future__ import annotations

import asyncio
import gc
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

from bench.report_figures import Figure

# Pools and caches fill at the beginning: what is held is compared from then on.
SETTLED = 0.25
# Fewer looks say nothing of a trend.
LEAST_LOOKS = 24


@dataclass(frozen=True, slots=True)
class Held:
    """What a process holds at a moment at which nobody talks; `at_s` is since the beginning."""

    at_s: float
    sessions: int
    rss_mb: float
    files: int
    threads: int
    tasks: int


def held_now(at_s: float, sessions: int) -> Held:
    """Look at this process, on its event loop."""
    gc.collect()
    process = psutil.Process()
    rss_mb = round(process.memory_info().rss / 1e6, 2)
    return Held(at_s, sessions, rss_mb, process.num_fds(), process.num_threads(), len(asyncio.all_tasks()))


@dataclass(frozen=True, slots=True)
class Trend:
    """How what is held at the end differs from what is held once all has settled."""

    looks: int
    growth_mb: float
    files: int
    threads: int
    tasks: int

    def faults(self, *, most_mb: float) -> list[str]:
        """Return what grew, in words."""
        found = [f"{self.looks} looks are too few: go on for longer"] if self.looks < LEAST_LOOKS else []
        if self.growth_mb > most_mb:
            found.append(f"memory grew by {self.growth_mb:.1f} MB, more than {most_mb:g}")
        grown = {"open files": self.files, "threads": self.threads, "tasks": self.tasks}
        return found + [f"{count} more {name} in the end" for name, count in grown.items() if count > 0]

    def figures(self, *, most_mb: float) -> list[Figure]:
        """Return it as figures."""
        return [
            Figure("rss_growth", self.growth_mb, "MB", baseline=most_mb, n=self.looks),
            Figure("files_growth", self.files, "files", baseline=0, n=self.looks),
            Figure("threads_growth", self.threads, "threads", baseline=0, n=self.looks),
            Figure("tasks_growth", self.tasks, "tasks", baseline=0, n=self.looks),
        ]


def trend_of(looks: Sequence[Held]) -> Trend:
    """Return the trend: the last third of what was seen once all had settled, against the first third of it.

    Of memory by medians, as one look may fall into a peak; of what is counted by the least, since what stays open is
    open at every look.
    """
    settled = looks[int(len(looks) * SETTLED) :]
    third = max(1, len(settled) // 3)
    first, last = settled[:third], settled[-third:]

    def more(name: str) -> int:
        least: int = min(getattr(one, name) for one in last) - min(getattr(one, name) for one in first)
        return least

    median = statistics.median
    growth_mb = median(one.rss_mb for one in last) - median(one.rss_mb for one in first)
    return Trend(len(looks), round(growth_mb, 2), more("files"), more("threads"), more("tasks"))
