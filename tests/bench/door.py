"""What visitors who mean harm cost a conversation: the same turns before them and among them, and the state's answers.

    python -m tests.bench.door --json report.json
    python -m tests.bench.door --through nginx

Prints the 99th percentile of `/health`, the 95th of voice-to-voice, memory, log, what was left of the attackers, and
how many candidates were let in and answered among them. The conversation comes from 127.0.0.1, the attackers from
127.0.0.2 to 127.0.0.9, the candidates from 127.0.0.10 on. The server has as many places as it gives itself.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from bench.replay.remote import Reserved, reserve
from tests.app.knocking import opened_from
from tests.app.process import ServerProcess, running
from tests.app.proxy import nginx
from tests.app.wire import CARD, Wire, connect_to, sentence

EVERY_S = 0.1
TURN_S = 30.0
FIRST_CANDIDATE = 10  # 127.0.0.10


async def let_in(address: str, count: int) -> int:
    """Have candidates come one after the other, each from an address of their own; return how many were answered.

    One who finds the server full asks again, as the page does; one whose place is taken away counts as turned away.
    """
    answered = 0
    for number in range(count):
        source = f"127.0.0.{FIRST_CANDIDATE + number}"
        reserved = await _reserved(address, source)
        wire = Wire(await connect_to(reserved, local_addr=(source, 0)))
        try:
            await wire.until("session.created")
            await wire.answered()
            answered += await wire.end() == 1000
        finally:
            await wire.drop()
    return answered


async def _reserved(address: str, source: str) -> Reserved:
    async with asyncio.timeout(TURN_S):
        while True:
            _, reserved = await opened_from(source, address, CARD)
            if reserved is not None:
                return reserved
            await asyncio.sleep(EVERY_S)


async def measure(
    server: ServerProcess, url: str, *, seconds: float, idle: int, half: int, pings: int, holders: int, candidates: int
) -> dict[str, Any]:
    """Hold a conversation for so many seconds without attackers and then with them."""
    wire = Wire(await connect_to(await reserve(url, CARD)))
    try:
        await wire.until("session.created")
        wire.microphone()
        await _turns(wire, 3.0)  # caches and codecs are warm after this
        before_ms = await _turns(wire, seconds)
        memory, log = server.usage.memory_info().rss, len(server.log)
        address = url.removeprefix("http://")
        words = {"seconds": seconds, "idle": idle, "half": half, "pings": pings, "holders": holders}
        attackers = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.bench.attackers",
            address,
            *(word for name, value in words.items() for word in (f"--{name}", str(value))),
            stdout=asyncio.subprocess.PIPE,
        )
        over = asyncio.Event()
        asking = asyncio.create_task(_health(url, over))
        most = asyncio.create_task(_most_memory(server, over))
        coming = asyncio.create_task(_come_in(url, seconds, candidates))
        among_ms = await _turns(wire, seconds)
        told, _ = await attackers.communicate()
        over.set()
        health_ms = await asking
        return {
            "voice_to_voice_p95_before_ms": round(float(np.percentile(before_ms, 95)), 1),
            "voice_to_voice_p95_among_ms": round(float(np.percentile(among_ms, 95)), 1),
            "turns": len(among_ms),
            "health_p99_ms": round(float(np.percentile(health_ms, 99)), 1),
            "health_asked": len(health_ms),
            "memory_grown_mb": round((await most - memory) / 1e6, 1),
            "log_kb": round(sum(len(json.dumps(line)) for line in server.log[log:]) / 1e3, 1),
            "attackers": json.loads(told),
            "candidates": candidates,
            "candidates_answered": await coming,
            "places": round(server.metric("voice_session_capacity")),
            "cut": _cuts(url),
        }
    finally:
        await wire.drop()


async def _turns(wire: Wire, seconds: float) -> list[float]:
    """Speak turn after turn; return each voice-to-voice latency in milliseconds."""
    found: list[float] = []
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s or not found:
        wire.speak(sentence())
        async with asyncio.timeout(TURN_S):
            found.append(float((await wire.until("interlocutor.turn.latency"))["voice_to_voice_ms"]))
            await wire.send("response.cancel")
            await wire.until("response.done")
    return found


async def _come_in(url: str, seconds: float, count: int) -> int:
    """Have candidates come once the attackers have had half of the time to take what they can."""
    await asyncio.sleep(seconds / 2)
    return await let_in(url.removeprefix("http://"), count)


async def _health(url: str, over: asyncio.Event) -> list[float]:
    """Ask how the server is until it is over; return how long each answer took in milliseconds."""

    def ask() -> float:
        began_s = time.perf_counter()
        with urllib.request.urlopen(f"{url}/health", timeout=TURN_S) as answer:
            answer.read()
        return 1000.0 * (time.perf_counter() - began_s)

    found: list[float] = []
    while not over.is_set():
        found.append(await asyncio.to_thread(ask))
        await asyncio.sleep(EVERY_S)
    return found


async def _most_memory(server: ServerProcess, over: asyncio.Event) -> int:
    most = 0
    while not over.is_set():
        most = max(most, server.usage.memory_info().rss)
        await asyncio.sleep(EVERY_S)
    return most


def _cuts(url: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{url}/metrics", timeout=TURN_S) as answer:
        lines = answer.read().decode().splitlines()
    found = (line.partition('reason="')[2].partition('"} ') for line in lines if "connections_cut_total{" in line)
    return {reason: int(float(count)) for reason, _, count in found if float(count)}


@contextmanager
def _way(server: ServerProcess, through: str, folder: Path) -> Iterator[str]:
    with nginx(server.url, folder) if through == "nginx" else nullcontext(server.url) as url:
        yield url


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--through", choices=["nothing", "nginx"], default="nothing")
    parser.add_argument("--json", type=Path)
    for name, count in {"idle": 5_000, "half": 1_000, "pings": 100, "holders": 16, "candidates": 4}.items():
        parser.add_argument(f"--{name}", type=int, default=count)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="interlocutor-door-") as name:
        folder = Path(name)
        with running(folder / "data", "engines.backend=mock") as server, _way(server, given.through, folder) as url:
            report = asyncio.run(
                measure(
                    server,
                    url,
                    seconds=given.seconds,
                    idle=given.idle,
                    half=given.half,
                    pings=given.pings,
                    holders=given.holders,
                    candidates=given.candidates,
                )
            )
    print(json.dumps(report, indent=1))  # noqa: T201 - what this program is for
    if given.json:
        given.json.write_text(json.dumps(report) + "\n")


if __name__ == "__main__":
    main()
