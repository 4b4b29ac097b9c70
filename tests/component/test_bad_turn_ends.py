"""Whatever a turn sounds like, with the turn detector it ends: after its last word, and soon after its last sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio.files import mono_at, read_recording
from audio.frames import WIRE_HZ, samples_for, silence
from bench.pauses import HeardUtterance, run_pauses
from bench.pauses_plan import LEAD_IN_MS, SILENT_MS, PausesPlan, PlannedUtterance
from bench.replay.plan import PlannedTurn
from pipelines.engine_settings import EngineSettings
from pipelines.models.settings import ModelSettings
from pipelines.patient.card_library import CardLibrary
from pipelines.stt.whisper_settings import WhisperSettings
from pipelines.truth import load_truth
from server.settings.tree import Settings
from tests.component.conftest import DATA
from tests.data.sound import Sound
from tests.fakes.bad_speech import Change, bad_days
from tests.nightly import one_in

PHARMACY, NURSING = DATA / "consultation-pharmacy.flac", DATA / "consultation.flac"
ANSWER = DATA / "interruptions" / "answer-01.flac"
# So long after the last sound a turn is over at the latest.
WITHIN_MS = 2_500.0


def turns_of(path: Path, *numbers: int) -> list[tuple[Sound, str]]:
    """Return turns of a consultation, without the room around them, and what they say."""
    truth, sound = load_truth(path), mono_at(read_recording(path), WIRE_HZ) / 32_767.0
    assert truth is not None
    turns = [truth.turns[number] for number in numbers]
    return [
        (sound[samples_for(turn.from_ms, WIRE_HZ) : samples_for(turn.to_ms, WIRE_HZ)], turn.text or "")
        for turn in turns
    ]


OTHER = turns_of(NURSING, 0)[0][0]
DAYS = bad_days(OTHER)


def planned(name: str, number: int, sound: Sound, text: str, change: Change) -> tuple[PlannedUtterance, float]:
    """Return the turn as it comes, and where its last sound ends (ms)."""
    changed = np.rint(np.clip(change(sound), -1.0, 1.0) * 32_767.0).astype(np.int16)
    samples = np.concatenate((silence(LEAD_IN_MS, WIRE_HZ), changed, silence(SILENT_MS, WIRE_HZ)))
    spoken_ms = LEAD_IN_MS + 1000.0 * len(sound) / WIRE_HZ
    turn = PlannedTurn(samples, LEAD_IN_MS, spoken_ms, text, None, 0.0, name)
    return PlannedUtterance(turn, (), "other", number), LEAD_IN_MS + 1000.0 * len(changed) / WIRE_HZ


@pytest.fixture(scope="module")
def settings(real_whisper: Path, real_smart_turn: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    models = tmp_path_factory.mktemp("models")
    for folder in (real_whisper, real_smart_turn):
        (models / folder.name).symlink_to(folder)
    return Settings(
        models=ModelSettings(path=models),
        engines=EngineSettings(
            recogniser="whisper",
            synthesiser="scripted",
            turn_detector="smart-turn",
            whisper=WhisperSettings(model=real_whisper.name, device="cpu"),
        ),
    )


def heard_as(settings: Settings, name: str, turns: list[tuple[Sound, str]]) -> list[tuple[HeardUtterance, float]]:
    made = [planned(name, number, sound, text, DAYS[name]) for number, (sound, text) in enumerate(turns, 1)]
    plan = PausesPlan(name, tuple(utterance for utterance, _ in made), "pharmacy-new-inhaler", found=False)
    cards = CardLibrary.load(settings.cards_folder)
    heard = run_pauses([plan], settings=settings, conversation=settings.conversation, cards=cards)
    return list(zip(heard, (ends_ms for _, ends_ms in made), strict=True))


@pytest.mark.parametrize("name", one_in(3, list(DAYS)))
def test_it_is_not_cut_and_ends_in_time(settings: Settings, name: str) -> None:
    for each, ends_ms in heard_as(settings, name, turns_of(PHARMACY, 0)):
        assert each.cut_ins == [], f"{name}: {each.utterance.planned.text}"
        assert each.delay_ms is not None, f"{name}: nobody answered"
        assert each.end_ms + each.delay_ms <= ends_ms + WITHIN_MS


def test_one_word_is_answered_in_time(settings: Settings) -> None:
    sound = mono_at(read_recording(ANSWER), WIRE_HZ) / 32_767.0
    for each, ends_ms in heard_as(settings, "as it is", [(sound, "Yes.")] * 2):
        assert each.cut_ins == []
        assert each.delay_ms is not None
        assert each.end_ms + each.delay_ms <= ends_ms + WITHIN_MS


def test_the_sounds_are_what_they_say() -> None:
    sound = turns_of(PHARMACY, 1)[0][0]
    for name, change in DAYS.items():
        changed = change(sound)
        assert np.isfinite(changed).all(), name
        assert len(changed) >= len(sound), name
        assert np.abs(changed).max() > 0.005, name
    assert len(DAYS["laughter at its end"](sound)) > len(sound) + samples_for(500.0, WIRE_HZ)
    assert np.abs(sound).max() > 10.0 * np.abs(DAYS["quiet"](sound)).max()
    lost = DAYS["lost packets"](sound) == 0.0
    assert 0.02 < lost.mean() - (sound == 0.0).mean() < 0.1
