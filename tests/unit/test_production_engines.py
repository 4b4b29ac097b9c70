"""With which engines production serves real candidates, and what it says of those that are missing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from common.errors import SettingsError
from pipelines.engine_choices import choose_engines
from pipelines.patient.card import Card
from pipelines.patient.card_library import CardLibrary
from pipelines.tts.voices import Sex
from pipelines.voice_choice import plainly_voiced
from server.host import Server
from server.production_engines import engine_faults
from server.settings.tree import Settings
from tests.app.tiny_models import write_onnx

CARDS = CardLibrary.load(Path(__file__).resolve().parents[2] / "configs" / "cards")
WHISPER, ENCODER, VOICE = "tiny.en", "all-minilm-l6-v2", "joe"
ACCEPTED = {"server": {"allow_embedded_in_production": True}}


def install(models: Path, *names: str) -> None:
    """Have files of these models in a folder: enough to be chosen, not to be loaded."""
    files = {WHISPER: ("config.json", "model.bin"), ENCODER: ("config.json", "tokenizer.json", "model.safetensors")}
    for name in names:
        (models / name).mkdir(parents=True)
        for file in files.get(name, ()):
            (models / name / file).write_text("{}")
        if name == VOICE:
            write_onnx(models / name / "v.onnx", ("input", "input_lengths", "scales"))
            (models / name / "v.onnx.json").write_text("{}")


def production(models: Path, **changes: object) -> Settings:
    return Settings.model_validate({"environment": "production", "models": {"path": models}, **changes})


def faults(settings: Settings, cards: Mapping[str, Card] = CARDS) -> list[str]:
    return engine_faults(settings, choose_engines(settings.engines, settings.models), cards)


def of(sex: Sex) -> CardLibrary:
    return CARDS.without([card.id for card in CARDS.values() if card.patient.sex != sex])


def test_it_names_all_that_is_missing_with_the_command_that_brings_it(tmp_path: Path) -> None:
    told = faults(production(tmp_path))
    assert [line.partition(":")[0] for line in told] == [
        "engines.recogniser",
        "engines.interpreter",
        "engines.synthesiser",
        "engines.synthesiser",
    ]
    for line, model in zip(told, (WHISPER, ENCODER, "kokoro", VOICE), strict=True):
        assert f"run `interlocutor models pull {model}`" in line
    for card in CARDS.values():
        assert card.id in told[2 if card.patient.sex == "female" else 3]
        assert card.id not in told[3 if card.patient.sex == "female" else 2]
    assert faults(production(tmp_path, **ACCEPTED)) == []
    assert faults(Settings.model_validate({"models": {"path": tmp_path}})) == []


def test_the_cards_own_words_and_a_voice_for_each_card_are_enough(tmp_path: Path) -> None:
    install(tmp_path, WHISPER, ENCODER, VOICE)
    settings = production(tmp_path)
    assert choose_engines(settings.engines, settings.models).responder.name == "scripted-patient"
    assert faults(settings, of("male")) == []
    (line,) = faults(settings)
    assert line.startswith("engines.synthesiser: production has no neural voice for the women of ")
    assert all(card.id in line for card in of("female").values())


def test_engines_that_were_asked_for_by_name_are_given_back_to_auto(tmp_path: Path) -> None:
    install(tmp_path, WHISPER, ENCODER, VOICE)
    engines = {"recogniser": "pocketsphinx", "interpreter": "spelling", "synthesiser": "espeak"}
    told = faults(production(tmp_path, engines=engines), of("male"))
    assert [helps in line for line, helps in zip(
        told, ("set engines.recogniser to auto", "set engines.interpreter to auto", "to neural"), strict=True
    )] == [True, True, True]  # fmt: skip
    # What is understood by spelling because of who listens is told of once.
    told = faults(production(tmp_path, engines={"recogniser": "pocketsphinx"}), of("male"))
    assert [line.partition(":")[0] for line in told] == ["engines.recogniser"]


@pytest.mark.parametrize("backend", ["mock", "embedded"])
def test_a_backend_for_tests_or_without_models_is_told_of_alone(backend: str, tmp_path: Path) -> None:
    (line,) = faults(production(tmp_path, engines={"backend": backend}))
    assert line.startswith(f"engines.backend: production refuses {backend}")
    assert bool(faults(production(tmp_path, engines={"backend": backend}, **ACCEPTED))) == (backend == "mock")


def test_a_server_is_not_even_made(tmp_path: Path) -> None:
    install(tmp_path / "models", WHISPER, ENCODER, VOICE)
    with pytest.raises(SettingsError, match=r"no neural voice for the women of .*medicine-headaches, .*pull kokoro`"):
        Server(production(tmp_path / "models", data_path=tmp_path))


def test_a_card_is_judged_by_its_own_patient(tmp_path: Path) -> None:
    install(tmp_path, VOICE)
    settings = production(tmp_path)
    choice = choose_engines(settings.engines, settings.models).synthesiser
    assert plainly_voiced(CARDS.values(), choice) == list(of("female").values())
    assert choice.plain_for == ("female",)
