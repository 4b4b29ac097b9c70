"""Where a model lies that somebody named, what is there, and what is told when it can't be used."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from common.errors import EngineError
from pipelines.models.model_folders import catalogue_of, installed_models, locate
from pipelines.models.settings import ModelSettings
from server.settings.tree import CONFIG_FOLDER, load_with_origins
from tests.app.tiny_models import write_language_model, write_whisper
from tests.random_whisper import make_random_whisper


@pytest.mark.parametrize(
    ("name", "folder", "pull"),
    [
        ("base.en", "base.en", "base.en"),
        ("large", "large-v3", "large-v3"),
        ("large-v3-turbo", "turbo", "turbo"),
        ("Systran/faster-whisper-base.en", "base.en", "base.en"),
        ("Systran/faster-distil-whisper-small.en", "distil-small.en", "distil-small.en"),
        ("mobiuslabsgmbh/faster-whisper-large-v3-turbo", "turbo", "turbo"),
        ("Somebody/whisper-of-Theirs", "somebody--whisper-of-theirs", "Somebody/whisper-of-Theirs"),
    ],
)
def test_a_model_by_its_names(tmp_path: Path, name: str, folder: str, pull: str) -> None:
    place = locate(name, ModelSettings(path=tmp_path), "recogniser")
    assert (place.folder, place.pull, place.installed) == (tmp_path / folder, pull, False)
    (tmp_path / folder).mkdir()  # an empty folder is no model
    with pytest.raises(EngineError) as caught:
        place.require()
    assert caught.value.code == "model.not_installed"
    assert caught.value.message == (
        f"the model {folder} is not in {tmp_path}; run `interlocutor models pull {pull}` and start again"
    )
    write_whisper(tmp_path / folder)
    assert place.installed
    place.require()
    assert pickle.loads(pickle.dumps(place)) == place


def test_a_folder_needs_no_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ModelSettings(path=tmp_path / "models", catalogue=tmp_path / "none.yaml")
    monkeypatch.chdir(tmp_path)
    write_whisper(tmp_path / "some/where")
    for name in (str(tmp_path / "some/where"), "./some/where", "some/where"):
        place = locate(name, settings, "recogniser")
        place.require()
        assert (place.id, place.pull) == ("where", "")


def test_a_model_that_was_put_among_the_others_by_hand(tmp_path: Path) -> None:
    settings = ModelSettings(path=tmp_path)
    with pytest.raises(EngineError, match="there is no model called Mine"):
        locate("Mine", settings, "recogniser")
    write_whisper(tmp_path / "Mine")
    locate("Mine", settings, "recogniser").require()


def test_a_model_of_another_kind(tmp_path: Path) -> None:
    settings = ModelSettings(path=tmp_path)
    with pytest.raises(EngineError, match=r"qwen2\.5-0\.5b-instruct is a responder: name a recogniser here") as caught:
        locate("qwen2.5-0.5b-instruct", settings, "recogniser")
    assert caught.value.code == "model.architecture"
    write_language_model(tmp_path / "base.en")
    with pytest.raises(EngineError, match=r"holds a language model, not a Whisper.*models pull base\.en") as caught:
        locate("base.en", settings, "recogniser").require()
    assert caught.value.code == "model.architecture"


def test_random_whispers_of_any_width_are_sound(tmp_path: Path) -> None:
    make_random_whisper(tmp_path / "base.en")
    locate("base.en", ModelSettings(path=tmp_path), "recogniser").require()


def test_what_is_installed(tmp_path: Path) -> None:
    assert installed_models(tmp_path / "none") == []
    write_whisper(tmp_path / "base.en")
    write_language_model(tmp_path / "mine")
    write_whisper(tmp_path / ".partial" / "small")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no folder")
    assert installed_models(tmp_path) == [("base.en", "recogniser"), ("mine", "responder")]


def test_a_catalogue_of_ones_own_stands_in_for_the_supplied_one(tmp_path: Path) -> None:
    assert catalogue_of(ModelSettings()).find("base.en").id == "base.en"
    (tmp_path / "base.yaml").write_text("{}\n")
    assert load_with_origins(config_folder=tmp_path, environ={}).settings.models.catalogue is None
    (tmp_path / "models.yaml").write_text("hub: https://hub.example\nmodels: {}\n")
    loaded = load_with_origins(config_folder=tmp_path, environ={})
    assert catalogue_of(loaded.settings.models).hub == "https://hub.example"
    assert loaded.origins["models.catalogue"] == "models.yaml"
    assert load_with_origins(config_folder=CONFIG_FOLDER, environ={}).origins["models.catalogue"] == "default"
    with pytest.raises(EngineError, match=r"none\.yaml can't be read"):
        locate("base.en", ModelSettings(catalogue=tmp_path / "none.yaml"), "recogniser")
