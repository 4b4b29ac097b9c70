"""Whether anything hears the end of turns, and why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from audio.clock import LoopClock
from common.errors import EngineError
from pipelines.engine_choices import Choices, choose_engines
from pipelines.engine_lanes import build_lanes
from pipelines.engine_settings import EngineSettings
from pipelines.models.settings import ModelSettings
from tests.app.tiny_models import write_onnx, write_whisper


@pytest.fixture
def models(tmp_path: Path) -> ModelSettings:
    write_whisper(tmp_path / "tiny.en")
    return ModelSettings(path=tmp_path)


def install(models: ModelSettings, *inputs: str) -> Path:
    folder = models.path / "smart-turn"
    folder.mkdir()
    return write_onnx(folder / "smart-turn-v3.2-cpu.onnx", inputs or ("input_features",))


def chosen(models: ModelSettings, **settings: str) -> Choices:
    return choose_engines(EngineSettings.model_validate(settings), models)


def test_an_installed_one_listens_beside_whisper(models: ModelSettings) -> None:
    install(models)
    choices = chosen(models)
    assert choices.turn_detector is not None
    assert choices.turn_detector.model == "smart-turn"
    assert choices.names["turn_detector"] == "smart-turn"
    lanes = build_lanes(choices, EngineSettings(), LoopClock()).lanes
    assert [lane.name for lane in lanes] == ["recogniser", "interpreter", "responder", "synthesiser", "turn_detector"]


def test_a_foreign_file_beside_it_does_not_take_its_place(models: ModelSettings) -> None:
    install(models)
    (models.path / "joe").mkdir()
    write_onnx(models.path / "joe" / "joe.onnx", ("input", "scales"))
    choice = chosen(models).turn_detector
    assert choice is not None
    assert choice.model == "smart-turn"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"recogniser": "pocketsphinx"}, "pocketsphinx listens"),
        ({"backend": "mock"}, "scripted listens"),
        ({"turn_detector": "off"}, "'off'"),
    ],
)
def test_where_none_listens_it_is_said_why(models: ModelSettings, settings: dict[str, str], why: str) -> None:
    install(models)
    choices = chosen(models, **settings)
    assert choices.turn_detector is None
    assert why in choices.no_turn_detector
    assert "turn_detector" not in choices.names


def test_without_its_file_the_text_alone_decides(models: ModelSettings) -> None:
    choices = chosen(models)
    assert choices.turn_detector is None
    assert "interlocutor models pull smart-turn" in choices.no_turn_detector


@pytest.mark.parametrize("fault", ["foreign", "cut"])
def test_a_file_that_is_no_turn_detector_is_left_out_unless_it_was_asked_for(models: ModelSettings, fault: str) -> None:
    file = install(models, *(("audio", "state") if fault == "foreign" else ()))
    if fault == "cut":
        file.write_bytes(file.read_bytes()[:-3])
    choices = chosen(models)
    assert choices.turn_detector is None
    assert "smart-turn" in choices.no_turn_detector
    asked_for = chosen(models, turn_detector="smart-turn").turn_detector
    assert asked_for is not None
    with pytest.raises(EngineError):
        asked_for.factory()
