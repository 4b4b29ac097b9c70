"""How long a step of an engine takes, and how long with a core to itself."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from pipelines.lanes.stopwatch import ComputingStopwatch, Stopwatch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how long threads wait for a core")


def compute(cpu_s: float) -> None:
    """Keep one core busy for so much of this thread's own time on it, as engines do: without Python's own lock."""
    began_s = time.thread_time()
    while time.thread_time() - began_s < cpu_s:
        hashlib.pbkdf2_hmac("sha256", b"", b"", 1000)


@pytest.fixture
def one_core_for_three() -> Iterator[None]:
    """Let this process and two that never rest share one core, whatever else the machine does."""
    before = os.sched_getaffinity(0)
    core = min(before)
    loop = f"""
import os
os.sched_setaffinity(0, {{{core}}})
print(flush=True)
while os.getppid() == {os.getpid()}:
    pass
"""
    others = [subprocess.Popen([sys.executable, "-c", loop], stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for other in others:
            assert other.stdout is not None
            assert other.stdout.readline()
        os.sched_setaffinity(0, {core})
        yield
    finally:
        os.sched_setaffinity(0, before)
        for other in others:
            other.kill()
            other.communicate()


def test_waiting_for_a_core_is_no_cost(one_core_for_three: None) -> None:
    wall, computing = Stopwatch(), ComputingStopwatch()
    wall.start()
    computing.start()
    compute(0.2)
    computing_ms, wall_ms = computing.lap_ms(), wall.lap_ms()
    # A third of a core is its fair share.
    assert 150 < computing_ms < 0.7 * wall_ms


def test_the_longest_wait_of_threads_side_by_side_counts(one_core_for_three: None) -> None:
    told = threading.Event()
    done = [threading.Event() for _ in range(2)]

    def worker(mine: threading.Event) -> None:
        compute(0.1)
        mine.set()
        # An engine's threads outlive a step, so their waits can be read after it.
        told.wait()

    threads = [threading.Thread(target=worker, args=(mine,)) for mine in done]
    wall, computing = Stopwatch(), ComputingStopwatch()
    wall.start()
    computing.start()
    for thread in threads:
        thread.start()
    for mine in done:
        mine.wait()
    computing_ms, wall_ms = computing.lap_ms(), wall.lap_ms()
    told.set()
    for thread in threads:
        thread.join()
    # A quarter of a core is the fair share of each, and the waits of both together would be more than the lap.
    assert 50 < computing_ms < 0.7 * wall_ms


def test_time_that_an_engine_waits_for_others_is_a_cost() -> None:
    computing = ComputingStopwatch()
    computing.start()
    # A remote mind that takes its time: no core is missing, and none is used.
    threading.Event().wait(0.2)
    # What other threads of this process may do meanwhile on a busy machine is no such wait.
    assert computing.lap_ms() > 100
