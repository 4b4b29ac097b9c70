"""Connections that are cut and stalled, on real sockets: nothing is lost, nothing is said twice, nothing is left."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile

from audio.clock import LoopClock
from audio.frames import FRAME_MS, WIRE_HZ, Pcm, samples_for
from audio.intake import SEAM_MS
from audio.playout import Playout
from bench.replay.plan import Plan, PlannedTurn, plan_replay
from bench.replay.remote import RemoteLink, Reserved, reserve
from bench.replay.simulated_candidate import SimulatedCandidate
from pipelines.events import ClauseSpoken, ReplyFinished, TurnCommitted
from pipelines.log.jsonl import read_jsonl
from pipelines.models.model_memory import resident_bytes
from pipelines.scripted import instant
from pipelines.session.driver import SessionDriver
from server.host import Server
from server.sessions.session import Session
from server.wire.connection import RealtimeConnection
from server.wire.live import LiveSession
from server.wire.outbox import Outbox
from server.wire.ticket import Ticket
from tests.app.cutting_proxy import CuttingProxy, proxying
from tests.app.inside import KEY, serving, until
from tests.app.wire import CARD, DATA, Event, Wire, connect_to, reserved_at, sentence
from tests.nightly import NIGHTLY
from tests.sealed import recording_of, seal_of

pytestmark = pytest.mark.asyncio

WORD_MS = 250  # of the scripted voice
FEW, MANY = 2, 50


@dataclass
class Talked:
    """What a conversation came to, at the candidate's side and in the server's log."""

    link: RemoteLink
    candidate: SimulatedCandidate
    turns: list[str] = field(default_factory=list)
    clauses: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    recorded: Pcm = field(default_factory=lambda: np.zeros(0, dtype=np.int16))  # of the candidate


def plan(turns: int, repeat: int = 1) -> Plan:
    whole = plan_replay([DATA / "consultation-pharmacy.flac"])
    return replace(whole, turns=(whole.turns[:turns] * repeat))


def short_plan() -> Plan:
    """Return a plan of one turn that lasts two seconds."""
    samples = np.concatenate([sentence(), sentence()])
    return Plan((CARD,), (PlannedTurn(samples, 0.0, 2_280.0, None, None, 0.0, "sentences"),), samples)


async def hold(
    running: tuple[str, Server],
    talk: Plan,
    trouble: Callable[[CuttingProxy, SimulatedCandidate], object],
    *,
    binary: bool = True,
) -> Talked:
    """Hold a conversation through a proxy that `trouble` is let loose on."""
    address, server = running
    async with proxying(int(address.rpartition(":")[2])) as proxy:
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
        await until(server.registry.get(reserved.id).joined.is_set)
        _read_log(talked, server, reserved.id)
        return talked


async def _run(trouble: Callable[[CuttingProxy, SimulatedCandidate], object], *given: object) -> None:
    await trouble(*given)  # type: ignore[misc, arg-type]


def _read_log(talked: Talked, server: Server, session_id: str) -> None:
    folder = server.registry.get(session_id).folder
    talked.recorded = np.asarray(soundfile.read(recording_of(folder), dtype="int16")[0][:, 0], dtype=np.int16)
    for entry in read_jsonl(folder, seal_of(folder)):
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
    apart_s = (0.8, 2.0) if NIGHTLY else (0.7, 1.3)

    async def cut(proxy: CuttingProxy, _candidate: SimulatedCandidate) -> None:
        for _ in range(count):
            await asyncio.sleep(chance.uniform(*apart_s))  # the pace of the trouble, not a wait for something
            for_s = chance.uniform(0.02, 2.0 if NIGHTLY else 0.3)
            done.append(for_s)
            await cut_for(proxy, for_s)

    return cut


async def cut_for(proxy: CuttingProxy, for_s: float) -> None:
    known = proxy.connections
    proxy.cut(for_s)
    await until(lambda: proxy.connections > known)


async def cut_in_the_utterance(proxy: CuttingProxy, candidate: SimulatedCandidate) -> None:
    await until(lambda: len(candidate.spoken) * FRAME_MS >= 300)
    await cut_for(proxy, 2.0 if NIGHTLY else 1.5)  # after 1.5 s the client tries again at 1.75 s


def places_of(sent: Pcm, recorded: Pcm) -> list[float]:
    """Return for each frame of speech that was sent how much later it is in the recording, in ms.

    Between two frames there may be silence: a machine that stood still sent the next one late.
    """
    piece = samples_for(FRAME_MS, WIRE_HZ)
    later, at = [], 0
    for start in range(0, len(sent) - piece + 1, piece):
        wanted = sent[start : start + piece].tobytes()
        if not any(wanted):
            continue
        found = recorded[at:].tobytes().find(wanted)  # by bytes: what is found is there sample for sample
        assert found >= 0, f"what was said at {1000 * start / WIRE_HZ:.0f} ms is not in the recording"
        at += found // 2
        later.append(1000.0 * (at - start) / WIRE_HZ)
        at += piece
    return later


@pytest.mark.parametrize("count", [MANY if NIGHTLY else FEW])
async def test_cuts_lose_nothing_and_repeat_nothing(
    tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if count == FEW:
        monkeypatch.setattr(instant, "REPLY", ("It began about", "three weeks ago."))
    done: list[float] = []

    before = len(asyncio.all_tasks())
    talk = short_plan() if count == FEW else plan(4, repeat=5)
    async with serving(tmp_path) as running:
        plain, talked, once = await asyncio.gather(
            hold(running, talk, no_trouble),
            hold(running, talk, cuts(count, 7, done)),
            hold(running, short_plan(), cut_in_the_utterance),
        )
    await until(lambda: len(asyncio.all_tasks()) <= before)
    assert talked.link.resumed == len(done) >= min(count, 2)
    check(talked, plain)

    # All that was said is in the recording, where it was said. A machine that stood still sent it late, and may do so
    # once more in the proxy and once more in the server.
    assert once.link.resumed == 1
    later = places_of(np.concatenate(once.candidate.spoken), once.recorded)
    assert max(later) - min(later) <= SEAM_MS + 3 * max(once.candidate.sent_late_ms)


# ---------------------------------------------------------------- one connection by hand


async def vanishing(*reserved: Reserved) -> tuple[list[Wire], list[Event]]:
    """Connect clients, and have the patient speak to each; return them, and with what each may come back.

    They say last that they may: such a client must send something all the time, and a busy machine answers late.
    """
    wires = [await _spoken_to(each) for each in reserved]
    return wires, await asyncio.gather(*(wire.may_come_back() for wire in wires))


async def _spoken_to(reserved: Reserved) -> Wire:
    wire = Wire(await connect_to(reserved))
    await wire.say("How are you today?")
    await wire.until("response.output_audio.delta")
    return wire


async def test_a_developers_key_comes_back_to_the_session_that_it_opened(tmp_path: Path) -> None:
    async with serving(tmp_path) as (address, server):
        url = f"ws://{address}/v1/realtime"
        developer = Reserved("", KEY, f"{url}?model=card:{CARD}", f"http://{address}")
        wires, ways_back = await vanishing(developer, developer)
        first = wires[0]
        ticket = Ticket(ways_back[0]["token"], 0)
        await first.drop()
        again = Wire(await connect_to(developer, ticket))
        resumed = await again.until("interlocutor.session.resumed")
        assert resumed["session"]["id"] == wires[0].session_id != wires[1].session_id
        assert len(server.registry.running()) == 2
        unknown = Ticket("x" * 32, 0)
        stranger = Wire(await connect_to(developer, unknown))
        assert await stranger.closed() == 4401
        assert await again.end() == 1000
        for wire in (wires[1], again, stranger):
            await wire.drop()


def held_bytes() -> int:
    """Return the memory of this process that is in use, and not only kept by the allocator."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return resident_bytes()


