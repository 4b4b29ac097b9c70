"""How far pip has come with a wheel, as its temporary folders tell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.models import pip_download


def test_the_largest_wheel_is_the_one_that_comes(tmp_path: Path) -> None:
    (tmp_path / "unpack-a").mkdir()
    (tmp_path / "unpack-a" / "one.whl").write_bytes(b"12345")
    (tmp_path / "unpack-a" / "notes.txt").write_bytes(b"1234567890")
    (tmp_path / "unpack-b").mkdir()
    (tmp_path / "unpack-b" / "two.whl").write_bytes(b"123")
    assert pip_download._largest_wheel(tmp_path) == 5


def test_folders_may_go_while_they_are_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pip takes its folders away at its own time: one that goes between being listed and being opened is no error."""
    gone = tmp_path / "unpack-a"
    gone.mkdir()
    scandir = os.scandir

    def taken_away(path: str) -> Iterator[os.DirEntry[str]]:
        if Path(path) == gone:
            gone.rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", taken_away)
    assert pip_download._largest_wheel(tmp_path) == 0
    assert not gone.exists()
