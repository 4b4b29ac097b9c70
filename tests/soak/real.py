"""Hours of real time on a whole server: role-plays by socket and by call, visitors who leave, requests of all kinds.

    python -m tests.soak.real --minutes 240 --at-once 5 [--local] [--json FILE]

The server runs in a process of its own (`tests/soak/served.py`), which is asked between rounds, when nobody talks, what
it holds. Engines are scripted; with `--local` they are real ones, with the weights that `scripts/weights` brought. Ends
with 1 where memory, open files, threads or tasks grow, or if a role-play fails.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import httpx2

from audio.frames import WIRE_HZ, silence
from bench.replay.remote import Reserved, reserve
from bench.report_figures import Figure, print_figures, write_figures
from server.wire.ticket import Ticket
from tests.app.inside import KEY
from tests.app.wire import CARD, Wire, connect_to, sentence
from tests.browser.machine import Share
from tests.rtc.caller import calling
from tests.soak.flat import Held, trend_of

# Real engines keep what they have computed, the allocator what it once had.
MOST_MB = 12.0
PAGES = ("/", "/health", "/ready", "/metrics", "/api/info", "/api/cards", "/nowhere", "/v1/realtime")
ROUND_TURNS = 3
# With more visits that had no time the rest says little.
MOST_STARVED = 0.1


@dataclass(slots=True)
class Served:
    """A server in a process of its own, which answers a line with what it holds."""

    process: asyncio.subprocess.Process
    address: str

    async def held(self) -> Held:
        """Ask what it holds, once nobody talks any more."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(b"\n")
        return Held(**json.loads(await self.process.stdout.readline()))


@dataclass(frozen=True, slots=True)
class Plan:
    """How a soak goes: for how long, how many visitors at once, with what engines, and what is written where."""

    minutes: float
    at_once: int
    local: bool
    kept_s: float
    looks: Path | None
    log: Path | None


@dataclass(slots=True)
class Soaked:
    """What came of it: what the server held after each round, answered turns, and the visits that failed.

    A visit is `starved` that failed while our processes had to wait for the machine: then a client that stands still
    sends too fast afterwards, and a call is given up.
    """

    looks: list[Held] = field(default_factory=list)
    answered: int = 0
    failed: list[str] = field(default_factory=list)
    starved: list[str] = field(default_factory=list)


@asynccontextmanager
async def served(folder: Path, plan: Plan) -> AsyncIterator[Served]:
    """Run the server while the block runs."""
    command = [sys.executable, "-m", "tests.soak.served", str(folder), "--kept-s", str(plan.kept_s)]
    log = plan.log.open("wb") if plan.log is not None else None
    process = await asyncio.create_subprocess_exec(
        *command,
        *(["--local"] if plan.local else []),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
    )
    if log is not None:
        log.close()
    assert process.stdout is not None
    try:
        yield Served(process, (await process.stdout.readline()).decode().strip())
    finally:
        if process.returncode is None:
            assert process.stdin is not None
            process.stdin.close()
            async with asyncio.timeout(60.0):
                await process.wait()


# ---------------------------------------------------------------- what visitors do


async def _turns(wire: Wire) -> int:
    """Speak a few turns and hear the answers, some of them cut short; return how many were answered."""
    wire.microphone()
    answered = 0
    for turn in range(ROUND_TURNS):
        wire.speak(sentence())
        await wire.until("response.created")
        if turn == 1:
            await wire.send("response.cancel")
        await wire.until("response.done")
        answered += 1
    return answered


async def by_socket(url: str) -> int:
    """Hold a role-play over a WebSocket, and end it."""
    wire = Wire(await connect_to(await reserve(url, CARD, "practice")))
    try:
        answered = await _turns(wire)
        assert await wire.end() == 1000
        return answered
    finally:
        await wire.drop()


async def by_call(url: str) -> int:
    """Hold one over a call."""
    async with calling(await reserve(url, CARD, "practice")) as wire:
        answered = await _turns(wire)
        await wire.end()
        return answered


