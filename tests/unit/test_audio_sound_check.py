"""Faint, clipped and noisy voices: told once each, after enough speech, and not of what is well."""

from __future__ import annotations

import numpy as np
import pytest

from audio.sound_check import ROOM_MS, VOICE_MS, SoundCheck, SoundFault, SoundFinding
from audio.speech import SpeechState
from server.protocol.translate import ADVICE

RATE = 24_000
PLAIN = np.full(480, 1_000, dtype=np.int16)


def say(check: SoundCheck, ms: float, dbfs: float, *, clipped: float = 0.0) -> list[SoundFinding]:
    raw = PLAIN.copy()
    raw[: round(clipped * len(raw))] = 32_767
    return [found for _ in range(round(ms / 20)) for found in check.check_frame(raw, dbfs, SpeechState.SPEAKING)]


def room(check: SoundCheck, ms: float, dbfs: float) -> None:
    for _ in range(round(ms / 20)):
        assert check.check_frame(PLAIN, dbfs, SpeechState.QUIET) == []


def faults(found: list[SoundFinding]) -> list[SoundFault]:
    return [finding.fault for finding in found]


def test_a_good_voice_is_told_nothing() -> None:
    check = SoundCheck(RATE)
    room(check, 5_000, -60)
    assert say(check, 60_000, -25, clipped=0.005) == []


def test_a_faint_voice_is_told_once_and_with_its_level() -> None:
    check = SoundCheck(RATE)
    room(check, ROOM_MS + 400, -80)
    assert say(check, VOICE_MS - 20, -50) == []
    (found,) = say(check, 20, -50)
    assert found.fault is SoundFault.FAINT
    assert found.speech_dbfs == pytest.approx(-50)
    assert found.above_room_db == pytest.approx(30)
    assert say(check, 60_000, -50) == []


def test_a_word_is_not_enough_and_one_faint_word_is_no_faint_voice() -> None:
    check = SoundCheck(RATE)
    assert say(check, 1_000, -60) == []
    assert say(check, 30_000, -30) == []


def test_a_voice_that_becomes_faint_is_told_then() -> None:
    check = SoundCheck(RATE)
    assert say(check, 30_000, -30) == []
    assert faults(say(check, 6_000, -52)) == [SoundFault.FAINT]


@pytest.mark.parametrize(("share", "told"), [(0.008, []), (0.0125, [SoundFault.CLIPPED])])
def test_a_hundredth_at_full_scale_is_clipped(share: float, told: list[SoundFault]) -> None:
    assert faults(say(SoundCheck(RATE), VOICE_MS, -12, clipped=share)) == told


def test_the_negative_side_counts_too() -> None:
    raw = PLAIN.copy()
    raw[:10] = -32_768
    check = SoundCheck(RATE)
    found = [f for _ in range(150) for f in check.check_frame(raw, -12.0, SpeechState.SPEAKING)]
    assert faults(found) == [SoundFault.CLIPPED]


@pytest.mark.parametrize(("room_dbfs", "told"), [(-36.0, []), (-34.0, [SoundFault.NOISY])])
def test_a_room_less_than_10_db_below_the_voice_is_noisy(room_dbfs: float, told: list[SoundFault]) -> None:
    check = SoundCheck(RATE)
    room(check, ROOM_MS + 400, room_dbfs)
    assert faults(say(check, VOICE_MS, -25)) == told


def test_a_room_that_was_hardly_heard_is_not_judged() -> None:
    check = SoundCheck(RATE)
    room(check, 1_000, -26)
    (found,) = say(check, VOICE_MS, -50)
    assert found.fault is SoundFault.FAINT
    assert found.above_room_db is None


def test_the_beginning_of_speech_is_not_taken_for_the_room() -> None:
    check = SoundCheck(RATE)
    for _ in range(20):
        room(check, 600, -60)
        room(check, 200, -20)  # somebody speaks, and it is not noticed yet
        assert say(check, 600, -20) == []


def test_what_is_neither_voice_nor_room_counts_as_neither() -> None:
    check = SoundCheck(RATE)
    for state in (SpeechState.STARTING, SpeechState.STOPPING):
        for _ in range(1_000):
            assert check.check_frame(PLAIN, -60.0, state) == []


def test_all_faults_may_come_together() -> None:
    check = SoundCheck(RATE)
    room(check, 4_000, -52)
    assert set(faults(say(check, VOICE_MS, -50, clipped=0.5))) == set(SoundFault)


def test_there_are_words_for_every_fault() -> None:
    assert set(ADVICE) == {str(fault) for fault in SoundFault}
    assert all(len(words.split()) < 25 for words in ADVICE.values())
