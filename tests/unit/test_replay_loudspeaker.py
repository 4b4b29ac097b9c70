"""The simulated candidate's loudspeaker keeps exact books of what was heard when."""

from __future__ import annotations

import numpy as np

from audio.frames import WIRE_HZ, Pcm, samples_for
from bench.replay.loudspeaker import Loudspeaker


def ramp(ms: float, from_ms: float = 0.0) -> Pcm:
    return (np.arange(samples_for(ms, WIRE_HZ)) + samples_for(from_ms, WIRE_HZ)).astype(np.int16)


def books(loudspeaker: Loudspeaker) -> list[tuple[float, int, float, float]]:
    return [(round(h.at_ms, 1), h.reply, h.place / 24, (h.place + len(h.samples)) / 24) for h in loudspeaker.heard]


def test_sound_is_heard_from_its_arrival_on_and_one_piece_after_the_other() -> None:
    loudspeaker = Loudspeaker()
    assert loudspeaker.add_reply_audio(1, ramp(100), 50.0) == 50.0
    assert loudspeaker.add_reply_audio(1, ramp(100, 100), 60.0) == 150.0
    assert loudspeaker.plays_until_ms(60.0) == 250.0
    assert loudspeaker.played_ms(1) == 10.0
    loudspeaker.advance(1000.0)
    assert books(loudspeaker) == [(50.0, 1, 0.0, 200.0)]
    assert np.array_equal(loudspeaker.heard[0].samples, ramp(200))
    assert loudspeaker.gaps_ms == []


def test_a_gap_is_silence_and_is_noted() -> None:
    loudspeaker = Loudspeaker()
    loudspeaker.add_reply_audio(1, ramp(100), 0.0)
    assert not loudspeaker.sounding(100.0)
    loudspeaker.add_reply_audio(1, ramp(100, 100), 130.0)
    loudspeaker.add_reply_audio(2, ramp(50), 140.0)
    loudspeaker.advance(1000.0)
    assert books(loudspeaker) == [(0.0, 1, 0.0, 100.0), (130.0, 1, 100.0, 200.0), (230.0, 2, 0.0, 50.0)]
    assert loudspeaker.gaps_ms == [30.0]


def test_a_hold_is_silence_and_a_resume_goes_back_but_never_forward() -> None:
    loudspeaker = Loudspeaker()
    loudspeaker.add_reply_audio(1, ramp(500), 0.0)
    assert loudspeaker.hold(1, 200.0) == 200.0
    assert not loudspeaker.sounding(250.0)
    loudspeaker.resume(1, 150.0, 300.0)
    assert loudspeaker.sounding(300.0)
    assert loudspeaker.hold(1, 400.0) == 250.0
    loudspeaker.resume(1, 9999.0, 450.0)
    loudspeaker.resume(1, 0.0, 460.0)  # it plays already
    loudspeaker.advance(5000.0)
    assert books(loudspeaker) == [(0.0, 1, 0.0, 200.0), (300.0, 1, 150.0, 250.0), (450.0, 1, 250.0, 500.0)]
    assert np.array_equal(loudspeaker.heard[1].samples, ramp(100, 150))


def test_what_was_cleared_is_not_heard_even_if_it_comes_late() -> None:
    loudspeaker = Loudspeaker()
    loudspeaker.add_reply_audio(1, ramp(500), 0.0)
    loudspeaker.hold(1, 200.0)
    loudspeaker.clear(1, 300.0)
    assert loudspeaker.add_reply_audio(1, ramp(100), 310.0) == float("inf")
    loudspeaker.resume(1, 0.0, 320.0)
    assert loudspeaker.hold(1, 330.0) is None
    assert loudspeaker.add_reply_audio(2, ramp(100), 400.0) == 400.0
    loudspeaker.advance(5000.0)
    assert books(loudspeaker) == [(0.0, 1, 0.0, 200.0), (400.0, 2, 0.0, 100.0)]


def test_no_sample_is_lost_to_rounding() -> None:
    loudspeaker = Loudspeaker()
    loudspeaker.add_reply_audio(1, ramp(1000), 0.013)
    for step in range(3000):
        loudspeaker.advance(0.013 + step * 0.371)
    assert [len(h.samples) for h in loudspeaker.heard] == [24_000]
