"""What `doctor` and `config` say of models: which there are, where they compute, what they may take."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.models.settings import ModelSettings
from server import cli
from server.cli import doctor
from server.settings.aliases import ALIASES
from server.settings.tree import Settings
from tests.random_whisper import make_random_whisper


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    names = {alias.name for alias in ALIASES}
    for name in list(os.environ):
        if name in names or name.startswith("INTERLOCUTOR__"):
            monkeypatch.delenv(name)


def settings(folder: Path, **engines: object) -> Settings:
    return Settings.model_validate({"models": {"path": folder}, "engines": engines})


def test_doctor_says_which_models_are_installed(tmp_path: Path) -> None:
    models = ModelSettings(path=tmp_path / "models")
    assert doctor.check_models(settings(models.path))[0].found.startswith(f"none in {models.path} (")
    make_random_whisper(models.path / "tiny.en")
    make_random_whisper(models.path / "base.en")
    (models.path / ".partial").mkdir()
    found = doctor.check_models(settings(models.path))
    assert [check.name for check in found] == ["Models", "Device", "Memory for models"]
    assert [check.status for check in found] == ["ok", "ok", "ok"]
    assert found[0].found.startswith(f"base.en, tiny.en in {models.path} (")
    assert "free" in found[0].found


def test_doctor_fails_for_a_model_that_is_to_be_used_and_missing(tmp_path: Path) -> None:
    (check, *_) = doctor.check_models(settings(tmp_path, recogniser="whisper", whisper={"model": "small"}))
    assert (check.status, check.advice) == (
        "fail",
        "run `interlocutor models pull small` and start again",
    )
    engines = doctor.check_engines(settings(tmp_path, recogniser="whisper", synthesiser="espeak"))
    (whisper,) = [check for check in engines if check.name.startswith("Whisper")]
    assert (whisper.name, whisper.status) == ("Whisper tiny.en", "fail")
    assert whisper.found == f"the model tiny.en is not in {tmp_path}"


@pytest.mark.parametrize("true_length", ["qualified", "always"])
def test_doctor_says_that_a_model_was_never_tried_on_short_audio(tmp_path: Path, true_length: str) -> None:
    make_random_whisper(tmp_path / "tiny.en")
    chosen = settings(tmp_path, recogniser="whisper", whisper={"model": "tiny.en", "true_length": true_length})
    choice = doctor.whisper_choice(chosen)
    assert choice is not None
    check = doctor.check_tried(doctor.Check("Whisper tiny.en", "ok", "loaded and run once"), choice, chosen)
    wanted = ("warn", "run `interlocutor models qualify tiny.en`") if true_length == "qualified" else ("ok", "")
    assert (check.status, check.advice) == wanted


@pytest.mark.parametrize(("name", "advice"), [("base.en", "run `interlocutor models pull base.en`"), ("./", "put a")])
def test_doctor_fails_for_a_model_that_is_broken(tmp_path: Path, name: str, advice: str) -> None:
    folder = make_random_whisper(tmp_path / "base.en")
    (folder / "model.bin").write_bytes((folder / "model.bin").read_bytes()[:100_000])
    whisper = {"model": str(folder) if name == "./" else name}
    (check, *_) = doctor.check_models(settings(tmp_path, recogniser="whisper", whisper=whisper))
    assert check.status == "fail"
    assert "model.bin is cut off" in check.found
    assert check.advice.startswith(advice)


def test_doctor_says_where_models_compute(tmp_path: Path) -> None:
    plain = settings(tmp_path, whisper={"device": "cpu"})
    assert doctor.check_device(plain, needed=True).found.startswith("cpu, int8, ")
    wrong = settings(tmp_path, whisper={"device": "cpu", "compute": "float16"})
    assert doctor.check_device(wrong, needed=False).status == "warn"
    check = doctor.check_device(wrong, needed=True)
    assert (check.status, check.found) == ("fail", "cpu does not compute in 'float16' here")
    assert "int8" in check.advice


def test_doctor_says_what_models_may_take() -> None:
    limited = Settings.model_validate({"models": {"max_memory": "3GiB"}})
    assert "beyond 3.0 GiB for the whole server (3GiB)" in doctor.check_ceiling(limited).found


def test_config_check_notes_a_model_that_is_not_installed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["config", "check", "--set", f"models.path={tmp_path}", "--set", "engines.profile=small-cpu"]
    with pytest.raises(SystemExit) as done:
        cli.main(arguments)
    assert not done.value.code
    out, err = capsys.readouterr()
    assert out.startswith("settings for dev can be used")
    assert f"not be ready: the model tiny.en is not in {tmp_path}; run `interlocutor models pull tiny.en`" in err
    with pytest.raises(SystemExit) as done:
        cli.main(["config", "check", "--set", "engines.profile=hybrid"])
    assert done.value.code == 2
    assert "a remote language model is to answer, and none is set" in capsys.readouterr().err
