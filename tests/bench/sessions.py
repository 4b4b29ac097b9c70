"""Many short sessions one after another on one server, and what its memory comes to.

    python -m tests.bench.sessions --count 600 --at-once 12 --set engines.whisper.model=tiny.en

In each the candidate says the first turn of a recording and hears the answer. Prints a line of resident memory, of all
the server's processes, after each twelfth of the sessions, and writes them as JSON if asked.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.load import resident_bytes, run_load, server_process
from bench.replay.plan import Plan, plan_replay
from tests.app.wire import DATA

RECORDING = DATA / "consultation-pharmacy.flac"
STEPS = 12
SPREAD_S = 3.0


async def hold(plan: Plan, card: str, *, count: int, at_once: int, settings: Sequence[str]) -> list[tuple[int, float]]:
    """Hold `count` sessions, so many at once; return (sessions held, memory in MB) at the start and at each step."""
    chosen = [f"server.max_sessions={at_once + 1}", "server.reservations.per_minute=0", *settings]
    arguments = [word for setting in chosen for word in ("--set", setting)]
    found: list[tuple[int, float]] = []

    def note(held: int) -> None:
        found.append((held, round(resident_bytes(process) / 1e6, 1)))
        sys.stdout.write(f"{held:5d} sessions {found[-1][1]:8.1f} MB\n")
        sys.stdout.flush()

    async with server_process(arguments) as (url, process):
        note(0)
        held = 0
        for step in range(STEPS):
            while held < count * (step + 1) // STEPS:
                most = min(at_once, count * (step + 1) // STEPS - held)
                result = await run_load(url, plan, card, sessions=most, server=None, spread_s=SPREAD_S)
                if result.failed:
                    raise SystemExit(f"a session failed: {result.failed[0]}")
                held += most
            note(held)
    return found


def main() -> None:
    """Hold the sessions and print what the memory came to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=600, help="sessions in all")
    parser.add_argument("--at-once", type=int, default=12, help="of them at a time")
    parser.add_argument("--recording", type=Path, default=RECORDING, help="with a truth file that names a card")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=VALUE", help="a setting of the server")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    arguments = parser.parse_args()
    plan = plan_replay([arguments.recording])
    plan = dataclasses.replace(plan, turns=plan.turns[:1])
    card = next(iter(plan.cards))
    run = hold(plan, card, count=arguments.count, at_once=arguments.at_once, settings=arguments.set)
    found = asyncio.run(run)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([{"sessions": held, "mb": mb} for held, mb in found], indent=2) + "\n")


if __name__ == "__main__":
    main()
