"""Hours of virtual time: role-plays of full length side by side, one after another, on scripted engines.

    python -m tests.soak.virtual --hours 4 --side-by-side 2 [--json FILE]

The session, its wire, its lanes, its log and its recorder are real, and so is the disk; the socket is a list in memory.
Candidates ask, pause, interrupt, cough, lose their connection and come back, and go away without a word. Ends with 1
where memory, open files, threads or tasks grow.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from bench.report_figures import print_figures, write_figures
from pipelines.events import ReplyFinished, TurnCommitted
from pipelines.scripted.scripted_responder import ScriptedResponder
from pipelines.session.driver import Engines
from pipelines.virtual_time import run_virtual
from server.logs import quiet_logs
from tests.component.engines import engines_on_lanes
from tests.component.realtime_talk import Talk, talking_on
from tests.soak.flat import Held, held_now, trend_of

ROLE_PLAY_S = 300
# Of a machine whose allocator keeps what it once had.
MOST_MB = 8.0
ANSWERS = ["It began three weeks ago when I fell down the stairs.", "I have not been able to work since then."]
# What can happen after a question: the answer is heard out, cut short, coughed over, or the connection breaks.
LEFT_ALONE, CUT, COUGH, LOSS = "left_alone", "cut", "cough", "loss"


async def _ask(one: Talk, drawn: random.Random) -> None:
    """Ask one thing, and hear the answer or do something to it."""
    answers = len(one.all("response.created"))
    await one.say(drawn.randrange(600, 3_000, 20))
    for _ in range(200):
        if len(one.all("response.created")) > answers:
            break
        await one.pause(100)
    what = drawn.choices((LEFT_ALONE, CUT, COUGH, LOSS), (10, 4, 3, 1))[0]
    match what:
        case "left_alone":
            await one.pause(drawn.randrange(4_000, 9_000, 20))
        case "cut":
            await one.pause(600)
            await one.say(1_200)
            await one.pause(5_000)
        case "cough":
            await one.pause(600)
            await one.say(120)
            await one.pause(6_000)
        case _:
            await one.lose()
            await asyncio.sleep(drawn.uniform(0.2, 20.0))
            one.come_back()
            await one.pause(6_000)


async def role_play(engines: Engines, drawn: random.Random, folder: Path) -> tuple[int, int]:
    """Hold one role-play, of its full length or broken off; return its turns and its replies."""
    politely, whole = drawn.random() < 0.5, drawn.random() < 0.8
    call = drawn.random() < 0.5
    async with talking_on(engines, folder=folder, session_s=ROLE_PLAY_S, call=call) as one:
        await one.ask_to_resume()
        until_s = asyncio.get_running_loop().time() + (ROLE_PLAY_S if whole else drawn.uniform(5.0, ROLE_PLAY_S))
        while asyncio.get_running_loop().time() < until_s and not one.running.done() and one.channel.closed is None:
            await _ask(one, drawn)
        if politely and one.channel.closed is None:
            one.send("interlocutor.session.end")
            await one.wait("interlocutor.session.ended")
        elif not politely:
            one.token = ""
            if one.driver is not None:
                one.driver.end("ended")
        return len(one.logged(TurnCommitted)), len(one.logged(ReplyFinished))


async def soak(hours: float, side_by_side: int, seed: int) -> tuple[list[Held], int, int]:
    """Hold role-plays for so long; return what was held after each round of them, and all turns and replies."""
    looks, sessions, turns, replies = [], 0, 0, 0
    async with engines_on_lanes(responder=lambda: ScriptedResponder(ANSWERS)) as engines:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        while loop.time() - began_s < 3600.0 * hours:
            with tempfile.TemporaryDirectory() as place:
                drawn = [random.Random(seed * 1_000_003 + sessions + each) for each in range(side_by_side)]
                folders = [Path(place) / str(each) for each in range(side_by_side)]
                for folder in folders:
                    folder.mkdir()
                talks = [role_play(engines, *each) for each in zip(drawn, folders, strict=True)]
                for counted in await asyncio.gather(*talks):
                    turns, replies = turns + counted[0], replies + counted[1]
            sessions += side_by_side
            looks.append(held_now(round(loop.time() - began_s, 1), sessions))
    return looks, turns, replies


def main() -> int:
    """Hold them, say what was held; return 0 if all stayed flat."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--side-by-side", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    parser.add_argument("--looks", type=Path, help="write every look to this file, a line each")
    given = parser.parse_args()
    quiet_logs()
    began_s = time.monotonic()
    looks, turns, replies = run_virtual(soak(given.hours, given.side_by_side, given.seed))
    trend = trend_of(looks)
    figures = trend.figures(most_mb=MOST_MB)
    print_figures(
        f"{given.hours:g} virtual hours: {looks[-1].sessions} role-plays, {turns} turns, {replies} replies, in "
        f"{time.monotonic() - began_s:.0f} s; {looks[0].rss_mb:g} MB at first, {looks[-1].rss_mb:g} MB in the end",
        figures,
    )
    if given.json is not None:
        write_figures(given.json, figures)
    if given.looks is not None:
        given.looks.write_text("".join(json.dumps(asdict(one)) + "\n" for one in looks))
    faults = trend.faults(most_mb=MOST_MB)
    if turns < 60 * given.hours:
        faults.append(f"only {turns} turns in {given.hours:g} hours: there was no conversation")
    for fault in faults:
        sys.stdout.write(fault + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
