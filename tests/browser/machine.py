"""Whether the machine had time for a test: only then do its latencies say something of the product."""

from __future__ import annotations

from pathlib import Path

import psutil

# Our threads are many. They wait half of the time in which they could run where another program has one of two cores,
# and seven tenths of it where two busy programs have a share of both.
MAX_WAITED = 0.65


class Share:
    """The time from now on, and how much of it the test, its page and its servers had the processors."""

    def __init__(self) -> None:
        self._began = _times_ns()

    @property
    def waited(self) -> float:
        """Of the time in which our threads could run, the share in which they had to wait: 0 where nothing tells it."""
        ran_ns = waited_ns = 0
        for thread, (ran, waited) in _times_ns().items():
            before = self._began.get(thread, (0, 0))
            ran_ns += ran - before[0]
            waited_ns += waited - before[1]
        return waited_ns / max(1, ran_ns + waited_ns)

    @property
    def had(self) -> bool:
        """Whether there was time for what was done so far."""
        return self.waited < MAX_WAITED


def _times_ns() -> dict[str, tuple[int, int]]:
    """Return for each thread of ours, by its place under /proc, how long it ran and how long it waited to run."""
    ours = psutil.Process()
    found = {}
    for process in (ours, *ours.children(recursive=True)):
        for file in _accounts(process.pid):
            try:
                ran, waited, _ = file.read_text().split()
            except OSError:
                continue  # it has ended meanwhile
            found[str(file)] = int(ran), int(waited)
    return found


def _accounts(pid: int) -> list[Path]:
    """Return the files that tell of a process's threads; none of one that has ended meanwhile."""
    try:
        return list(Path(f"/proc/{pid}/task").glob("*/schedstat"))
    except OSError:
        return []
