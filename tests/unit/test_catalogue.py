"""Which engine a name stands for, and that nothing falls back without a word."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from audio.clock import LoopClock
from audio.errors import EngineError
from pipelines.catalogue import Choice, Choices, EngineSettings, build_lanes, choose_engines
from pipelines.models.settings import ModelSettings, installed_models


def choose(**settings: object) -> Choices:
    return choose_engines(EngineSettings.model_validate(settings))


def put_flite(folder: Path) -> None:
    (folder / "flite").write_text("#!/bin/sh\n")
    (folder / "flite").chmod(0o755)


def test_auto_is_the_embedded_set_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    without = choose()
    assert without.backend == "embedded"
    names = (without.recogniser.name, without.responder.name, without.synthesiser.name)
    assert names == ("pocketsphinx", "scripted-patient", "espeak")
    assert "flite is not installed" in without.synthesiser.reason
    put_flite(tmp_path)
    assert choose().synthesiser.name == "flite"
    assert choose(synthesiser="espeak").synthesiser.name == "espeak"


def test_an_engine_asked_for_by_name_is_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="apt-get install flite"):
        choose(synthesiser="flite")


def test_a_backend_that_is_not_there_is_refused_with_what_to_do() -> None:
    with pytest.raises(EngineError, match=r"set engines\.backend"):
        choose(backend="cloud")


@pytest.mark.parametrize("backend", ["mock", "embedded"])
def test_every_factory_can_go_to_a_worker_and_keeps_its_promise(backend: str) -> None:
    choices = choose(backend=backend)
    for choice in (choices.recogniser, choices.responder, choices.synthesiser):
        engine = pickle.loads(pickle.dumps(choice.factory))()
        assert engine.info.name == choice.name
        assert engine.info.isolation == choice.isolation
        assert engine.info.demonstration


# ------------------------------------------------------------------ Whisper


def models(folder: Path, *installed: str) -> ModelSettings:
    for name in installed:
        (folder / name).mkdir(parents=True)
        for file in ("model.bin", "config.json"):
            (folder / name / file).write_bytes(b"{}")
    return ModelSettings(path=folder)


def recogniser(place: ModelSettings, **settings: object) -> Choice:
    return choose_engines(EngineSettings.model_validate(settings), place).recogniser


def test_auto_takes_whisper_once_its_model_is_installed(tmp_path: Path) -> None:
    without = recogniser(models(tmp_path))
    assert without.name == "pocketsphinx"
    assert without.reason == (
        f"auto: the best installed, as the model 'base.en' is not in {tmp_path}; "
        "run 'interlocutor models pull base.en' and start again"
    )
    choices = choose_engines(EngineSettings(), models(tmp_path, "base.en"))
    assert (choices.backend, choices.recogniser.name) == ("local", "whisper")
    assert choices.recogniser.reason == f"auto: Whisper base.en is installed in {tmp_path / 'base.en'}"
    assert choices.recogniser.demonstration is False
    assert choices.demonstrations[0] == "scripted-patient"
    assert recogniser(ModelSettings(path=tmp_path), whisper={"model": "small"}).name == "pocketsphinx"


@pytest.mark.parametrize("settings", [{"recogniser": "whisper"}, {"backend": "local"}])
def test_whisper_that_was_asked_for_is_never_replaced(tmp_path: Path, settings: dict[str, object]) -> None:
    choice = recogniser(models(tmp_path), **settings)
    assert choice.name == "whisper"
    with pytest.raises(EngineError, match=r"models pull base\.en") as caught:
        pickle.loads(pickle.dumps(choice.factory))()
    assert caught.value.code == "model.missing"


def test_other_engines_are_taken_though_whisper_is_installed(tmp_path: Path) -> None:
    place = models(tmp_path, "base.en")
    assert recogniser(place, recogniser="pocketsphinx").reason == "asked for by name"
    assert recogniser(place, backend="embedded").name == "pocketsphinx"
    assert recogniser(place, backend="mock").name == "scripted"


def test_a_model_may_be_a_folder(tmp_path: Path) -> None:
    models(tmp_path, "mine")
    elsewhere = ModelSettings(path=tmp_path / "models")
    chosen = recogniser(elsewhere, whisper={"model": str(tmp_path / "mine")})
    assert (chosen.name, chosen.model) == ("whisper", "mine")
    missing = recogniser(elsewhere, recogniser="whisper", whisper={"model": f"{tmp_path}/none"})
    with pytest.raises(EngineError, match=r"/none is not there or not whole; set engines\.whisper\.model"):
        missing.factory()


def test_the_profile_with_a_remote_mind_says_what_is_not_there_yet(tmp_path: Path) -> None:
    place = models(tmp_path)
    with pytest.raises(EngineError, match="no remote responder") as caught:
        choose_engines(EngineSettings(profile="hybrid", backend="local"), place)
    assert caught.value.code == "engine.unavailable"
    chosen = choose_engines(EngineSettings(profile="hybrid", backend="local", responder="scripted-patient"), place)
    assert chosen.responder.name == "scripted-patient"
    assert choose_engines(EngineSettings(profile="hybrid", backend="mock"), place).backend == "mock"


def test_one_worker_serves_all_sessions_on_whisper(tmp_path: Path) -> None:
    settings = EngineSettings(recogniser="whisper", recogniser_workers=5, synthesiser="espeak")
    lanes = build_lanes(choose_engines(settings, models(tmp_path)), settings, LoopClock())
    assert len(lanes.recogniser.workers) == 1
    settings = EngineSettings(recogniser="pocketsphinx", recogniser_workers=5, synthesiser="espeak")
    assert len(build_lanes(choose_engines(settings), settings, LoopClock()).recogniser.workers) == 5


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("base.en", "base.en"),
        ("Small", "small"),
        ("large", "large-v3"),
        ("large-v3-turbo", "turbo"),
        ("Systran/faster-whisper-base.en", "base.en"),
        ("Systran/faster-distil-whisper-small.en", "distil-small.en"),
        ("mobiuslabsgmbh/faster-whisper-large-v3-turbo", "turbo"),
        ("Somebody/whisper-of-theirs", "somebody--whisper-of-theirs"),
    ],
)
def test_a_model_by_its_other_names(tmp_path: Path, name: str, folder: str) -> None:
    place = models(tmp_path, folder)
    assert place.folder_of(name) == tmp_path / folder
    assert recogniser(place, whisper={"model": name}).model == folder
    assert installed_models(tmp_path) == [folder]
    with pytest.raises(EngineError, match=rf"the model '{folder}' is not in .* run 'interlocutor models pull {name}'"):
        recogniser(models(tmp_path / "empty"), recogniser="whisper", whisper={"model": name}).factory()
