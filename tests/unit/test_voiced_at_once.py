"""How many patients a core voices at once, by times that were measured."""

from __future__ import annotations

import pytest

from bench.voice.at_once import MOST, VoicedPiece, falls_behind, most_at_once

SECOND = VoicedPiece(100.0, 1_000.0)


def test_a_voice_that_takes_a_tenth_of_its_sound_speaks_for_about_ten() -> None:
    assert most_at_once([[SECOND] * 3] * 4) == pytest.approx(10, abs=1)


def test_a_voice_slower_than_its_sound_speaks_for_nobody() -> None:
    assert most_at_once([[VoicedPiece(1_100.0, 1_000.0)] * 3]) == 0


def test_a_first_piece_may_take_its_time_but_no_later_one() -> None:
    assert not falls_behind([[VoicedPiece(5_000.0, 1_000.0), SECOND]], 1)
    assert falls_behind([[SECOND, VoicedPiece(1_001.0, 1_000.0)]], 1)


def test_a_voice_that_costs_nothing_speaks_for_the_most() -> None:
    assert most_at_once([[VoicedPiece(0.0, 1_000.0)]]) == MOST
