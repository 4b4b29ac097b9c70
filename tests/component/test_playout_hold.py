"""Hold and resume in paced playout: what is heard, what is known of it, and where the recording has it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from audio.frames import WIRE_HZ, Pcm, samples_for
from audio.playout import CHUNK_MS, MIN_LEAD_MS, REWIND_MS, Playout, PlayoutChunk
from bench.replay.loudspeaker import Loudspeaker
from pipelines.virtual_time import virtual_clock

pytestmark = pytest.mark.virtual

ACK_MS = 100.0


def ramp(ms: float) -> Pcm:
    """Audio of which each sample tells its place."""
    return (np.arange(samples_for(ms, WIRE_HZ)) % 30_000).astype(np.int16)


@dataclass
class Client:
    """A client with a loudspeaker at the end of a network, and the listener that records where audio was placed."""

    acks: bool = True
    silent: bool = False  # agreed to acknowledge, and never does
    delay_ms: float = 0.0  # one way
    loudspeaker: Loudspeaker = field(default_factory=Loudspeaker)
    recording: Pcm = field(default_factory=lambda: np.zeros(30 * WIRE_HZ, dtype=np.int16))
    over: list[tuple[float, bool, float]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    sent_ms: float = 0.0

    def __post_init__(self) -> None:
        self.clock = virtual_clock()
        self._due_s = 0.0
        self.playout = Playout(clock=self.clock, sink=self, listener=self)

    def _later(self, call: Callable[[], object]) -> None:
        loop = asyncio.get_running_loop()
        if not self.delay_ms:
            loop.call_soon(call)
            return
        self._due_s = max(self._due_s + 1e-6, loop.time() + self.delay_ms / 1000.0)  # a network that keeps the order
        loop.call_at(self._due_s, call)

    def acknowledge(self) -> None:
        played_ms = self.loudspeaker.played_ms(1)
        if self.acks and not self.silent and played_ms is not None:
            self._later(lambda: self.playout.acknowledge(1, played_ms))

    async def listen(self, ms: float) -> None:
        """Let time pass, acknowledging as clients do."""
        until_ms = self.clock.now_ms() + ms
        while (left_ms := until_ms - self.clock.now_ms()) > 1e-6:
            await asyncio.sleep(min(ACK_MS, left_ms) / 1000.0)
            self.loudspeaker.advance(self.clock.now_ms())
            self.acknowledge()

    # Sink

    def play(self, chunk: PlayoutChunk) -> None:
        self.sent_ms += 1000.0 * len(chunk.samples) / WIRE_HZ
        self._later(lambda: self.loudspeaker.add_reply_audio(1, chunk.samples, self.clock.now_ms()))

    def clear(self, reply: int, heard_ms: float) -> None:
        self._later(lambda: self.loudspeaker.clear(reply, self.clock.now_ms()))

    def hold(self, reply: int) -> None:
        self.asked.append("hold")
        self._later(self._held)

    def _held(self) -> None:
        self.loudspeaker.hold(1, self.clock.now_ms())
        self.acknowledge()

    def resume(self, reply: int, from_ms: float) -> None:
        self.asked.append(f"resume {from_ms:.0f}")
        self._later(lambda: self.loudspeaker.resume(reply, from_ms, self.clock.now_ms()))

    def restart(self, reply: int, from_ms: float) -> None:
        """Begin anew at that place."""
        raise AssertionError("nobody was away")

    def lead_ms(self) -> float:
        return 0.0

    def acknowledges(self) -> bool:
        return self.acks

    # PlayoutListener

    def chunk_placed(self, chunk: PlayoutChunk, at_session_ms: float) -> None:
        place = samples_for(at_session_ms, WIRE_HZ)
        self.recording[place : place + len(chunk.samples)] = chunk.samples

    def cut(self, at_ms: float) -> None:
        self.recording[samples_for(at_ms, WIRE_HZ) :] = 0

    def clause_started(self, reply: int, clause: int, from_ms: float) -> None:
        pass

    def fell_behind(self, reply: int, clause: int, late_ms: float) -> None:
        raise AssertionError("a hold is no lateness of the voice")

    def played_out(self, reply: int, played_ms: float, estimated: bool) -> None:
        self.over.append((played_ms, estimated, self.clock.now_ms()))

    # what tests do

    def speak(self, ms: float) -> None:
        self.playout.begin(1)
        self.playout.add_clause_audio(1, 0, ramp(ms))
        self.playout.close(1)
        self.playout.release(1)

    def pause(self) -> float:
        """Hold as the session's driver does."""
        at_ms = self.playout.placed_at_ms(1, self.playout.played_ms(1))
        self.cut(at_ms)
        return self.playout.hold(1)

    def heard(self) -> list[tuple[int, int, int]]:
        """Return what was heard: (ms, first ms of the reply, last)."""
        self.loudspeaker.advance(self.clock.now_ms())
        return [
            (round(h.at_ms), round(1000 * h.place / WIRE_HZ), round(1000 * (h.place + len(h.samples)) / WIRE_HZ))
            for h in self.loudspeaker.heard
        ]

    def recording_is_what_was_heard(self) -> bool:
        heard = np.zeros_like(self.recording)
        for span in self.loudspeaker.heard:
            place = samples_for(span.at_ms, WIRE_HZ)
            heard[place : place + len(span.samples)] = span.samples
        return bool((heard == self.recording).all())


