"""`interlocutor setup` and `users`: the first admin's link, changes of an account, and settings that are read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.settings import tree
from tests.app.test_history import command


def test_people_are_invited_changed_and_disabled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    really = tree.load_with_origins

    def load(**given: object) -> tree.LoadedSettings:
        loaded.append(given)
        return really(**given)  # type: ignore[arg-type]

    monkeypatch.setattr(tree, "load_with_origins", load)
    place = ("--set", f"data_path={tmp_path}", "--set", "auth.public_url=https://oet.example")

    def says(*words: str) -> tuple[int, str]:
        loaded.clear()
        code = command(*words, *place)
        assert len(loaded) == 1, words
        told = capsys.readouterr()
        return code, told.out + told.err

    code, link = says("setup", "root")
    assert code == 0
    assert link.startswith("https://oet.example/welcome#iv_"), link
    assert says("setup", "other")[0] == 1
    assert says("users", "invite", "anna@example.org", "--name", "Anna <b>")[0] == 0
    assert says("users", "role", "anna@example.org", "king") == (
        1,
        "error: there is no such role; use one of candidate, examiner, developer, admin\n",
    )
    assert says("users", "role", "anna@example.org", "examiner") == (0, "anna@example.org is examiner now\n")
    assert says("users", "disable", "anna@example.org") == (0, "anna@example.org is disabled now\n")
    assert says("users", "reset", "anna@example.org")[0] == 1
    assert says("users", "enable", "anna@example.org") == (0, "anna@example.org is invited now\n")
    assert says("users", "reset", "anna@example.org")[1].startswith("https://oet.example/welcome#iv_")
    assert "Anna <b>" in says("users", "list")[1]
    assert says("users", "disable", "root")[0] == 1