VANISHED = 20
# Twenty sessions that are kept take 21 MB; 4 to 6 MB are the allocator's.
MOST_GROWN_BYTES = 12_000_000
# A lane remembers its last job until the next one, and with that job a session.
REMEMBERED = 3
OURS = (LiveSession, RealtimeConnection, SessionDriver, Outbox, Playout)


async def test_what_nobody_comes_back_to_leaves_nothing_behind(tmp_path: Path) -> None:
    known: list[str] = []
    async with serving(tmp_path, session={"resume_s": 1}, max_sessions=VANISHED + 5) as (address, server):

        async def vanish(count: int) -> None:
            reserved = [(await reserved_at(f"http://{address}"))[0] for _ in range(count)]
            known.extend(each.id for each in reserved)
            wires, _ = await vanishing(*reserved)
            await asyncio.gather(*(wire.drop() for wire in wires))  # without a goodbye
            await until(lambda: sum(each.live is not None and each.live.away for each in running()) == count)
            assert sampled("voice_sessions_detached") == count
            await until(lambda: not running())

        def running() -> list[Session]:
            return server.registry.running()

        def sampled(name: str) -> float:
            return server.metrics.registry.get_sample_value(name) or 0.0

        def tasks() -> Counter[str]:
            return Counter(str(task.get_coro()).split(" at ")[0] for task in asyncio.all_tasks())

        def ours() -> Counter[type]:
            gc.collect()
            return Counter(type(each) for each in gc.get_objects() if isinstance(each, OURS))

        process, tasks_before = psutil.Process(), tasks()
        await vanish(1)  # what is loaded once is loaded now
        await until(lambda: tasks() <= tasks_before)
        await until(lambda: all(server.registry.get(each).joined.is_set() for each in known))
        files_before, memory_before = process.num_fds(), held_bytes()
        await vanish(VANISHED)
        await until(lambda: tasks() <= tasks_before)
        await until(lambda: process.num_fds() <= files_before + 2)
        await until(lambda: max(ours().values(), default=0) <= REMEMBERED)
        assert sampled("voice_sessions_detached") == 0
        assert held_bytes() - memory_before < MOST_GROWN_BYTES
