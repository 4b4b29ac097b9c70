"""Paced playout under virtual time: just ahead of the listener, cut where it was heard, never to a dead reader."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from audio.frames import WIRE_HZ, Pcm
from audio.playout import CHUNK_MS, MIN_LEAD_MS, Playout, PlayoutChunk
from pipelines.virtual_time import VirtualClock, virtual_clock

pytestmark = pytest.mark.virtual


class Client:
    """A sink and listener that writes down what it is given."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.acks = False
        self.chunks: list[tuple[float, PlayoutChunk]] = []
        self.cleared: list[tuple[int, float]] = []
        self.clauses: list[tuple[int, float]] = []
        self.over: list[tuple[int, float, bool, float]] = []
        self.placed: list[float] = []
        self.behind: list[tuple[int, float]] = []

    def play(self, chunk: PlayoutChunk) -> None:
        self.chunks.append((self.clock.now_ms(), chunk))

    def clear(self, reply: int, heard_ms: float) -> None:
        self.cleared.append((reply, heard_ms))

    def hold(self, reply: int) -> None:
        raise AssertionError("nothing here holds")

    def resume(self, reply: int, from_ms: float) -> None:
        raise AssertionError("nothing here holds")

    def restart(self, reply: int, from_ms: float) -> None:
        """Begin anew at that place."""
        raise AssertionError("nobody was away")

    def lead_ms(self) -> float:
        return 0.0

    def acknowledges(self) -> bool:
        return self.acks

    def chunk_placed(self, chunk: PlayoutChunk, at_session_ms: float) -> None:
        self.placed.append(at_session_ms)

    def clause_started(self, reply: int, clause: int, from_ms: float) -> None:
        self.clauses.append((clause, from_ms))

    def fell_behind(self, reply: int, clause: int, late_ms: float) -> None:
        self.behind.append((clause, late_ms))

    def played_out(self, reply: int, played_ms: float, estimated: bool) -> None:
        self.over.append((reply, played_ms, estimated, self.clock.now_ms()))

    @property
    def sent_ms(self) -> float:
        return sum(1000.0 * len(chunk.samples) / WIRE_HZ for _, chunk in self.chunks)


def tone(ms: float) -> Pcm:
    return np.full(int(ms * WIRE_HZ / 1000), 1000, dtype=np.int16)


def playing() -> tuple[Playout, Client]:
    client = Client(virtual_clock())
    return Playout(clock=client.clock, sink=client, listener=client), client


async def test_nothing_goes_out_before_the_release() -> None:
    playout, client = playing()
    playout.begin(1)
    playout.add_clause_audio(1, 0, tone(1000))
    await asyncio.sleep(5)
    assert client.chunks == []
    playout.release(1)
    assert client.sent_ms >= MIN_LEAD_MS


async def test_sound_is_sent_just_ahead_and_without_a_gap() -> None:
    playout, client = playing()
    playout.begin(1)
    playout.add_clause_audio(1, 0, tone(3000))
    playout.close(1)
    playout.release(1)
    await asyncio.sleep(10)
    assert client.sent_ms == pytest.approx(3000)
    for at_ms, chunk in client.chunks:
        assert chunk.from_ms - at_ms <= MIN_LEAD_MS + CHUNK_MS
    assert np.allclose(client.placed, [chunk.from_ms for _, chunk in client.chunks])
    ((reply, played_ms, estimated, at_ms),) = client.over
    assert (reply, estimated) == (1, True)
    assert (played_ms, at_ms) == pytest.approx((3000, 3000))


async def test_clauses_keep_their_places_and_a_late_one_only_waits() -> None:
    playout, client = playing()
    playout.begin(1)
    playout.add_clause_audio(1, 0, tone(500))
    playout.release(1)
    await asyncio.sleep(2)  # the second clause was slow
    playout.add_clause_audio(1, 1, tone(500))
    playout.close(1)
    await asyncio.sleep(2)
    assert [clause for clause, _ in client.clauses] == [0, 1]
    assert [from_ms for _, from_ms in client.clauses] == pytest.approx([0, 500])
    assert client.placed[-1] > 2000
    assert client.over[0][3] == pytest.approx(2500)


@pytest.mark.parametrize("late_ms", [0.0, 250.0])
async def test_it_tells_by_how_much_the_next_audio_came_late(late_ms: float) -> None:
    playout, client = playing()
    playout.begin(1)
    playout.add_clause_audio(1, 0, tone(400.0))
    # Nobody waits for audio before the first was heard.
    await asyncio.sleep(1.0)
    playout.release(1)
    await asyncio.sleep((400.0 + late_ms) / 1000.0)
    playout.add_clause_audio(1, 1, tone(400.0))
    playout.add_clause_audio(1, 1, tone(400.0))
    playout.close(1)
    await asyncio.sleep(2.0)
    assert [clause for clause, _ in client.behind] == [1] * bool(late_ms)
    assert sum(ms for _, ms in client.behind) == pytest.approx(late_ms)


async def test_stop_says_what_was_heard_and_clears_the_client() -> None:
    playout, client = playing()
    playout.begin(7)
    playout.add_clause_audio(7, 0, tone(3000))
    playout.release(7)
    await asyncio.sleep(1.234)
    assert playout.stop(7) == pytest.approx(1234, abs=1)
    await asyncio.sleep(5)
    ((reply, heard_ms),) = client.cleared
    assert reply == 7
    assert heard_ms == pytest.approx(1234, abs=1)
    assert client.over == []
    assert client.sent_ms <= 1234 + MIN_LEAD_MS + CHUNK_MS


async def test_sound_for_an_older_reply_is_dropped() -> None:
    playout, client = playing()
    playout.begin(1)
    playout.begin(2)
    assert playout.add_clause_audio(1, 0, tone(500)) == -1.0
    playout.release(1)
    playout.add_clause_audio(2, 0, tone(100))
    playout.release(2)
    await asyncio.sleep(1)
    assert {chunk.reply for _, chunk in client.chunks} == {2}


async def test_acknowledgements_decide_what_was_heard() -> None:
    playout, client = playing()
    client.acks = True
    playout.begin(1)
    playout.add_clause_audio(1, 0, tone(1000))
    playout.close(1)
    playout.release(1)
    await asyncio.sleep(0.8)
    playout.acknowledge(1, 300.0)  # the client began half a second late
    assert playout.played_ms(1) == pytest.approx(300)
    playout.acknowledge(1, 99_999.0)  # more than it was sent: cut
    assert playout.played_ms(1) <= client.sent_ms
    await asyncio.sleep(0.7)
    playout.acknowledge(1, 1000.0)
    ((_, played_ms, estimated, _),) = client.over
    assert played_ms == pytest.approx(1000)
    assert not estimated


async def test_a_client_that_stops_acknowledging_is_sent_no_more() -> None:
    playout, client = playing()
    client.acks = True
    playout.begin(1)
    playout.add_clause_audio(1, 0, tone(60_000))
    playout.release(1)
    await asyncio.sleep(4)
    stalled_ms = client.sent_ms
    assert stalled_ms < 3_000
    playout.acknowledge(1, stalled_ms)
    await asyncio.sleep(1)
    assert client.sent_ms > stalled_ms


async def test_a_client_that_never_acknowledges_again_is_sent_the_rest_by_the_send_clock() -> None:
    playout, client = playing()
    client.acks = True
    playout.begin(1)
    playout.add_clause_audio(1, 0, tone(10_000))
    playout.close(1)
    playout.release(1)
    await asyncio.sleep(30)
    assert client.sent_ms == pytest.approx(10_000)