async def cut_off(url: str) -> int:
    """Lose the connection, come back by the ticket, and go on."""
    reserved = await reserve(url, CARD, "practice")
    wire = Wire(await connect_to(reserved))
    try:
        token = (await wire.may_come_back())["token"]
        answered = await _turns(wire)
        seen = max(int(event["event_id"].removeprefix("event_")) for event in wire.events if event.get("event_id"))
    finally:
        await wire.drop()
    again = Wire(await connect_to(reserved, Ticket(token, seen)))
    try:
        await again.until("interlocutor.session.resumed")
        await again.append(silence(200, WIRE_HZ))
        assert await again.end() == 1000
    finally:
        await again.drop()
    return answered


async def gone(url: str) -> int:
    """Talk, and go away without a word."""
    wire = Wire(await connect_to(await reserve(url, CARD, "practice")))
    try:
        return await _turns(wire)
    finally:
        await wire.drop()


async def never(url: str) -> int:
    """Ask for a place, leave it, and try what is not allowed."""
    reserved: Reserved = await reserve(url, CARD, "practice")
    async with httpx2.AsyncClient(base_url=url) as client:
        mine = {"Authorization": f"Bearer {reserved.token}"}
        await client.post(f"/api/sessions/{reserved.id}/place", json={"state": "left"}, headers=mine)
        for page in PAGES:
            await client.get(page, headers={"Authorization": f"Bearer {KEY}"})
        await client.post("/v1/realtime/calls", content=b"v=0\r\n", headers=mine | {"Content-Type": "application/sdp"})
    return 0


VISITS = (by_socket, by_call, cut_off, gone, never)


async def soak(folder: Path, plan: Plan) -> Soaked:
    """Have visitors come and go for as long as planned."""
    found, sessions, drawn = Soaked(), 0, random.Random(1)
    async with served(folder, plan) as server:
        url, began_s = f"http://{server.address}", time.monotonic()
        while time.monotonic() - began_s < 60.0 * plan.minutes:
            visits = [VISITS[(sessions + each) % len(VISITS)] for each in range(plan.at_once)]
            drawn.shuffle(visits)
            share = Share()
            done = await asyncio.gather(*(visit(url) for visit in visits), return_exceptions=True)
            for visit, came in zip(visits, done, strict=True):
                if isinstance(came, BaseException):
                    told = f"{visit.__name__} after {time.monotonic() - began_s:.0f} s: {came!r}"
                    (found.failed if share.had else found.starved).append(told)
                else:
                    found.answered += came
            sessions += plan.at_once
            found.looks.append(await server.held())
            if plan.looks is not None:
                with plan.looks.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(found.looks[-1])) + "\n")
    return found


def main() -> int:
    """Have them come and go, say what was held; return 0 if all stayed flat."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=240.0)
    parser.add_argument("--at-once", type=int, default=5)
    parser.add_argument("--local", action="store_true", help="real engines in place of scripted ones")
    parser.add_argument("--kept-s", type=float, default=60.0, help="how long what is over is kept in memory")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    parser.add_argument("--looks", type=Path, help="write every look to this file, a line each")
    parser.add_argument("--log", type=Path, help="write the server's own log to this file")
    given = parser.parse_args()
    plan = Plan(given.minutes, given.at_once, given.local, given.kept_s, given.looks, given.log)
    with tempfile.TemporaryDirectory() as place:
        found = asyncio.run(soak(Path(place), plan))
    looks, trend = found.looks, trend_of(found.looks)
    visits = len(looks) * given.at_once
    figures = [
        *trend.figures(most_mb=MOST_MB),
        Figure("failed_visits", len(found.failed), "visits", baseline=0, n=visits),
        Figure("starved_visits", len(found.starved), "visits", n=visits, note="failed while the machine had no time"),
    ]
    print_figures(
        f"{given.minutes:g} minutes: {len(looks)} rounds, {visits} visits, {found.answered} turns answered; "
        f"{looks[0].rss_mb:g} MB at first, {looks[-1].rss_mb:g} MB in the end",
        figures,
    )
    if given.json is not None:
        write_figures(given.json, figures)
    faults = [*found.failed, *trend.faults(most_mb=MOST_MB)]
    if len(found.starved) > MOST_STARVED * visits:
        faults += ["the machine had no time for this", *found.starved]
    for fault in faults:
        sys.stdout.write(fault + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
