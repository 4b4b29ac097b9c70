"""How long a step of an engine takes, and how long it would have taken with a core to itself."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

# Of each thread: nanoseconds on a core, nanoseconds it was ready and waited for one, turns
# (the kernel's documentation, scheduler/sched-stats).
_THREADS = Path("/proc/self/task")


class Stopwatch:
    """Measures laps in milliseconds of wall time."""

    def __init__(self) -> None:
        self._began_s = 0.0

    def start(self) -> None:
        """Begin a lap."""
        self._began_s = time.perf_counter()

    def lap_ms(self) -> float:
        """Return what the lap took."""
        return (time.perf_counter() - self._began_s) * 1000.0


class ComputingStopwatch(Stopwatch):
    """Measures laps less the time in which this process waited for a core that something else had.

    Threads that compute side by side wait side by side, so of them the longest wait counts, and the wait of the thread
    that asked them comes on top. Where the kernel does not tell (only Linux does), laps are wall time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waited_ns: dict[str, int] = {}

    def start(self) -> None:
        """Begin a lap."""
        self._waited_ns = _waits_ns()
        super().start()

    def lap_ms(self) -> float:
        """Return what the lap took, without its waits for a core."""
        wall_ms = super().lap_ms()
        waited_ns = {thread: ns - self._waited_ns.get(thread, 0) for thread, ns in _waits_ns().items()}
        own_ns = waited_ns.pop(str(threading.get_native_id()), 0)
        return max(0.0, wall_ms - (own_ns + max(waited_ns.values(), default=0)) / 1e6)


def _waits_ns() -> dict[str, int]:
    """Return how long each thread of this process has waited for a core, by its id."""
    waits: dict[str, int] = {}
    try:
        threads = os.listdir(_THREADS)
    except OSError:
        return waits
    for thread in threads:
        try:
            waits[thread] = int((_THREADS / thread / "schedstat").read_bytes().split()[1])
        except (OSError, IndexError, ValueError):
            continue  # it has ended, or the kernel keeps no account of this
    return waits
