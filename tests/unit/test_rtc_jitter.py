"""The order of arriving packets: nothing waits without need, and what is lost costs a moment only."""

from __future__ import annotations

import random

import pytest

from server.rtc.jitter import MAX_WAIT_MS, AudioJitterBuffer, Ordered

FRAME = 960


class Line:
    """A buffer, what it handed on and when; packet n was made at n * 20 ms."""

    def __init__(self) -> None:
        self.now_ms = 0.0
        self.out: list[tuple[int, float]] = []
        self.lost: list[int] = []
        self.restarts = 0
        self.buffer = AudioJitterBuffer(self._take)

    def _take(self, packet: Ordered) -> None:
        self.out.append((int(packet.payload), self.now_ms))
        self.lost.append(packet.lost)
        self.restarts += packet.restarted

    def send(self, number: int, at_ms: float, *, ssrc: int = 1, first: int = 0) -> None:
        self.now_ms = at_ms
        self.buffer.put(
            str(number).encode(),
            number=(first + number) % 0x10000,
            timestamp=(number * FRAME) % 0x1_0000_0000,
            ssrc=ssrc,
            now_ms=at_ms,
        )

    @property
    def numbers(self) -> list[int]:
        return [number for number, _ in self.out]


@pytest.mark.parametrize("first", [0, 65_500])
def test_packets_in_their_turn_do_not_wait(first: int) -> None:
    line = Line()
    for n in range(100):
        line.send(n, n * 20.0, first=first)
    assert line.out == [(n, n * 20.0) for n in range(100)]
    assert line.buffer.counts.lost == 0


def test_a_lost_packet_costs_one_packets_time_and_no_more_later() -> None:
    line = Line()
    for n in range(200):
        if n % 50 != 10:
            line.send(n, n * 20.0)
    late = {n: at - n * 20.0 for n, at in line.out if at != n * 20.0}
    assert late == dict.fromkeys((11, 61, 111, 161), 20.0)  # the next but one gives the lost one up
    assert line.buffer.counts.lost == 4
    assert [n for n in line.lost if n] == [1, 1, 1, 1]


def test_swapped_packets_are_put_in_order() -> None:
    line = Line()
    for n in range(0, 100, 2):
        line.send(n + 1, n * 20.0 + 20.0)
        line.send(n, n * 20.0 + 22.0)
    assert line.numbers == list(range(1, 100)) or line.numbers == list(range(100))
    assert line.buffer.counts.lost == 0
    assert line.buffer.counts.reordered >= 49


def test_waiting_grows_with_the_lateness_that_is_seen_and_fades() -> None:
    line = Line()
    for n in range(400):
        if n % 20 != 5:
            line.send(n, n * 20.0)
        if n % 20 == 8 and n < 300:  # it comes 60 ms late
            line.send(n - 3, n * 20.0 + 5.0)
    counts = line.buffer.counts
    assert counts.late <= 3  # those by which it learnt
    assert counts.wait_ms > 40.0
    for n in range(400, 4_000):
        line.send(n, n * 20.0)
    assert counts.wait_ms < 40.0


def test_twice_is_told_from_too_late() -> None:
    line = Line()
    for n in (0, 1, 1, 3, 4, 5, 2, 4):
        line.send(n, 20.0 * len(line.out) + 20.0 * n)
    assert line.numbers == [0, 1, 3, 4, 5]
    counts = line.buffer.counts
    assert (counts.duplicate, counts.late, counts.lost) == (2, 1, 1)


def test_another_source_and_a_far_jump_begin_anew() -> None:
    line = Line()
    for n in range(10):
        line.send(n, n * 20.0)
    for n in range(10, 20):
        line.send(n, n * 20.0, ssrc=2, first=30_000)
    for n in range(20, 30):
        line.send(n, n * 20.0, ssrc=2, first=60_000)
    assert line.numbers == list(range(30))
    assert line.restarts == 3
    assert line.buffer.counts.lost == 0


@pytest.mark.parametrize("back", [30, 900, 2_900])
@pytest.mark.parametrize("frame_ms", [10.0, 20.0, 60.0])
def test_numbers_begun_anew_by_the_same_source_are_heard_within_half_a_second(back: int, frame_ms: float) -> None:
    line = Line()
    for n in range(10):
        line.send(n, n * frame_ms)
    for n in range(10, 40):
        line.send(n, n * frame_ms, first=-back)
    assert line.numbers == list(range(40))
    assert line.restarts == 2
    assert max(at - n * frame_ms for n, at in line.out) < 400.0
    assert line.out[-1] == (39, 39 * frame_ms)


def test_what_comes_late_or_twice_among_newer_packets_begins_nothing() -> None:
    line = Line()
    for n in range(300):
        if not 100 <= n < 120:  # another way takes so long
            line.send(n, n * 20.0)
        if 120 <= n < 140:
            line.send(n - 20, n * 20.0 + 5.0)
        line.send(max(0, n - 200), n * 20.0 + 6.0)  # a copy from long ago
    assert line.restarts == 1
    assert line.numbers == [n for n in range(300) if not 101 <= n < 120]  # the first was waited for


def test_what_comes_late_and_all_at_once_begins_nothing() -> None:
    line = Line()
    for n in (*range(100), *range(120, 130)):
        line.send(n, n * 20.0)
    for n in range(100, 120):
        line.send(n, 130 * 20.0)
    line.send(130, 130 * 20.0)
    assert (line.restarts, line.buffer.counts.late, line.numbers[-1]) == (1, 20, 130)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_as_much_is_lost_here_as_on_the_way_and_latency_comes_back(share: float) -> None:
    chance = random.Random(7)
    line = Line()
    kept = {0, *range(3_990, 4_000)}  # what comes last behind a hole waits for more
    for n in range(4_000):
        if n in kept or chance.random() >= share:
            kept.add(n)
            line.send(n, n * 20.0 + chance.uniform(0.0, 10.0))
    assert line.numbers == sorted(kept)
    assert line.buffer.counts.lost == 4_000 - len(kept)
    delays = [at - n * 20.0 for n, at in line.out]
    assert max(delays) <= MAX_WAIT_MS + 20.0
    assert sorted(delays)[len(delays) // 2] <= 10.0 + (20.0 if share == 0.2 else 0.0)
