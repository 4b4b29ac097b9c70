"""How a mood sounds: in the right direction, within bounds, and nothing for what nobody knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio.frames import WIRE_HZ, silence
from audio.programme_loudness import programme_loudness
from pipelines.engines import SpeakRequest, Voice
from pipelines.patient.card_library import CardLibrary
from pipelines.tts.manner import MOST_DB, MOST_RATE, VoiceManner, manner_of, voice_of
from pipelines.tts.neural.levels import TARGET_LUFS
from pipelines.tts.neural.vits import VitsSynthesiser
from server.paths import ROOT

CARDS = CardLibrary.load(ROOT / "configs" / "cards")


def test_moods_are_quicker_or_slower_louder_or_quieter() -> None:
    angry, hurried, sad, shy = map(manner_of, ("angry", "In a hurry", "tearful", "shy"))
    assert angry.rate > 0 < angry.level_db
    assert hurried.rate > angry.rate
    assert sad.rate < 0 > sad.level_db
    assert shy.level_db < 0
    assert manner_of("polite and grateful") == VoiceManner()
    assert manner_of("") == VoiceManner()


def test_only_how_the_patient_begins_counts_and_each_kind_of_word_once() -> None:
    assert manner_of("tired; angry as soon as treatment comes up") == manner_of("tired")
    assert manner_of("angry, irritable and cross") == manner_of("angry")


@pytest.mark.parametrize("mood", ["hurried, brisk, chatty, angry and loud", "sad, quiet, slow, tired and careful"])
def test_no_mood_goes_beyond_the_bounds(mood: str) -> None:
    manner = manner_of(mood)
    assert abs(manner.rate) == MOST_RATE
    assert abs(manner.level_db) == MOST_DB


def test_every_patient_stays_within_what_a_card_may_ask_for() -> None:
    voices = [voice_of(card) for card in CARDS.values()]
    assert all(90 <= voice.rate_wpm <= 200 for voice in voices)
    assert len({voice.level_db for voice in voices}) > 3, "the patients of the cards differ"
    for card, voice in zip(CARDS.values(), voices, strict=True):
        assert voice.rate_wpm == pytest.approx(card.patient.rate_wpm, rel=MOST_RATE + 0.005)
        assert voice_of(card, mood="").rate_wpm == card.patient.rate_wpm


def test_a_voice_is_as_loud_as_the_mood_has_it_and_never_clips(real_joe: Path) -> None:
    joe = VitsSynthesiser(real_joe)
    found = {}
    for level_db in (-MOST_DB, 0.0, MOST_DB):
        request = SpeakRequest(
            "", "I've had these headaches for about three weeks now.", Voice("male", level_db=level_db)
        )
        samples = np.concatenate([*(chunk.samples for chunk in joe.speak(request)), silence(300, WIRE_HZ)])
        found[level_db] = programme_loudness(samples, WIRE_HZ)
    assert found[-MOST_DB].lufs == pytest.approx(found[0.0].lufs - MOST_DB, abs=0.3)
    assert found[MOST_DB].lufs == pytest.approx(found[0.0].lufs + MOST_DB, abs=0.3)
    assert found[0.0].lufs == pytest.approx(TARGET_LUFS, abs=1.5)
    assert all(one.peak_dbtp < -1.0 for one in found.values())
