"""What it costs to understand: many sessions ask one interpreter, each at the pauses and the end of its turns.

`python -m tests.bench.interpreting [--sessions 16] [--seconds 30] [--set models.path=FOLDER] [--json FILE]`

A session asks every 1.5 seconds on average, as somebody does who pauses once or twice in each turn. A call's time is
from the question to its answer, the wait for other sessions' calls in it.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from pathlib import Path

import yaml

from audio.clock import LoopClock
from bench.report_figures import Figure, print_figures, write_figures
from pipelines.engine_choices import choose_engines
from pipelines.engine_lanes import build_lanes
from pipelines.engines import InterpretRequest
from pipelines.lanes.jobs import JobLane
from pipelines.lanes.one_job import parts_of
from pipelines.patient.card import Card
from pipelines.patient.card_library import CardLibrary
from server.measures import percentile
from server.paths import ROOT
from server.settings.tree import load_settings

EVERY_S = 1.5
SENTENCES = ROOT / "tests" / "data" / "sentences_more.yaml"


async def ask(lane: JobLane, card: Card, texts: list[str], *, until_s: float, seed: int) -> list[float]:
    """Ask until then; return the milliseconds of each call."""
    drawn, took_ms = random.Random(seed), []
    while time.monotonic() < until_s:
        await asyncio.sleep(drawn.expovariate(1.0 / EVERY_S))
        began_s = time.perf_counter()
        await parts_of(lane, InterpretRequest(card, drawn.choice(texts)), priority=0)
        took_ms.append(1000.0 * (time.perf_counter() - began_s))
    return took_ms


async def measure(overrides: list[str], *, sessions: int, seconds: float) -> list[Figure]:
    """Return the figures; raises EngineError when the interpreter can't be loaded."""
    settings = load_settings(overrides=overrides)
    cards = list(CardLibrary.load(settings.cards_folder).values())
    texts = [row["text"] for row in yaml.safe_load(SENTENCES.read_text(encoding="utf-8"))]
    lane = build_lanes(choose_engines(settings.engines, settings.models), settings.engines, LoopClock()).interpreter
    await lane.start()
    try:
        for card in cards:
            await parts_of(lane, InterpretRequest(card, "Hello."), priority=0)
        until_s = time.monotonic() + seconds
        asking = [
            ask(lane, cards[number % len(cards)], texts, until_s=until_s, seed=number) for number in range(sessions)
        ]
        took_ms = [ms for some in await asyncio.gather(*asking) for ms in some]
    finally:
        await lane.stop()
    note = f"{sessions} sessions, {lane.info.name if lane.info is not None else ''}"
    return [
        Figure(f"interpreting_{name}_ms", percentile(took_ms, share), "ms", n=len(took_ms), note=note)
        for name, share in (("p50", 0.5), ("p95", 0.95))
    ]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--set", action="append", default=[], metavar="A.B=VALUE", help="a setting")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    given = parser.parse_args()
    figures = asyncio.run(measure(given.set, sessions=given.sessions, seconds=given.seconds))
    print_figures("interpreting", figures)
    if given.json is not None:
        write_figures(given.json, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