async def test_a_held_reply_goes_on_where_it_stopped() -> None:
    client = Client()
    client.speak(3000)
    await client.listen(1000)
    assert client.pause() == pytest.approx(1000)
    await client.listen(800)
    assert client.playout.played_ms(1) == pytest.approx(1000)
    client.playout.resume(1, 1000.0)
    await client.listen(5000)
    assert client.heard() == [(0, 0, 1000), (1800, 1000, 3000)]
    ((played_ms, estimated, at_ms),) = client.over
    assert (played_ms, estimated) == (3000, False)
    assert at_ms == pytest.approx(3800, abs=ACK_MS)
    assert client.recording_is_what_was_heard()


async def test_a_held_reply_goes_back_to_the_beginning_of_a_word() -> None:
    client = Client()
    client.speak(3000)
    await client.listen(1000)
    client.pause()
    await client.listen(300)
    client.playout.resume(1, 830.0)
    assert client.playout.played_ms(1) == pytest.approx(830)
    await client.listen(500)
    assert client.playout.played_ms(1) == pytest.approx(1330)
    await client.listen(4000)
    assert client.heard() == [(0, 0, 1000), (1300, 830, 3000)]
    assert client.recording_is_what_was_heard()


async def test_nothing_is_sent_while_a_reply_is_held() -> None:
    client = Client()
    client.speak(10_000)
    await client.listen(1000)
    client.pause()
    sent_ms = client.sent_ms
    client.playout.add_clause_audio(1, 1, ramp(100))  # the rest of the reply is still being made
    await client.listen(60_000)
    assert client.sent_ms == sent_ms <= 1000 + MIN_LEAD_MS + CHUNK_MS
    assert client.over == []


async def test_a_reply_can_be_held_again_and_again() -> None:
    client = Client()
    client.speak(3000)
    for _ in range(5):
        await client.listen(400)
        client.pause()
        assert client.playout.hold(1) == pytest.approx(client.playout.played_ms(1))
        await client.listen(250)
        client.playout.resume(1, client.playout.played_ms(1))
        client.playout.resume(1, 0.0)  # it is not on hold any more
    await client.listen(5000)
    assert [(first, last) for _, first, last in client.heard()] == [
        (0, 400), (400, 800), (800, 1200), (1200, 1600), (1600, 2000), (2000, 3000),
    ]  # fmt: skip
    assert client.recording_is_what_was_heard()
    assert client.asked.count("hold") == 5


async def test_a_stop_while_held_says_what_was_heard() -> None:
    client = Client()
    client.speak(3000)
    await client.listen(1234)
    client.pause()
    await client.listen(500)
    assert client.playout.stop(1) == pytest.approx(1234)
    client.playout.resume(1, 1234.0)
    await client.listen(5000)
    assert client.heard() == [(0, 0, 1234)]
    assert client.over == []
    assert client.recording_is_what_was_heard()


async def test_the_answer_to_a_hold_says_exactly_what_was_played() -> None:
    client = Client(delay_ms=60.0)
    client.speak(3000)
    await client.listen(1000)
    client.playout.hold(1)
    await client.listen(300)
    # Audio began 60 ms after it was sent, and went on for 60 ms after the hold.
    assert client.playout.played_ms(1) == pytest.approx(1000, abs=1)
    client.playout.resume(1, client.playout.played_ms(1))
    await client.listen(5000)
    assert [(first, last) for _, first, last in client.heard()] == [(0, 1000), (1000, 3000)]


async def test_acknowledgements_from_before_a_seek_do_not_move_what_was_heard() -> None:
    client = Client()
    client.speak(3000)
    await client.listen(1000)
    client.pause()
    await client.listen(200)
    client.playout.resume(1, 700.0)
    client.playout.acknowledge(1, 1000.0)  # was on its way
    assert client.playout.played_ms(1) == pytest.approx(700)
    await client.listen(200)
    assert client.playout.played_ms(1) == pytest.approx(900)
    await client.listen(5000)
    assert client.over[0][:2] == (3000, False)


