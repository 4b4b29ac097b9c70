"""When the candidate spoke and paused, by the sound: against the fixtures' truth, and in a loud room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio.files import mono_at, read_recording
from audio.frames import ANALYSIS_HZ, Pcm
from pipelines.assessment.spoken import spoken_of
from pipelines.assessment.track_times import PAUSE_MS, timed_by_sound, voiced_stretch
from pipelines.patient.card_library import CardLibrary
from pipelines.truth import load_truth
from tests.unit.spoken_log import SpokenLog

DATA = Path(__file__).resolve().parents[1] / "data"
CARD = CardLibrary.load(DATA.parents[1] / "configs" / "cards").get_card("nursing-leg-wound")
WITHIN_MS = 50.0
# A detector that is quick notes a turn's ends so late and so early.
NOTED_OFF_MS = 120.0


@pytest.mark.parametrize("name", ["thinking-pause", "explanation-40s", "consultation-pharmacy"])
def test_turns_and_pauses_are_where_the_truth_file_has_them(name: str) -> None:
    path = DATA / f"{name}.flac"
    truth = load_truth(path)
    assert truth is not None
    samples = mono_at(read_recording(path), ANALYSIS_HZ)
    for turn in truth.turns:
        found = voiced_stretch(samples, ANALYSIS_HZ, turn.from_ms - NOTED_OFF_MS, turn.to_ms + NOTED_OFF_MS)
        assert found is not None
        from_ms, to_ms, pauses = found
        assert abs(from_ms - turn.from_ms) <= WITHIN_MS
        assert abs(to_ms - turn.to_ms) <= WITHIN_MS
        long = [pause for pause in turn.pauses if pause.duration_ms > PAUSE_MS + 2 * WITHIN_MS]
        for pause in long:
            assert any(
                abs(each.from_ms - pause.from_ms) <= WITHIN_MS and abs(each.to_ms - pause.to_ms) <= WITHIN_MS
                for each in pauses
            ), pause


def voice(*stretches_ms: tuple[int, int], length_ms: int, noise: float) -> Pcm:
    """Return a tone in these stretches of a noisy room, int16 at 16 kHz."""
    rng = np.random.default_rng(7)
    samples = noise * rng.standard_normal(length_ms * 16)
    for from_ms, to_ms in stretches_ms:
        at_s = np.arange((to_ms - from_ms) * 16) / ANALYSIS_HZ
        samples[from_ms * 16 : to_ms * 16] += 0.3 * np.sin(2 * np.pi * 200 * at_s)
    return np.clip(32_767 * samples, -32_768, 32_767).astype(np.int16)


@pytest.mark.parametrize("noise", [0.0, 0.002, 0.03])
def test_a_pause_is_found_in_a_quiet_and_in_a_loud_room(noise: float) -> None:
    samples = voice((1_000, 2_000), (2_600, 3_500), length_ms=4_500, noise=noise)
    found = voiced_stretch(samples, ANALYSIS_HZ, 800, 3_700)
    assert found is not None
    from_ms, to_ms, (pause,) = found
    assert (from_ms, to_ms) == pytest.approx((1_000, 3_500), abs=20)
    assert (pause.from_ms, pause.to_ms) == pytest.approx((2_000, 2_600), abs=20)


def test_silence_is_nobody_s_turn() -> None:
    assert voiced_stretch(np.zeros(16_000, dtype=np.int16), ANALYSIS_HZ, 0, 1_000) is None
    assert voiced_stretch(np.zeros(16_000, dtype=np.int16), ANALYSIS_HZ, 5_000, 6_000) is None


def test_turns_take_their_times_from_the_track_and_patients_keep_theirs() -> None:
    log = SpokenLog()
    log.candidate("It hurts here does it", pauses={2: 400.0})
    log.patient("Yes.")
    spoken = spoken_of(log.entries, CARD)
    samples = voice((1_100, 2_000), (2_600, 3_700), length_ms=6_000, noise=0.0)
    timed = timed_by_sound(spoken, samples, ANALYSIS_HZ)
    assert (timed.turns[0].from_ms, timed.turns[0].to_ms) == pytest.approx((1_100, 3_700), abs=20)
    assert [pause.length_ms for pause in timed.pauses[1]] == pytest.approx([600], abs=20)
    assert timed.turns[1] == spoken.turns[1]
    # Where nothing is to be heard the log stands.
    assert timed_by_sound(spoken, np.zeros(100, dtype=np.int16), ANALYSIS_HZ).turns == spoken.turns
