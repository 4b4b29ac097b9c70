"""Calls over a network that is cut: the session goes on, no turn is lost, no word is said twice."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from audio.clock import LoopClock
from audio.frames import WIRE_HZ, samples_for
from bench.replay.coming_back import QUIET_S
from bench.replay.plan import Plan, plan_replay
from bench.replay.remote import reserve
from bench.replay.simulated_candidate import SimulatedCandidate
from bench.replay.webrtc import RtcLink
from bench.replay.webrtc_call import RelayedWay
from pipelines.events import ClauseSpoken, Event, ReplyFinished, ReplyHeld, ReplyResumed, SessionEnded
from pipelines.log.jsonl import StoredEntry, read_jsonl
from server.rtc.call_presence import ABSENT_LOOKS, LOOK_S
from tests.app.inside import serving, until
from tests.app.wire import CARD, DATA
from tests.nightly import NIGHTLY
from tests.rtc.relay import Relay, through_relay, without_addresses
from tests.rtc.truth import Got, Sent, Truth, got, watching
from tests.sealed import seal_of

pytestmark = pytest.mark.asyncio

WORD_MS = 250  # of the scripted voice
REPLY = "It began about three weeks ago, and it has not got better since then."  # of the scripted patient


@dataclass
class Network:
    """What a caller goes through: a relay for each call."""

    relays: list[Relay] = field(default_factory=list)
    down: bool = False  # for new calls as well
    cuts_s: list[float] = field(default_factory=list)

    async def cut(self, for_s: float) -> None:
        """Lose every packet for so long."""
        for relay in self.relays:
            relay.cut = True
        self.cuts_s.append(for_s)
        await asyncio.sleep(for_s)
        self.heal()

    def heal(self) -> None:
        """Pass everything on again."""
        self.down = False
        for relay in self.relays:
            relay.cut = False


@dataclass
class Called:
    """What a conversation came to, at the candidate's side, on the way and in the server's log."""

    link: RtcLink
    candidate: SimulatedCandidate
    got: dict[int, Got]
    calls: int
    cuts_s: list[float]
    log: dict[str, list[StoredEntry]]

    def told(self, kind: type[Event], name: str) -> list[Any]:
        """Return a field of all events of a kind."""
        return [(entry.payload or {})[name] for entry in self.log.get(kind.type_name(), [])]


Trouble = Callable[[Network, SimulatedCandidate], Awaitable[None]]


async def hold(folder: Path, talk: Plan, trouble: Trouble, *, quiet_s: float = QUIET_S) -> Called:
    """Hold a conversation by calls through relays that `trouble` is let loose on."""
    network, truths, known = Network(), list[Truth](), set[str]()
    async with serving(folder) as (address, server):

        async def relayed(answer: str) -> str:
            changed, relay = await through_relay(answer)
            relay.cut = network.down
            network.relays.append(relay)
            truths.append(watching(server, relay, known))
            return changed

        reserved = await reserve(f"http://{address}", CARD)
        way = RelayedWay(without_addresses, relayed)
        link = await RtcLink.open(reserved, resume=True, way=way, quiet_s=quiet_s)
        candidate = SimulatedCandidate(talk, link, LoopClock())
        making = asyncio.create_task(_run(trouble, network, candidate))
        try:
            await candidate.run()
        finally:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)
            network.heal()
            await link.close()
        await until(lambda: not server.registry.running() and len(server.calls) == 0)
        for relay in network.relays:
            relay.close()
        frames: list[Sent] = [one for truth in truths for one in truth.sent()]
        log: dict[str, list[StoredEntry]] = {}
        for entry in read_jsonl(folder / "sessions" / reserved.id, seal_of(folder / "sessions" / reserved.id)):
            log.setdefault(entry.envelope.type, []).append(entry)
        return Called(link, candidate, got(frames), len(known), network.cuts_s, log)


async def _run(trouble: Trouble, network: Network, candidate: SimulatedCandidate) -> None:
    await trouble(network, candidate)


def plan(turns: int, repeat: int = 1) -> Plan:
    whole = plan_replay([DATA / "consultation-pharmacy.flac"])
    return replace(whole, turns=(whole.turns[:turns] * repeat))


def short_plan() -> Plan:
    """Return a conversation of one sentence: the first turn's last."""
    whole = plan(1)
    (turn,) = whole.turns
    left_out_ms = 3_000.0
    first = samples_for(left_out_ms, WIRE_HZ)
    short = replace(
        turn, samples=turn.samples[first:], voiced_from_ms=200.0, voiced_to_ms=turn.voiced_to_ms - left_out_ms
    )
    return replace(whole, turns=(short,))


def cuts(count: int, seed: int) -> Trouble:
    """Return what loses every packet, both ways, for 20 ms to 2 s, now and then."""
    chance = random.Random(seed)

    async def cut(network: Network, _candidate: SimulatedCandidate) -> None:
        for _ in range(count):
            await asyncio.sleep(chance.uniform(0.8, 2.0))  # the pace of the trouble, not a wait for something
            await network.cut(chance.uniform(0.02, 2.0))

    return cut


