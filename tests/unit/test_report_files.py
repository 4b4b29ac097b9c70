"""A report on disk is the older one or the new one; where it can't be written, the reason is told before and after."""

from __future__ import annotations

import json
import os
import resource
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench import cli
from bench.report_figures import write_json
from bench.report_files import check_target, write_whole
from common.errors import StorageError

NOBODY = 65_534


@contextmanager
def without_privileges() -> Iterator[None]:
    """Be nobody for a while: permissions don't stop whoever runs tests as root."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder that everybody may look into and nobody may put anything into, with a report in it."""
    folder = Path(tempfile.mkdtemp(prefix="read-only-"))  # pytest's own folders are closed to nobody
    (folder / "report.json").write_text("older")
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    """Have the system refuse every byte of a file beyond `size`, as a disk does that becomes full half way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_new_report_replaces_the_older_one_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("older, and longer than what comes")
    write_json(path, {"a": "ä"})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": "ä"}
    assert os.listdir(tmp_path) == ["report.json"]


def test_a_new_file_has_the_permissions_of_any_other_and_an_older_one_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("")
    write_whole(tmp_path / "new", "new")
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "other").stat().st_mode
    (tmp_path / "private").touch(mode=0o600)
    write_whole(tmp_path / "private", "new")
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o600


def test_what_fails_half_way_leaves_the_older_report_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("older")
    with files_limited_to(20_000), pytest.raises(StorageError, match=r"report\.json can't be written: File too large"):
        write_whole(path, "newer" * 10_000)
    assert path.read_text() == "older"
    assert os.listdir(tmp_path) == ["report.json"]


def test_whoever_reads_meanwhile_never_finds_half_a_report(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_whole(path, "0" * 200_000)
    over, seen = threading.Event(), set[str]()

    def read() -> None:
        while not over.is_set():
            seen.add(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 200):
        write_whole(path, str(number % 10) * 200_000)
    over.set()
    reader.join()
    assert {len(text) for text in seen} == {200_000}
    assert all(len(set(text)) == 1 for text in seen)


def test_a_full_disk_is_told_as_that() -> None:
    # As nobody: root could put a file in the device's place, which is what a mistake in here would do.
    with (
        without_privileges(),
        pytest.raises(StorageError, match="/dev/full can't be written: the disk is full; free space") as told,
    ):
        write_whole(Path("/dev/full"), "x")
    assert told.value.code == "storage.full"


def test_a_folder_that_is_read_only_is_told_as_that_before_and_after(read_only: Path) -> None:
    for target in (read_only / "new.json", read_only / "report.json"):
        with without_privileges():
            with pytest.raises(StorageError, match="can't be written: ") as before:
                check_target(target)
            with pytest.raises(StorageError, match="can't be written: ") as after:
                write_whole(target, "newer")
        assert before.value.code == after.value.code == "storage.read_only"
    assert os.listdir(read_only) == ["report.json"]
    assert (read_only / "report.json").read_text() == "older"


def test_a_folder_that_becomes_read_only_between_is_told_as_that(
    read_only: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.report_files.check_target", lambda _path: None)
    with without_privileges(), pytest.raises(StorageError, match="nothing can be put into") as told:
        write_whole(read_only / "new.json", "newer")
    assert told.value.code == "storage.read_only"


def test_a_report_that_is_kept_from_being_written_over_is_not(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="kept-"))
    try:
        folder.chmod(0o777)
        kept = folder / "baseline.json"
        kept.write_text("older")
        kept.chmod(0o444)
        with without_privileges(), pytest.raises(StorageError, match="it is read-only; choose another file"):
            write_whole(kept, "newer")
        assert kept.read_text() == "older"
    finally:
        shutil.rmtree(folder)


def test_a_missing_folder_and_a_folder_in_the_files_place_are_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"there is no folder .*missing; make it first"):
        check_target(tmp_path / "missing" / "page.html")
    with pytest.raises(StorageError, match=r"is a folder; give a file in it"):
        check_target(tmp_path)


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "run-1.json").write_text("older")
    (tmp_path / "last.json").symlink_to("kept/run-1.json")
    write_whole(tmp_path / "last.json", "newer")
    assert (tmp_path / "last.json").is_symlink()
    assert (tmp_path / "kept" / "run-1.json").read_text() == "newer"


def test_a_pipe_is_written_to_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    write_whole(pipe, "figures")
    reader.join()
    assert got == ["figures"]
    assert pipe.is_fifo()


def test_what_no_file_can_hold_is_replaced(tmp_path: Path) -> None:
    write_json(tmp_path / "report.json", {"heard": "half \ud800 and \ud83d" + "\ude00"})
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8")) == {"heard": "half \ufffd and \U0001f600"}


@pytest.mark.parametrize(
    "command",
    [
        ("eval", "turns", "{folder}", "--json"),
        ("eval", "turns", "{folder}", "--svg"),
        ("eval", "pauses", "{folder}", "--json"),
        ("eval", "cues", "{folder}/none.yaml", "--json"),
        ("replay", "{folder}/none.wav", "--record"),
        ("replay", "{folder}/none.wav", "--html"),
        ("bench", "load", "--json"),
        ("bench", "stt", "--json"),
        ("bench", "interruptions", "--json"),
    ],
)
def test_nothing_is_measured_that_could_not_be_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    given = [word.format(folder=tmp_path) for word in command]
    with pytest.raises(SystemExit) as stopped:
        cli.main([*given, str(tmp_path / "missing" / "report")])
    assert stopped.value.code == 1
    error = capsys.readouterr().err
    assert "there is no folder" in error
    assert len(error.splitlines()) == 1
