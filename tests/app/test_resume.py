"""Connections that are cut and stalled, on real sockets: nothing is lost, nothing is said twice, nothing is left."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from audio.clock import LoopClock
from audio.frames import WIRE_HZ
from pipelines.events import ClauseSpoken, ReplyFinished, TurnCommitted
from pipelines.log.jsonl import read_jsonl
from server.host import Server
from server.replay.candidate import SimulatedCandidate
from server.replay.plan import Plan, plan_replay
from server.replay.remote import RemoteLink, reserve
from tests.app.cutting_proxy import CuttingProxy, proxying
from tests.app.inside import serving, until
from tests.app.wire import CARD, DATA

WORD_MS = 250  # of the scripted voice
FEW, MANY = 2, 50
NIGHTLY = os.environ.get("INTERLOCUTOR_NIGHTLY") == "1"


@dataclass
class Talked:
    """What a conversation came to, at the candidate's side and in the server's log."""

    link: RemoteLink
    candidate: SimulatedCandidate
    turns: list[str] = field(default_factory=list)
    clauses: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)


def plan(turns: int, repeat: int = 1) -> Plan:
    whole = plan_replay([DATA / "consultation-pharmacy.flac"])
    return replace(whole, turns=(whole.turns[:turns] * repeat))


async def hold(
    folder: Path, talk: Plan, trouble: Callable[[CuttingProxy, SimulatedCandidate], object], *, binary: bool = True
) -> Talked:
    """Hold a conversation through a proxy that `trouble` is let loose on."""
    async with serving(folder) as (address, server), proxying(int(address.rpartition(":")[2])) as proxy:
        reserved = await reserve(f"http://127.0.0.1:{proxy.port}", CARD)
        link = await RemoteLink.open(reserved, binary=binary, resume=True)
        candidate = SimulatedCandidate(talk, link, LoopClock())
        making = asyncio.create_task(_run(trouble, proxy, candidate))
        try:
            await candidate.run()
        finally:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)
            await link.close()
        talked = Talked(link, candidate)
        await until(lambda: not server.registry.running())
        _read_log(talked, server, reserved.id)
        return talked


async def _run(trouble: Callable[[CuttingProxy, SimulatedCandidate], object], *given: object) -> None:
    await trouble(*given)  # type: ignore[misc, arg-type]


def _read_log(talked: Talked, server: Server, session_id: str) -> None:
    for entry in read_jsonl(server.settings.data_path / "sessions" / session_id):
        kind, payload = entry.envelope.type, entry.payload or {}
        if kind == TurnCommitted.type_name():
            talked.turns.append(payload["text"])
        elif kind == ClauseSpoken.type_name():
            talked.clauses.append(payload["text"])
        elif kind == ReplyFinished.type_name():
            talked.statuses.append(payload["status"])


def twice_ms(candidate: SimulatedCandidate) -> list[float]:
    """Return how much of a reply was heard once more, at each place where it went on."""
    ends: dict[int, int] = {}
    again = []
    for heard in candidate.heard:
        end = ends.get(heard.reply, 0)
        again.append(1000.0 * (end - heard.place) / WIRE_HZ)
        ends[heard.reply] = max(end, heard.place + len(heard.samples))
    return again


def check(talked: Talked, plain: Talked) -> None:
    """What is there must be what is there without any trouble."""
    said, wanted = ([len(text.split()) for text in one.turns] for one in (talked, plain))
    assert len(said) == len(wanted)
    # A pause that a cut goes through may end a segment a little sooner or later, which rounds a word more or less.
    assert all(abs(one - other) <= 1 for one, other in zip(said, wanted, strict=True)), (said, wanted)
    assert talked.clauses == plain.clauses
    assert set(talked.statuses) == {"completed"}
    assert [len(result.heard) for result in talked.candidate.results] == [len(r.heard) for r in plain.candidate.results]
    again = twice_ms(talked.candidate)
    assert min(again) >= 0.0, "sound was left out"
    assert max(again) <= WORD_MS, "more than the word that broke off was heard twice"
    assert talked.candidate.troubles == []


async def no_trouble(_proxy: CuttingProxy, _candidate: SimulatedCandidate) -> None:
    return


def cuts(count: int, seed: int, done: list[float]) -> Callable[[CuttingProxy, SimulatedCandidate], object]:
    """Return what cuts the connection now and then for 20 ms to 2 s."""
    chance = random.Random(seed)

    async def cut(proxy: CuttingProxy, _candidate: SimulatedCandidate) -> None:
        for _ in range(count):
            await asyncio.sleep(chance.uniform(0.8, 2.0))  # the pace of the trouble, not a wait for something
            for_s = chance.uniform(0.02, 2.0 if NIGHTLY else 0.5)
            done.append(for_s)
            known = proxy.connections
            proxy.cut(for_s)
            await until(lambda known=known: proxy.connections > known)  # type: ignore[misc]

    return cut


@pytest.mark.parametrize("count", [MANY if NIGHTLY else FEW])
def test_cuts_lose_nothing_and_repeat_nothing(tmp_path: Path, count: int) -> None:
    done: list[float] = []

    async def main() -> tuple[Talked, Talked]:
        before = len(asyncio.all_tasks())
        talk = plan(1) if count == FEW else plan(4, repeat=5)
        plain, talked = await asyncio.gather(
            hold(tmp_path / "plain", talk, no_trouble), hold(tmp_path / "cut", talk, cuts(count, 7, done))
        )
        await until(lambda: len(asyncio.all_tasks()) <= before)
        return plain, talked

    plain, talked = asyncio.run(main())
    assert talked.link.resumed == len(done) >= min(count, 2)
    check(talked, plain)
