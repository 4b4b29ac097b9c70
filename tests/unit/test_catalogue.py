"""Which engine a name stands for, and that nothing falls back without a word."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from audio.errors import EngineError
from pipelines.catalogue import Choices, EngineSettings, choose_engines


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