async def cut_and_broken(network: Network, candidate: SimulatedCandidate) -> None:
    """Cut once while the patient speaks, and break the call a little later; a new one goes another way."""
    await until(lambda: bool(candidate.heard))
    await asyncio.sleep(0.4)
    await network.cut(0.35)
    await asyncio.sleep(0.5)
    await one_cut(0.0)(network, candidate)


def one_cut(for_s: float) -> Trouble:
    """Return what breaks the call while the patient speaks; new calls fail for `for_s`."""

    async def cut(network: Network, candidate: SimulatedCandidate) -> None:
        await until(lambda: bool(candidate.heard))
        network.down = for_s > 0
        for relay in network.relays:
            relay.cut = True
        await asyncio.sleep(for_s)
        for relay in network.relays[1:]:
            relay.cut = False
        network.down = False

    return cut


def check(called: Called, *, lost_ms: float) -> None:
    """Every turn must be understood, and every word of a whole reply heard, but for `lost_ms` where it was cut briefly.

    What the candidate says during a cut that heals is lost, as on any call: a turn of which it leaves a piece may be
    taken for two, and the reply to the first be interrupted by the second.
    """
    assert all(result.heard for result in called.candidate.results)
    assert all("completed" in result.statuses for result in called.candidate.results)
    clauses = list(zip(called.told(ClauseSpoken, "reply"), called.told(ClauseSpoken, "text"), strict=True))
    assert len(clauses) == len(set(clauses)), "a clause was said twice"
    replies, statuses = called.told(ReplyFinished, "reply"), called.told(ReplyFinished, "status")
    whole = [reply for reply, status in zip(replies, statuses, strict=True) if status == "completed"]
    assert len(replies) - len(whole) <= len(called.cuts_s) // 10
    assert {called.told(ReplyFinished, "heard")[replies.index(reply)] for reply in whole} == {REPLY}
    for reply in whole:
        assert max(called.got[reply].lost, default=0.0) <= lost_ms, "sound was left out"
        assert max(called.got[reply].twice, default=0.0) <= WORD_MS, "more than the word that broke off was sent twice"
    assert called.candidate.troubles == []
    (end,) = called.log[SessionEnded.type_name()]
    assert abs(end.envelope.media_ms - end.envelope.session_ms) < 250.0, "media time ran away"


async def conversation(tmp_path: Path, talk: Plan, trouble: Trouble, **options: Any) -> Called:
    """Hold a conversation with trouble; no task may be left."""
    before = len(asyncio.all_tasks())
    called = await hold(tmp_path, talk, trouble, **options)
    await until(lambda: len(asyncio.all_tasks()) <= before)
    return called


MANY = 50
ROUNDED_MS = 1.0
# A cut shorter than this counts as a loss: nobody repeats the audio that was lost in it.
NOTICED_MS = 1000.0 * LOOK_S * (ABSENT_LOOKS + 1)


async def test_a_patient_who_is_cut_off_goes_on_in_its_words_by_the_same_call_or_the_next(tmp_path: Path) -> None:
    called = await conversation(tmp_path, short_plan(), cut_and_broken, quiet_s=0.6)
    check(called, lost_ms=ROUNDED_MS)
    assert (called.calls, called.link.resumed) == (2, 1)
    check_repeats(called, 2)


if NIGHTLY:

    async def test_fifty_cuts_lose_no_turn_and_repeat_no_word(tmp_path: Path) -> None:
        called = await conversation(tmp_path, plan(4, repeat=5), cuts(MANY, 7))
        check(called, lost_ms=NOTICED_MS)
        assert len(called.cuts_s) == MANY
        assert (called.calls, called.link.resumed) == (1, 0)  # each healed by itself
        check_repeats(called, MANY // 10)

    @pytest.mark.parametrize("for_s", [5.0, 35.0])
    async def test_nothing_but_loss_for_long_is_come_back_from_by_another_call(tmp_path: Path, for_s: float) -> None:
        """After 5 s the first call might heal by itself; after 35 s both ends have given it up."""
        called = await conversation(tmp_path, plan(2), one_cut(for_s))
        check(called, lost_ms=ROUNDED_MS)
        assert called.calls >= 2
        assert called.link.resumed == 1
        check_repeats(called, 1)


def check_repeats(called: Called, at_least: int) -> None:
    """The patient must have gone on as often as it was cut off, each time with the word that broke off."""
    held = list(zip(called.told(ReplyHeld, "reply"), called.told(ReplyHeld, "played_ms"), strict=True))
    again = list(zip(called.told(ReplyResumed, "reply"), called.told(ReplyResumed, "from_ms"), strict=True))
    assert len(again) >= at_least
    # A reply that the candidate takes the floor from does not go on.
    for reply, from_ms in again:
        assert any(of == reply and 0.0 <= before_ms - from_ms <= WORD_MS for of, before_ms in held), (reply, from_ms)
