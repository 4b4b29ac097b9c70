"""Recordings named one by one or by their folder: found in order, called by names that tell them apart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from audio.recording_files import find_recordings, names_of
from common.errors import AudioError


def made(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def found(folder: Path, *paths: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in find_recordings(paths or [folder])]


def test_a_folder_means_its_recordings_and_those_of_its_folders_sorted(tmp_path: Path) -> None:
    made(tmp_path, "b.wav", "a.flac", "deep/er/c.ogg", "deep/a.WAV", "a.truth.yaml", "a.txt", "notes.wav.txt", "d.mp3")
    assert found(tmp_path) == ["a.flac", "b.wav", "deep/a.WAV", "deep/er/c.ogg"]


def test_what_is_hidden_is_left_out(tmp_path: Path) -> None:
    made(tmp_path, "._a.wav", ".a.wav.part", ".trash/b.wav", "a.wav")
    assert found(tmp_path) == ["a.wav"]


def test_links_to_files_are_taken_and_links_to_folders_are_not(tmp_path: Path) -> None:
    made(tmp_path, "here/a.wav", "there/b.wav")
    (tmp_path / "here" / "b.wav").symlink_to(tmp_path / "there" / "b.wav")
    (tmp_path / "here" / "round").symlink_to(tmp_path)
    assert found(tmp_path, tmp_path / "here") == ["here/a.wav", "here/b.wav"]


def test_files_and_folders_keep_the_order_in_which_they_are_given(tmp_path: Path) -> None:
    made(tmp_path, "one/a.wav", "one/b.wav", "c.mp3", "a.wav")
    paths = [tmp_path / "c.mp3", tmp_path / "one", tmp_path / "a.wav"]
    assert found(tmp_path, *paths) == ["c.mp3", "one/a.wav", "one/b.wav", "a.wav"]
    assert find_recordings([]) == []


@pytest.mark.parametrize(
    ("asked", "says"), [("empty", "'.*empty' holds no recordings"), ("missing", "'.*missing' can't be used: No such")]
)
def test_a_folder_without_any_and_a_path_that_is_not_there_are_plain_errors(
    tmp_path: Path, asked: str, says: str
) -> None:
    made(tmp_path, "empty/notes.txt", "a.wav")
    with pytest.raises(AudioError, match=says):
        find_recordings([tmp_path / "a.wav", tmp_path / asked])


def test_a_folder_that_cannot_be_searched_is_a_plain_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, "a.wav", "locked/b.wav")
    scandir = os.scandir

    def locked(path: str) -> object:  # permissions don't stop whoever runs tests as root
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    with pytest.raises(AudioError, match="locked' can't be searched: Permission denied"):
        find_recordings([tmp_path])


def test_a_name_that_is_no_utf_8_can_still_be_told() -> None:
    assert names_of([Path("gr\udcfc\udcdfe.wav")]) == ["gr\ufffd\ufffde.wav"]


def test_names_are_as_long_as_it_takes_to_tell_them_apart() -> None:
    paths = [Path("/x/ann/1.wav"), Path("/x/ben/1.wav"), Path("/x/ben/2.wav"), Path("/y/ben/1.wav")]
    assert names_of(paths) == ["ann/1.wav", "x/ben/1.wav", "2.wav", "y/ben/1.wav"]
    assert names_of([Path("a.wav"), Path("a.wav")]) == ["a.wav", "a.wav"]
    assert names_of([Path("/a.wav"), Path("/b/a.wav")])[1] == "b/a.wav"
    assert names_of([]) == []
