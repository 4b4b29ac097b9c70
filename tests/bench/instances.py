"""Kills one of two servers behind nginx with `kill -9`, again and again, and sees the other go on with its role-plays.

`python -m tests.bench.instances --times 10 --json FILE`: both share a data folder and a PostgreSQL. Each time eight
candidates talk at real pace by way of nginx, one server dies at a seeded moment, and the candidates come back by
themselves and finish. Then each log, recording and the audit are held against what the candidates were told.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.replay.plan import Plan, plan_replay
from bench.report_figures import Figure, print_figures, write_figures
from server.measures import percentile
from server.records.holder import SharedHolder
from tests.app.process import ServerProcess, running
from tests.app.proxy import nginx
from tests.app.several import MOCK, NAMES, two
from tests.bench.restarts import (
    FINISHED_S,
    NOT_TOLD,
    RECORDING,
    TURNS,
    Round,
    Survival,
    Talk,
    draw_delays,
    verify_audit,
)

SESSIONS = 8
LOOK_EVERY_S = 0.02


@dataclass(slots=True)
class Pair:
    """Two servers behind one address."""

    url: str
    servers: list[ServerProcess]
    database: str
    settings: Sequence[str]
    folder: Path
    stack: contextlib.ExitStack

    def start_again(self, index: int) -> None:
        """Start a server that was killed, under its name and on its port."""
        port = int(self.servers[index].url.rpartition(":")[2])
        again = running(self.folder, *self.settings, f"instances.name={NAMES[index]}", port=port)
        self.servers[index] = self.stack.enter_context(again)


@contextlib.contextmanager
def behind_nginx(folder: Path, *settings: str) -> Iterator[Pair]:
    """Run two servers that share a folder and a database, behind nginx."""
    with two(folder, *settings) as (servers, database), contextlib.ExitStack() as stack:
        url = stack.enter_context(nginx(servers[0].url, folder / "nginx", servers[1].url))
        yield Pair(url, servers, database, [*MOCK, database, *settings], folder, stack)


@dataclass(slots=True)
class Loss:
    """What became of the role-plays of one death."""

    held: int
    survivals: list[Survival]
    back_s: list[float] = field(default_factory=list)


async def lose_beside(
    folder: Path,
    servers: Sequence[ServerProcess],
    victim: int,
    plan: Plan,
    *,
    url: str,
    delay_s: float,
    sessions: int,
    how: signal.Signals = signal.SIGKILL,
) -> Loss:
    """Have candidates talk by way of `url` until one of two servers is killed, and finish on the other."""
    death = Round(plan, delay_s=delay_s)
    held: set[str] = set()
    death.before_death = lambda: held.update(SharedHolder.held_by(folder, NAMES[victim]))
    await death.until_killed(servers[victim], sessions, how, url=url)
    died_s = time.monotonic()
    watching = asyncio.gather(*(_back_s(talk, died_s) for talk in death.talks))
    survivals = await death.finish(servers[1 - victim])
    back_s = [one for one in await watching if one is not None]
    for one in survivals:
        # Its server lives, but its way there was through the one that died.
        if one.id not in held:
            one.faults = [fault for fault in one.faults if fault != NOT_TOLD]
    return Loss(sum(one.id in held for one in survivals), survivals, back_s)


async def _back_s(talk: Talk, died_s: float) -> float | None:
    """Return after how many seconds a candidate was back; None for one whose server lives."""
    async with asyncio.timeout(FINISHED_S):
        while not talk.task.done():
            if talk.link.resumed:
                return time.monotonic() - died_s
            await asyncio.sleep(LOOK_EVERY_S)
    return None


def lose_often(both: Pair, plan: Plan, delays_s: Sequence[float], *, sessions: int = SESSIONS) -> list[Loss]:
    """Kill one server and then the other, again and again; each is started anew before the next death."""
    losses = []
    with asyncio.Runner() as runner:
        for number, delay_s in enumerate(delays_s):
            victim = number % len(NAMES)
            losses.append(
                runner.run(
                    lose_beside(
                        both.folder, both.servers, victim, plan, url=both.url, delay_s=delay_s, sessions=sessions
                    )
                )
            )
            both.start_again(victim)
    return losses


def figures_of(losses: Sequence[Loss], audit: str) -> list[Figure]:
    """Return the figures of all deaths."""
    survivals = [one for loss in losses for one in loss.survivals]
    back_s = [one for loss in losses for one in loss.back_s]
    faults = sorted({fault for one in survivals for fault in one.faults})
    return [
        Figure("servers_killed", float(len(losses)), ""),
        Figure("sessions", float(len(survivals)), ""),
        Figure("sessions_taken_over", float(sum(loss.held for loss in losses)), "", n=len(survivals)),
        Figure("sessions_answered_after", float(sum(one.answered_after for one in survivals)), "", n=len(survivals)),
        Figure("finished_lost", float(sum(len(one.lost) for one in survivals)), "",
               n=sum(one.finished for one in survivals)),
        Figure("back_p50_s", percentile(back_s, 0.5), "s", n=len(back_s)),
        Figure("back_longest_s", max(back_s, default=0.0), "s", n=len(back_s)),
        Figure("sessions_with_faults", float(sum(bool(one.faults) for one in survivals)), "", n=len(survivals),
               note="; ".join(faults)),
        Figure("audit_faults", float(bool(audit)), "", note=audit[:200]),
    ]  # fmt: skip


def main() -> None:
    """Run from the command line; exit 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--sessions", type=int, default=SESSIONS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engines", choices=("mock", "embedded"), default="mock")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    whole = plan_replay([RECORDING])
    plan = Plan(whole.cards, whole.turns[:TURNS], whole.whole)
    settings = [f"engines.backend={asked.engines}", "engines.recogniser_workers=1"]
    with tempfile.TemporaryDirectory(prefix="interlocutor-instances-") as name:
        with behind_nginx(Path(name), *settings) as both:
            losses = lose_often(both, plan, draw_delays(asked.times, asked.seed), sessions=asked.sessions)
            # While there is a database to ask.
            audit = verify_audit(Path(name), both.database)
        figures = figures_of(losses, audit)
    print_figures(f"{asked.times} of two servers killed, {asked.sessions} role-plays each ({asked.engines})", figures)
    if asked.json is not None:
        write_figures(asked.json, figures)
    values = {figure.name: figure.value for figure in figures}
    sys.exit(any(values[name] for name in ("finished_lost", "sessions_with_faults", "audit_faults")))


if __name__ == "__main__":
    main()