async def test_acknowledgements_faster_than_sound_count_as_the_time_that_went_by() -> None:
    client = Client(silent=True)
    client.speak(3000)
    for ms in range(100, 1001, 100):
        await asyncio.sleep(0.1)
        client.playout.acknowledge(1, 10.0 * ms)
        assert client.playout.played_ms(1) == pytest.approx(ms)
    assert client.playout.hold(1) == pytest.approx(1000)
    client.playout.acknowledge(1, 1e9)
    assert client.playout.played_ms(1) <= 1000
    client.playout.resume(1, 1000.0)
    await asyncio.sleep(5)
    assert len(client.over) == 1


async def test_acknowledgements_backwards_change_nothing() -> None:
    client = Client()
    client.speak(3000)
    await client.listen(1000)
    client.playout.acknowledge(1, 100.0)
    assert client.playout.played_ms(1) == pytest.approx(1000)
    client.playout.hold(1)
    client.playout.acknowledge(1, 0.0)
    assert client.playout.played_ms(1) == pytest.approx(1000)


async def test_a_client_that_never_acknowledges_is_estimated_across_a_hold() -> None:
    client = Client(silent=True)
    client.speak(2000)
    await asyncio.sleep(1)
    assert client.playout.hold(1) == pytest.approx(1000)
    await asyncio.sleep(1)
    assert client.playout.played_ms(1) == pytest.approx(1000)
    client.playout.resume(1, 900.0)
    await asyncio.sleep(0.5)
    assert client.playout.played_ms(1) == pytest.approx(1400)
    await asyncio.sleep(5)
    assert client.heard() == [(0, 0, 1000), (2000, 900, 2000)]
    ((played_ms, estimated, _),) = client.over
    assert (played_ms, estimated) == (2000, True)


async def test_a_stock_client_plays_out_what_it_has_and_goes_on_after_it() -> None:
    client = Client(acks=False)
    client.speak(3000)
    await asyncio.sleep(1)
    client.pause()
    sent_ms = client.sent_ms
    await asyncio.sleep(1)
    assert client.playout.played_ms(1) == pytest.approx(sent_ms)
    client.playout.resume(1, 1000.0)
    assert client.playout.played_ms(1) == pytest.approx(sent_ms)
    await asyncio.sleep(5)
    assert client.asked == []
    (_, _, paused), (resumed, *_) = client.heard()
    assert 1000 + MIN_LEAD_MS <= paused <= 1000 + MIN_LEAD_MS + CHUNK_MS
    assert resumed == 2000
    assert client.over[0][:2] == (3000, True)
    assert client.over[0][2] == pytest.approx(2000 + 3000 - paused)
    assert client.recording_is_what_was_heard()


async def test_a_short_hold_of_a_stock_client_leaves_no_gap() -> None:
    client = Client(acks=False)
    client.speak(3000)
    await asyncio.sleep(1)
    client.pause()
    await asyncio.sleep(0.15)
    client.playout.resume(1, 1000.0)
    await asyncio.sleep(5)
    assert client.heard() == [(0, 0, 3000)]
    assert client.recording_is_what_was_heard()


async def test_a_seek_never_leaves_sound_out_and_never_goes_back_further_than_clients_keep() -> None:
    client = Client()
    client.speak(6000)
    await client.listen(3000)
    client.pause()
    client.playout.resume(1, 99_999.0)
    await client.listen(1000)
    client.pause()
    client.playout.resume(1, -5.0)
    await client.listen(100)
    assert client.asked == ["hold", "resume 3000", "hold", f"resume {4000 - REWIND_MS:.0f}"]


async def test_a_client_that_begins_to_acknowledge_during_a_hold_is_not_told_to_seek() -> None:
    client = Client(acks=False)
    client.speak(3000)
    await asyncio.sleep(1)
    client.playout.hold(1)
    client.acks = True
    await asyncio.sleep(0.1)
    client.playout.resume(1, 500.0)
    await client.listen(5000)
    assert client.asked == []
    assert client.heard() == [(0, 0, 3000)]


async def test_a_reply_that_is_not_out_yet_can_not_be_held() -> None:
    client = Client()
    client.playout.begin(1)
    client.playout.add_clause_audio(1, 0, ramp(1000))
    assert client.playout.hold(1) == 0.0
    client.playout.resume(1, 0.0)
    client.playout.close(1)
    client.playout.release(1)
    await client.listen(3000)
    assert client.asked == []
    assert client.heard() == [(0, 0, 1000)]
