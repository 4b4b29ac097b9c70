"""The ear test: lines of the cards in each neural voice, read back by real Whisper."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.voice.ear import ear_figures
from bench.voice.lines import lines_of, spread
from bench.voice.places import decoder_of, named_voice
from pipelines.patient.card_library import CardLibrary
from pipelines.tts.voices import Sex
from server.settings.tree import CONFIG_FOLDER, load_settings
from tests.nightly import by_night, one_in

LINES = 30
# tiny.en itself reads 8 % of native speech wrongly, and a few lines tell less than thirty.
MOST_WRONG = {"joe": 0.15, "kokoro/jf_gongitsune": 0.25}


@pytest.mark.parametrize(
    ("name", "sex"), [("joe", "male"), pytest.param("kokoro/jf_gongitsune", "female", marks=by_night)]
)
def test_what_a_patient_says_is_read_back(
    real_whisper: Path, real_joe: Path, real_kokoro: Path, name: str, sex: Sex
) -> None:
    assert real_joe.parent == real_kokoro.parent
    settings = load_settings(overrides=[f"models.path={real_joe.parent}"])
    cards = CardLibrary.load(CONFIG_FOLDER / "cards").values()
    lines = one_in(5, spread(lines_of(card for card in cards if card.patient.sex == sex), LINES))
    voice = named_voice(name, settings.models)
    (figure,), _ = ear_figures(
        name, voice.synthesiser, lines, decoder_of(real_whisper.name, settings), tick=lambda: None
    )
    assert figure.value is not None
    assert figure.value <= MOST_WRONG[name], figure.note
