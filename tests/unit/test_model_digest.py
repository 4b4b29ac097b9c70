"""A model's digest: of its files alone, the same wherever it lies, and another as soon as one byte is."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.promotion.model_digests import examine
from pipelines.choice import Choice, Lazy
from pipelines.engine_choices import Choices
from pipelines.models.model_digest import digest_over, file_digests, model_digests
from pipelines.models.model_folders import ModelPlace
from pipelines.tts.voices import NeuralVoice
from server.cli.models_place import ModelsHere


def make(folder: Path, weights: bytes = b"weights") -> Path:
    (folder / "inner").mkdir(parents=True)
    (folder / "model.bin").write_bytes(weights)
    (folder / "inner" / "words.txt").write_text("one two")
    return folder


def digest(place: Path) -> str:
    return digest_over(file_digests(place))


def test_a_digest_is_of_what_the_files_hold_and_are_called(tmp_path: Path) -> None:
    first, second = make(tmp_path / "here"), make(tmp_path / "there")
    assert digest(first) == digest(second)
    assert list(file_digests(first)) == ["inner/words.txt", "model.bin"]
    (second / "provenance.json").write_text("{}")
    (second / "qualified.json").write_text("{}")
    assert digest(first) == digest(second)
    (second / "model.bin").write_bytes(b"weight!")
    assert digest(first) != digest(second)
    (second / "model.bin").write_bytes(b"weights")
    (second / "inner" / "words.txt").rename(second / "words.txt")
    assert digest(first) != digest(second)


def test_a_voice_that_is_a_file_has_the_digest_of_it_and_of_its_description(tmp_path: Path) -> None:
    voice = tmp_path / "anna.onnx"
    voice.write_bytes(b"voice")
    (tmp_path / "anna.onnx.json").write_text("{}")
    (tmp_path / "other.onnx").write_bytes(b"another")
    assert list(file_digests(voice)) == ["anna.onnx", "anna.onnx.json"]


def test_models_that_are_not_there_have_none_and_known_ones_are_not_read_again(tmp_path: Path) -> None:
    here = ModelPlace(make(tmp_path / "here"), "recogniser", "")
    places = {"here": here, "gone": ModelPlace(tmp_path / "gone", "encoder", "gone")}
    assert model_digests(places) == {"here": digest(here.folder)}
    assert model_digests(places, {"here": "known", "old": "forgotten"}) == {"here": "known"}


def test_the_models_of_a_server_are_those_of_all_its_engines_and_voices(tmp_path: Path) -> None:
    def choice(place: ModelPlace | None = None, *voices: NeuralVoice) -> Choice:
        return Choice("x", Lazy("x", "x"), "thread", "", place=place, voices=voices)

    def place(name: str) -> ModelPlace:
        return ModelPlace(tmp_path / name, "synthesiser", name)

    ann = NeuralVoice(place("ann"), "vits", "", "female", "en-us", 40)
    joe = NeuralVoice(place("joe"), "vits", "", "male", "en-us", 40)
    ear, mind, turn = (choice(place(name)) for name in ("ear", "mind", "turn"))
    choices = Choices("local", ear, mind, choice(), choice(None, ann, joe), turn)
    assert list(choices.places) == ["ear", "mind", "turn", "ann", "joe"]


def test_a_promotion_and_a_session_call_a_model_by_one_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_PATH", str(tmp_path))
    folder = make(tmp_path / "mine")
    told, _ = examine(ModelsHere.of(None, None), "mine")
    assert told == digest(folder)
