"""Commands that take recordings take folders of them: what is in the folder is played, and named apart."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bench import cli

DATA = Path(__file__).parents[1] / "data"
MOCK = ("--set", "engines.backend=mock")
CARD = ("--card", "nursing-leg-wound")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two short recordings of the same name, one of them deeper, with their truth files."""
    for below in ("talks", "talks/ben"):
        (tmp_path / below).mkdir()
        for suffix in ("wav", "truth.yaml"):
            shutil.copy(DATA / f"rate-8k.{suffix}", tmp_path / below)
    return tmp_path / "talks"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert isinstance(stopped.value.code, int) or stopped.value.code is None
    return stopped.value.code or 0


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_eval_pauses_takes_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = folder.parent / "report.json"
    assert run("eval", "pauses", str(folder), *MOCK, *CARD, "--json", str(report)) == 0
    printed = capsys.readouterr().out
    for name in ("ben/rate-8k.wav", "talks/rate-8k.wav"):
        assert name in printed
    rows = read(report)["utterances"]
    assert [(row["source"], row["number"]) for row in rows] == [("ben/rate-8k.wav", 1), ("talks/rate-8k.wav", 1)]


def test_replay_takes_a_folder_beside_a_file(folder: Path) -> None:
    report = folder.parent / "report.json"
    alone = str(DATA / "thinking-pause.flac")
    assert run("replay", alone, str(folder), *MOCK, *CARD, "--pace", "fast", "--json", str(report)) == 0
    told = read(report)
    names = ["thinking-pause.flac", "ben/rate-8k.wav", "talks/rate-8k.wav"]
    assert told["about"]["recordings"] == names
    assert [turn["source"] for turn in told["turns"]] == names


@pytest.mark.parametrize(
    "command", [("replay", *CARD), ("eval", "pauses"), ("bench", "load"), ("bench", "interruptions")]
)
@pytest.mark.parametrize(
    ("asked", "says"), [("empty", "holds no recordings"), ("missing", "No such file or directory")]
)
def test_a_folder_without_recordings_and_a_path_that_is_not_there_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...], asked: str, says: str
) -> None:
    (tmp_path / "empty").mkdir()
    assert run(*command, str(tmp_path / asked)) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"error: '{tmp_path / asked}' ")
    assert says in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("command", [("replay",), ("eval", "pauses"), ("bench", "load"), ("bench", "interruptions")])
def test_help_says_that_folders_are_taken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert run(*command, "--help") == 0
    assert "or folders of them" in " ".join(capsys.readouterr().out.split())
