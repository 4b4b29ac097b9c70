"""Repeated replays under virtual time: are decisions and logs the same each time, and how fast does it go?

`python -m tests.bench.repeat --times 20 [--json FILE] [AUDIO...]`, on the scripted engines.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any

from bench.replay.plan import plan_replay
from bench.replay.run import card_of, replay_here
from bench.report_figures import Figure, print_figures, write_figures
from pipelines.events import SessionStarted
from pipelines.log.session_log import LogEntry
from pipelines.patient.card_library import CardLibrary
from server.logs import quiet_logs
from server.settings.tree import load_settings

CONSULTATION = Path(__file__).resolve().parents[1] / "data" / "consultation.flac"


def comparable(records: list[LogEntry]) -> list[dict[str, Any]]:
    """Return a log without wall time, nor the one event that names the session."""
    return [
        dataclasses.asdict(record.envelope) | {"wall": "", "payload": record.event.payload()}
        for record in records
        if not isinstance(record.event, SessionStarted)
    ]


def measure(recordings: list[Path], times: int) -> list[Figure]:
    """Replay `times` times and compare every log with the first."""
    settings = load_settings(overrides=["engines.backend=mock"], environ={})
    plan = plan_replay(recordings)
    began = time.perf_counter()
    outcome = replay_here(
        plan,
        card_of(plan, None),
        settings=settings,
        cards=CardLibrary.load(settings.cards_folder),
        pace="fast",
        repeat=times,
    )
    wall_s = time.perf_counter() - began
    logs = [comparable(log) for log in outcome.logs]
    same = sum(log == logs[0] for log in logs)
    return [
        Figure(
            "logs_identical", float(same), "runs", baseline=float(times), n=times, note=f"{len(logs[0])} events each"
        ),
        Figure("times_real_time", round(sum(outcome.session_s) / wall_s, 1), "x", n=times),
    ]


def main() -> None:
    """Measure and report; exit with 1 when any run decided otherwise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", nargs="*", type=Path, default=[CONSULTATION])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    quiet_logs()
    figures = measure(arguments.recordings, arguments.times)
    print_figures(f"{arguments.times} replays under virtual time, scripted engines", figures)
    if arguments.json:
        write_figures(arguments.json, figures)
    if figures[0].ratio != 1:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
