"""What it costs to hold a role-play by way of a server that passes it on to another one.

`python -m tests.bench.hop --turns 60 --json FILE`: two servers share their work. Two candidates speak to one of them,
turn by turn, one directly and one by way of the other server; scripted engines answer both alike. Voice to voice is
measured at the candidates: from their last sound sent to the first of the patient's received.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.replay.remote import Reserved, reserve
from bench.report_figures import Figure, print_figures, write_figures
from server.measures import percentile
from tests import postgres
from tests.app.process import ServerProcess
from tests.app.several import by_way_of, holder_of, two
from tests.app.wire import CARD, PATIENCE_S, Wire, connect_to, sentence

LOOK_EVERY_S = 0.001


async def turn_ms(wire: Wire) -> float:
    """Speak a sentence; return how long after its last sound the patient's first one came, in milliseconds."""
    wire.speak(sentence())
    async with asyncio.timeout(PATIENCE_S):
        while wire.speaking:  # noqa: ASYNC110 - a sound card tells nobody either
            await asyncio.sleep(LOOK_EVERY_S)
        spoken_s = time.perf_counter()
        await wire.until(wire.first_audio)
        took_ms = 1000.0 * (time.perf_counter() - spoken_s)
        await wire.send("response.cancel")
        await wire.until("response.done")
    return took_ms


async def measure(servers: list[ServerProcess], turns: int) -> tuple[list[float], list[float]]:
    """Return what each turn took directly, and by way of the other server, turn about."""
    found: list[Reserved] = []
    while len(found) < 2:
        reserved = await reserve(servers[0].url, CARD)
        if holder_of(servers, reserved) is servers[0]:
            found.append(reserved)
    ways = [by_way_of(servers[0], found[0]), by_way_of(servers[1], found[1])]
    wires = [Wire(await connect_to(way)) for way in ways]
    took_ms: tuple[list[float], list[float]] = ([], [])
    for wire in wires:
        await wire.until("session.created")
        wire.microphone()
        await turn_ms(wire)  # what is done once is done by then
    for _ in range(turns):
        for wire, times in zip(wires, took_ms, strict=True):
            times.append(await turn_ms(wire))
    for wire in wires:
        await wire.drop()
    return took_ms


def figures_of(direct_ms: Sequence[float], passed_on_ms: Sequence[float]) -> list[Figure]:
    """Return the medians and 95th percentiles of both ways, and their difference."""
    more_ms = float(np.median(passed_on_ms) - np.median(direct_ms))
    return [
        Figure("direct_p50_ms", percentile(direct_ms, 0.5), "ms", n=len(direct_ms)),
        Figure("passed_on_p50_ms", percentile(passed_on_ms, 0.5), "ms", n=len(passed_on_ms)),
        Figure("direct_p95_ms", percentile(direct_ms, 0.95), "ms", n=len(direct_ms)),
        Figure("passed_on_p95_ms", percentile(passed_on_ms, 0.95), "ms", n=len(passed_on_ms)),
        Figure("hop_p50_ms", more_ms, "ms", n=len(direct_ms)),
    ]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if postgres.lacking():
        parser.error(str(postgres.lacking()))
    with tempfile.TemporaryDirectory(prefix="interlocutor-hop-") as name, two(Path(name)) as (servers, _):
        figures = figures_of(*asyncio.run(measure(servers, given.turns)))
    print_figures(f"{given.turns} turns directly and by way of another server", figures)
    if given.json is not None:
        write_figures(given.json, figures)


if __name__ == "__main__":
    main()
