"""What sealing costs: an event on the loop, its line, a segment and a recording off it, each with and without.

`python -m tests.bench.sealing [--events 5000] [--json FILE]`

An event is handed to the log's store as the server does; a segment is two seconds of two voices, encoded and put on
the disk. Both are measured by turns, so that whatever else the machine does is in both.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from audio.frames import WIRE_HZ
from audio.recorder import SegmentWriter, join
from bench.report_figures import Figure, print_figures, write_figures
from common.seal import Seal
from pipelines.events import TurnCommitted
from pipelines.log.disk import DiskThread
from pipelines.log.jsonl import JsonlStore, payload_line
from pipelines.log.session_log import SessionLog
from server.measures import percentile
from server.running import SWITCH_S
from tests.sealed import new_vault

SEGMENTS = 150  # five minutes
SAID = "I have been having these headaches for about three weeks now, and they are worse in the morning."
WAYS = ("plain", "sealed")


def measure(folder: Path, *, events: int) -> list[Figure]:
    """Write events and segments both ways; return the figures."""
    sys.setswitchinterval(SWITCH_S)
    seals = {"plain": None, "sealed": Seal.new()}
    event_us: dict[str, list[float]] = {way: [] for way in WAYS}
    segment_ms: dict[str, list[float]] = {way: [] for way in WAYS}
    disk = DiskThread()
    logs = {way: _log(folder / way, disk, seals[way]) for way in WAYS}
    for number in range(events):
        for way in WAYS:
            event = TurnCommitted(number, SAID, 0.0, 4_000.0)
            began_s = time.perf_counter()
            logs[way].append(event)
            event_us[way].append(1e6 * (time.perf_counter() - began_s))
    for log in logs.values():
        log.close()
    disk.close()
    line_us: dict[str, list[float]] = {way: [] for way in WAYS}
    said = {"salt": "0" * 32, "payload": TurnCommitted(1, SAID, 0.0, 4_000.0).payload()}
    for number in range(events):
        for way in WAYS:
            began_s = time.perf_counter()
            payload_line(number, said, seals[way])
            line_us[way].append(1e6 * (time.perf_counter() - began_s))
    writers = {way: SegmentWriter(folder / way / "sound", seal=seals[way]) for way in WAYS}
    drawn = np.random.default_rng(1)
    for _ in range(SEGMENTS):
        stereo = drawn.integers(-2_000, 2_000, (2 * WIRE_HZ, 2), dtype=np.int16)
        for way in WAYS:
            began_s = time.perf_counter()
            writers[way].write(stereo)
            segment_ms[way].append(1e3 * (time.perf_counter() - began_s))
    joined_ms = {}
    for way in WAYS:
        writers[way].close()
        began_s = time.perf_counter()
        join(folder / way / "sound", seal=seals[way])
        joined_ms[way] = 1e3 * (time.perf_counter() - began_s)
    key_us = _keys(folder)
    figures = []
    for what, unit, found in (("event", "us", event_us), ("line", "us", line_us), ("segment", "ms", segment_ms)):
        for way in WAYS:
            for name, share in (("p50", 0.5), ("p99", 0.99)):
                value = round(percentile(found[way], share) or 0.0, 2)
                figures.append(Figure(f"{what}_{way}_{name}", value, unit, n=len(found[way])))
    figures += [Figure(f"join_{way}", round(joined_ms[way], 1), "ms") for way in WAYS]
    return [*figures, Figure("key_made_p50", round(percentile(key_us, 0.5) or 0.0, 1), "us", n=len(key_us))]


def _log(folder: Path, disk: DiskThread, seal: Seal | None) -> SessionLog:
    folder.mkdir()

    def fail(error: Exception) -> None:
        raise error

    return SessionLog(
        now_ms=lambda: 0.0,
        media_ms=lambda: 0.0,
        salt=lambda: "0" * 32,
        store=JsonlStore(folder, disk, failed=fail, seal=seal),
    )


def _keys(folder: Path) -> list[float]:
    """Return how long it takes to make the key of a session and to put it into its folder, in microseconds."""
    vault, found = new_vault(), []
    for number in range(500):
        session = folder / f"sess_{number}"
        session.mkdir()
        began_s = time.perf_counter()
        vault.make_session(session)
        found.append(1e6 * (time.perf_counter() - began_s))
    return found


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=5_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), events=arguments.events)
    print_figures(f"{arguments.events} events and {SEGMENTS} segments", figures)
    if arguments.json:
        write_figures(arguments.json, figures)


if __name__ == "__main__":
    main()
