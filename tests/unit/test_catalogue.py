"""Which engine a name stands for, and that nothing falls back without a word."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from audio.clock import LoopClock
from common.errors import EngineError
from pipelines.choice import Choice
from pipelines.engine_choices import Choices, choose_engines
from pipelines.engine_lanes import build_lanes
from pipelines.engine_settings import EngineSettings
from pipelines.models.settings import ModelSettings
from pipelines.responders.remote.settings import RemoteSettings


def choose(**settings: object) -> Choices:
    return choose_engines(EngineSettings.model_validate(settings), ModelSettings(path=Path("/nowhere")))


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


def test_a_remote_mind_that_is_not_set_is_refused_with_what_to_do() -> None:
    with pytest.raises(EngineError, match=r"^engines\.remote: .*OLLAMA_HOSTS"):
        choose(backend="cloud")


def test_the_interpreter_by_rules_is_refused_with_what_took_its_place() -> None:
    with pytest.raises(ValueError, match="no word-index any more: 'spelling' understands without a text encoder"):
        choose(interpreter="word-index")
    assert choose(interpreter="spelling").interpreter.name == "spelling"


@pytest.mark.parametrize("backend", ["mock", "embedded"])
def test_every_factory_can_go_to_a_worker_and_keeps_its_promise(backend: str) -> None:
    choices = choose(backend=backend)
    for choice in (choices.recogniser, choices.responder, choices.synthesiser):
        engine = pickle.loads(pickle.dumps(choice.factory))()
        assert engine.info.name == choice.name
        assert engine.info.isolation == choice.isolation
        assert engine.info.demonstration == choice.demonstration


# ------------------------------------------------------------------ Whisper


def models(folder: Path, *installed: str) -> ModelSettings:
    """Return settings of a folder of models in which those that are named are there, sound or not."""
    for name in installed:
        (folder / name).mkdir(parents=True)
        (folder / name / "config.json").write_text("{}")
        (folder / name / "model.bin").write_bytes(b"")
    return ModelSettings(path=folder)


def recogniser(place: ModelSettings, **settings: object) -> Choice:
    return choose_engines(EngineSettings.model_validate(settings), place).recogniser


def test_auto_takes_whisper_once_its_model_is_installed(tmp_path: Path) -> None:
    without = recogniser(models(tmp_path))
    assert without.name == "pocketsphinx"
    assert without.reason == "auto: no Whisper is here; run `interlocutor models pull tiny.en` and start again"
    choices = choose_engines(EngineSettings(), models(tmp_path, "tiny.en"))
    assert (choices.backend, choices.recogniser.name) == ("local", "whisper")
    assert choices.recogniser.demonstration is False
    assert (choices.interpreter.name, choices.interpreter.demonstration) == ("spelling", True)
    assert (choices.responder.name, choices.responder.demonstration) == ("scripted-patient", False)


def test_a_model_that_was_named_is_never_replaced_by_another_engine(tmp_path: Path) -> None:
    choice = recogniser(models(tmp_path, "tiny.en"), whisper={"model": "small"})
    assert (choice.name, choice.model) == ("whisper", "small")
    with pytest.raises(EngineError, match=r"the model small is not in .*; run `interlocutor models pull small`"):
        choice.factory()


@pytest.mark.parametrize("settings", [{"recogniser": "whisper"}, {"backend": "local"}])
def test_whisper_that_was_asked_for_is_never_replaced(tmp_path: Path, settings: dict[str, object]) -> None:
    choice = recogniser(models(tmp_path), **settings)
    assert choice.name == "whisper"
    with pytest.raises(EngineError, match=r"models pull tiny\.en") as caught:
        pickle.loads(pickle.dumps(choice.factory))()
    assert caught.value.code == "model.not_installed"


def test_other_engines_are_taken_though_whisper_is_installed(tmp_path: Path) -> None:
    place = models(tmp_path, "tiny.en")
    assert recogniser(place, recogniser="pocketsphinx").reason == "asked for by name"
    assert recogniser(place, backend="embedded").name == "pocketsphinx"
    assert recogniser(place, backend="mock").name == "scripted"


def test_a_broken_model_is_never_replaced_by_another_engine(tmp_path: Path) -> None:
    choice = recogniser(models(tmp_path, "tiny.en"))
    assert choice.name == "whisper"
    with pytest.raises(
        EngineError, match=r"is not a whole model, .*; run `interlocutor models pull tiny\.en`"
    ) as caught:
        pickle.loads(pickle.dumps(choice.factory))()
    assert caught.value.code == "model.format"


def test_a_model_may_be_a_folder(tmp_path: Path) -> None:
    models(tmp_path, "mine")
    elsewhere = ModelSettings(path=tmp_path / "models")
    chosen = recogniser(elsewhere, whisper={"model": str(tmp_path / "mine")})
    assert (chosen.name, chosen.model) == ("whisper", "mine")
    missing = recogniser(elsewhere, recogniser="whisper", whisper={"model": f"{tmp_path}/none"})
    with pytest.raises(EngineError, match=r"/none is not there; put a sound one there, or name another"):
        missing.factory()


@pytest.mark.parametrize("settings", [{}, {"recogniser": "whisper"}, {"backend": "local"}])
def test_a_model_that_nobody_knows_is_refused_by_its_setting(tmp_path: Path, settings: dict[str, object]) -> None:
    place = models(tmp_path)
    with pytest.raises(EngineError, match=r"^engines\.whisper\.model: .*did you mean base\.en") as caught:
        recogniser(place, whisper={"model": "bsae.en"}, **settings)
    assert caught.value.code == "model.unknown"
    assert recogniser(place, whisper={"model": "bsae.en"}, backend="embedded").name == "pocketsphinx"


def test_the_profile_with_a_remote_mind_asks_it(tmp_path: Path) -> None:
    place = models(tmp_path)
    with pytest.raises(EngineError, match="a remote language model is to answer, and none is set") as caught:
        choose_engines(EngineSettings(profile="hybrid", backend="local"), place)
    assert caught.value.code == "engine.unavailable"
    remote = RemoteSettings(ollama_hosts=("10.0.0.5", "10.0.0.6:8080"), model="llama3.2:3b")
    for settings in ({"profile": "hybrid", "backend": "local"}, {"backend": "cloud"}, {"responder": "remote"}):
        chosen = choose_engines(EngineSettings.model_validate({**settings, "remote": remote}), place)
        assert chosen.responder.name == "remote"
        assert not chosen.responder.demonstration
        assert chosen.remote is not None
        assert (chosen.remote.label, chosen.remote.country) == ("Ollama", "the operator's own network")
        assert chosen.recogniser.name in ("whisper", "pocketsphinx")
        lanes = build_lanes(chosen, EngineSettings(), LoopClock())
        assert len(lanes.responder.workers) == 16
    # A host or a key alone asks nobody.
    assert choose_engines(EngineSettings(remote=remote), place).mind is None
    chosen = choose_engines(EngineSettings(profile="hybrid", backend="local", responder="scripted-patient"), place)
    assert chosen.responder.name == "scripted-patient"
    assert choose_engines(EngineSettings(profile="hybrid", backend="mock"), place).backend == "mock"


def test_one_whisper_reads_for_all_sessions_on_each_core(tmp_path: Path) -> None:
    settings = EngineSettings(recogniser="whisper", recogniser_workers=5, synthesiser="espeak")
    place = models(tmp_path).model_copy(update={"cpu_threads": 3})
    lanes = build_lanes(choose_engines(settings, place), settings, LoopClock())
    assert len(lanes.recogniser.workers) == 3
    settings = EngineSettings(recogniser="pocketsphinx", recogniser_workers=5, synthesiser="espeak")
    assert len(build_lanes(choose_engines(settings, place), settings, LoopClock()).recogniser.workers) == 5
