"""What the database costs conversations: what the loop pays for an entry, and how long entries wait to be written.

`python -m tests.bench.ledger --sessions 50 --rounds 10 [--url postgresql://...] [--json FILE]`

Each round so many role-plays begin and end at once, with their lines in the audit; meanwhile the loop is watched.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.report_figures import Figure, print_figures, write_figures
from server.logs import quiet_logs
from server.measures import percentile
from server.settings.store import AuditSettings, DatabaseSettings
from server.store import audit, sessions
from server.store.anchors import prove
from server.store.sessions import IndexedSession
from server.store.store import Store
from tests.sealed import new_vault

WATCH_S = 0.002


async def measure(url: str | None, folder: Path, *, at_once: int, rounds: int) -> list[Figure]:
    """Have role-plays begin and end; return what it cost."""
    settings = DatabaseSettings(url=SecretStr(url) if url else None)
    store = Store(settings, AuditSettings(), folder, new_vault())
    await store.start()
    told_us: list[float] = []
    waited_ms: list[float] = []
    idle_ms = await lags(asyncio.sleep(2.0))

    def note(what: str, row: IndexedSession) -> float:
        began_s = time.perf_counter()

        async def write(connection: AsyncConnection) -> None:
            if what == "began":
                await sessions.begin(connection, row)
            else:
                await sessions.end(connection, row.id, ended_ms=2, turns=9, events=400, head="0" * 64)
            await audit.append(connection, f"session.{what}", session=row.id)

        store.ledger.note(what, write)
        told_us.append(1e6 * (time.perf_counter() - began_s))
        return began_s

    async def work() -> None:
        for number in range(rounds):
            rows = [
                IndexedSession(f"sess_{number}_{n}", "card", "Card", "practice", None, "running", 1)
                for n in range(at_once)
            ]
            for what in ("began", "ended"):
                began_s = [note(what, row) for row in rows]
                await store.ledger.drained(60)
                # All of them are committed by now, most of them were earlier.
                waited_ms.extend(1e3 * (time.perf_counter() - one_s) for one_s in began_s)

    busy_ms = await lags(work())
    async with store.database.reading() as connection:
        proof = await prove(audit.lines(connection))
        kept = [one for one in await sessions.find(connection, sessions.Wanted(limit=100_000)) if one.state == "ended"]
    await store.stop()
    count = at_once * rounds
    if proof.faults or len(kept) != count or proof.lines != 2 * count:
        raise SystemExit(f"{count - len(kept)} of {count} role-plays were lost: {proof.faults}")
    value = partial(_figure, n=2 * count)
    return [
        value("entries_lost", 0.0, "entries"),
        value("loop_time_of_an_entry_p99", percentile(told_us, 0.99), "us"),
        value("entry_written_p50", percentile(waited_ms, 0.5), "ms"),
        value("entry_written_p99", percentile(waited_ms, 0.99), "ms"),
        _figure("loop_lag_idle_p99", percentile(idle_ms, 0.99), "ms", n=len(idle_ms)),
        _figure("loop_lag_writing_p99", percentile(busy_ms, 0.99), "ms", n=len(busy_ms)),
    ]


async def lags(work: Coroutine[Any, Any, None]) -> list[float]:
    """Return how late a timer was each time while `work` was done, in milliseconds."""
    found: list[float] = []
    task = asyncio.create_task(work)
    while not task.done():
        due_s = time.perf_counter() + WATCH_S
        await asyncio.sleep(WATCH_S)
        found.append(1e3 * max(0.0, time.perf_counter() - due_s))
    await task
    return found


def _figure(name: str, value: float | None, unit: str, *, n: int) -> Figure:
    return Figure(name, round(value or 0.0, 2), unit, n=n)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=50, help="role-plays that begin, and end, at once")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--url", help="a database; else SQLite in a new folder")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    quiet_logs()
    with tempfile.TemporaryDirectory() as folder:
        work = measure(arguments.url, Path(folder), at_once=arguments.sessions, rounds=arguments.rounds)
        figures = asyncio.run(work)
    print_figures(f"{arguments.sessions} role-plays at once, {arguments.rounds} rounds", figures)
    if arguments.json:
        write_figures(arguments.json, figures)


if __name__ == "__main__":
    main()
