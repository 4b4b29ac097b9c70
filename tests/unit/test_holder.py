"""What each of several servers holds, and what becomes of it when one dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.errors import StorageError
from server.records.holder import FORGET_AFTER_S, Holder, SharedHolder
from tests.app.process import ROOT

ONE, TWO = "sess_0123456789abcdef0123", "exam_1"


@contextmanager
def another(data: Path, name: str, *held: str) -> Iterator[subprocess.Popen[str]]:
    """Have a process of its own hold things until it is told to end, or is killed."""
    program = f"""
import sys
from pathlib import Path
from server.records.holder import SharedHolder
holder = SharedHolder(Path({str(data)!r}), {name!r})
for what in {held!r}:
    holder.hold(what)
print("holds", flush=True)
sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_only_server_writes_nothing_down(tmp_path: Path) -> None:
    holder = Holder()
    holder.hold(ONE)
    assert holder.own() == holder.elsewhere() == set()
    assert holder.holder_of(ONE) is None
    holder.let_go(ONE)
    holder.release()
    assert list(tmp_path.iterdir()) == []


def test_each_knows_what_the_others_hold(tmp_path: Path) -> None:
    a, b = SharedHolder(tmp_path, "a"), SharedHolder(tmp_path, "b")
    a.hold(ONE)
    b.hold(TWO)
    assert (a.own(), a.elsewhere()) == ({ONE}, {TWO})
    assert b.holder_of(ONE) == "a"
    assert a.holder_of(ONE) is None  # it is its own
    a.let_go(ONE)
    a.let_go(ONE)
    assert b.holder_of(ONE) is None
    assert b.dead() == {}
    a.release()
    b.release()


def test_a_name_is_taken_until_its_server_is_gone(tmp_path: Path) -> None:
    with another(tmp_path, "a") as process:
        with pytest.raises(StorageError, match="another server runs as a"):
            SharedHolder(tmp_path, "a")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        SharedHolder(tmp_path, "a").release()


def test_what_a_killed_server_held_is_taken_over(tmp_path: Path) -> None:
    b = SharedHolder(tmp_path, "b")
    with another(tmp_path, "a", ONE, TWO) as process:
        assert b.dead() == {}
        assert b.take_over("a") == set()  # it lives
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert b.dead() == {"a": {ONE, TWO}}
    assert b.take_over("a") == {ONE, TWO} == b.own()
    assert b.dead() == {}
    b.release()


def test_a_server_that_stands_still_keeps_what_it_holds(tmp_path: Path) -> None:
    b = SharedHolder(tmp_path, "b")
    with another(tmp_path, "a", ONE) as process:
        os.kill(process.pid, signal.SIGSTOP)
        assert b.dead() == {}
        assert b.take_over("a") == set()
        assert b.holder_of(ONE) == "a"
    b.release()


def test_of_many_that_take_over_each_thing_goes_to_one(tmp_path: Path) -> None:
    things = [f"sess_{number:020x}" for number in range(200)]
    with another(tmp_path, "dead", *things) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    heirs = [SharedHolder(tmp_path, name) for name in ("a", "b", "c")]
    taken: dict[str, set[str]] = {}

    def take(heir: SharedHolder) -> None:
        found: set[str] = set()
        while heir.dead():
            found |= heir.take_over("dead")
        taken[heir.name] = found

    threads = [threading.Thread(target=take, args=(heir,)) for heir in heirs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(thing for found in taken.values() for thing in found) == things
    assert {heir.name: heir.own() for heir in heirs} == taken
    for heir in heirs:
        heir.release()


def test_one_that_held_nothing_is_forgotten_after_a_day(tmp_path: Path) -> None:
    SharedHolder(tmp_path, "old").release()
    b = SharedHolder(tmp_path, "b")
    b.dead()
    assert (tmp_path / "instances" / "old").is_dir()
    long_ago_s = time.time() - FORGET_AFTER_S - 1.0
    os.utime(tmp_path / "instances" / "old", (long_ago_s, long_ago_s))
    b.dead()
    assert not (tmp_path / "instances" / "old").exists()
    SharedHolder(tmp_path, "old").release()  # it may come back
    b.release()


def test_a_folder_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "instances").write_text("")
    with pytest.raises(StorageError):
        SharedHolder(tmp_path, "a")
