"""Visitors who mean harm, in a process of their own: idle connections, half requests, endless pings, silent holders.

    python -m tests.bench.attackers HOST:PORT --seconds 30 --idle 5000 --half 1000 --pings 100 --holders 16

They come from 127.0.0.2 to 127.0.0.9. Prints, as JSON, how many connections the server still held at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

from tests.app.knocking import Knocker, frame, handshake, knocking, opened_from

SOURCES = tuple(f"127.0.0.{last}" for last in range(2, 10))
HALF = b"POST /api/sessions HTTP/1.1\r\nHost: here\r\nContent-Length: 400\r\nX-Slow: "
PINGS = frame("ping", b"x" * 125) * 100
HOLD_EVERY_S = 1.0
AT_ONCE = 200  # connections that are opened together


async def _opened(address: str, number: int, stack: AsyncExitStack) -> Knocker | None:
    try:
        return await stack.enter_async_context(knocking(address, source=SOURCES[number % len(SOURCES)]))
    except OSError:
        return None  # refused, which is as good as cut off


async def _many(address: str, count: int, first: bytes, stack: AsyncExitStack) -> list[Knocker]:
    held: list[Knocker] = []
    for at in range(0, count, AT_ONCE):
        opening = (_opened(address, number, stack) for number in range(at, min(count, at + AT_ONCE)))
        fresh = [one for one in await asyncio.gather(*opening) if one is not None]
        if first:
            await asyncio.gather(*(one.send(first) for one in fresh))
        held += fresh
    return held


async def _flood(address: str, number: int, until_s: float) -> int:
    """Ping as fast as it goes, and come back when cut off; return how often that was."""
    cuts = 0
    source = SOURCES[number % len(SOURCES)]
    while time.monotonic() < until_s:
        try:
            async with knocking(address, source=source, receive_bytes=4_096) as visitor:
                # A page's socket is accepted before it is told that it may not.
                await visitor.send(handshake("", f"Origin: http://{address}"))
                while time.monotonic() < until_s and not visitor.writer.is_closing():
                    await asyncio.wait_for(visitor.send(PINGS), 1.0)
                    await asyncio.sleep(0)
        except (OSError, TimeoutError):
            pass
        cuts += 1
        await asyncio.sleep(0.05)
    return cuts


@dataclass
class Holder:
    """One who joins sessions and never sounds: how many, and whether the last one was still there in the end."""

    joined: int = 0
    holds: bool = False


async def _hold(address: str, number: int, until_s: float) -> Holder:
    """Join a session, send something now and then, never sound; open another one when it is gone."""
    holder, source = Holder(), SOURCES[number % len(SOURCES)]
    while time.monotonic() < until_s:
        try:
            _, reserved = await opened_from(source, address)
            if reserved is not None:
                await _hold_once(address, source, reserved.token, until_s, holder)
        except (OSError, asyncio.IncompleteReadError):
            pass  # cut off in the middle
        await asyncio.sleep(HOLD_EVERY_S)
    return holder


async def _hold_once(address: str, source: str, token: str, until_s: float, holder: Holder) -> None:
    async with knocking(address, source=source) as visitor:
        await visitor.send(handshake(token))
        if b" 101 " not in await visitor.reader.readuntil(b"\r\n"):
            return
        holder.joined += 1
        gone = asyncio.create_task(visitor.rest(None))
        while time.monotonic() < until_s and not gone.done():
            await visitor.send(frame("text", b'{"type": "interlocutor.pulse"}'))
            await asyncio.wait([gone], timeout=HOLD_EVERY_S)
        holder.holds = not gone.done()
        gone.cancel()


async def attack(address: str, *, seconds: float, idle: int, half: int, pings: int, holders: int) -> dict[str, int]:
    """Do all of it at once; return what was still there in the end."""
    until_s = time.monotonic() + seconds
    async with AsyncExitStack() as stack:
        holding = [asyncio.create_task(_hold(address, number, until_s)) for number in range(holders)]
        flooding = [asyncio.create_task(_flood(address, number, until_s)) for number in range(pings)]
        waiting = await _many(address, idle, b"", stack)
        halves = await _many(address, half, HALF, stack)
        gone = [asyncio.create_task(one.reader.read()) for one in (*waiting, *halves)]
        await asyncio.wait(gone, timeout=max(0.0, until_s - time.monotonic())) if gone else None
        left = sum(not task.done() for task in gone)
        for task in gone:
            task.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        cuts = await asyncio.gather(*flooding)
        held = await asyncio.gather(*holding)
    return {
        "opened": len(gone),
        "left": left,
        "floods_cut": sum(cuts),
        "holders_joined": sum(one.joined for one in held),
        "holders_left": sum(one.holds for one in held),
    }


def main() -> None:
    """Attack, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("--seconds", type=float, default=30.0)
    for name in ("idle", "half", "pings", "holders"):
        parser.add_argument(f"--{name}", type=int, default=0)
    given = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    told = asyncio.run(
        attack(
            given.address,
            seconds=given.seconds,
            idle=given.idle,
            half=given.half,
            pings=given.pings,
            holders=given.holders,
        )
    )
    print(json.dumps(told))  # noqa: T201 - what this program is for


if __name__ == "__main__":
    main()
