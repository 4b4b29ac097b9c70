"""A backup comes back as it was, with what was erased since erased; a bad one, or a bad moment, is refused in words."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from common.errors import DatabaseError, StorageError
from pipelines.log.jsonl import EVENTS, PAYLOADS
from pipelines.models.settings import ModelSettings
from server.backups import erasure_list, manifest
from server.backups.data_files import DATA
from server.backups.erasure_list import Erasure, add_to_list, read_list
from server.backups.job import AFTER_START_S, first_wait_s
from server.backups.making import make_backup, shelf_of, tell_erasures
from server.backups.restoring import STAGE, restore
from server.backups.set_aside import ASIDE
from server.backups.state import state_of
from server.records.folder import RecordFolder
from server.records.holder import SharedHolder
from server.records.importing import import_folders
from server.records.locking import lock_folder
from server.records.proof import prove_logs
from server.records.records import Records
from server.settings.store import DatabaseSettings
from server.store import audit, sessions
from server.store.anchors import prove
from server.store.erasures import note_erasure
from tests.nightly import NIGHTLY
from tests.sealed import new_vault
from tests.unit.store.backed_up import MASTER, Data, opened_at, settings_of
from tests.unit.store.conftest import MakeDatabase

pytestmark = pytest.mark.asyncio


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


async def made(data: Data) -> Path:
    return (await make_backup(data.store, data.settings, shelf_of(data.settings), by="a test")).folder


async def state(data: Data) -> str:
    async with data.store.database.reading() as connection:
        return (await connection.run_sync(state_of)).digest


async def proved(data: Data) -> int:
    """Return how many logs are as the audit says, of which none may be wrong."""
    async with data.store.database.reading() as connection:
        assert (await prove(audit.lines(connection))).faults == []
    checked, faults = await prove_logs(data.store, Records(data.root, new_vault()))
    assert faults == []
    return checked


async def erase(data: Data, name: str) -> None:
    RecordFolder(data.root / name).erase()
    async with data.store.database.writing() as connection:
        await note_erasure(connection, name, by="a test")


async def test_a_backup_comes_back_as_it_was(make_database: MakeDatabase, tmp_path: Path) -> None:
    async with opened_at(settings_of(tmp_path / "data", make_database(), tmp_path / "shelf")) as data:
        await data.person("per_1", "Anna")
        for number in range(5):
            await data.held(f"sess_{number}", person="per_1")
        (data.settings.data_path / "remote-spending.json").write_text("{}")
        (data.settings.data_path / "vault.key").write_text("secret")
        # Of servers that run: those of a restored folder hold nothing.
        SharedHolder(data.settings.data_path, "a").hold("sess_1")
        before, was = await state(data), files_of(data.root)
        folder = await made(data)
        told = manifest.read_manifest(folder)
        assert told.database.digest == before
        assert "Anna" not in (folder / manifest.NAME).read_text()
        assert not (folder / DATA / "vault.key").exists()
    other = settings_of(tmp_path / "other", make_database(), tmp_path / "shelf")
    done = await restore(folder, other)
    assert (done.state.digest, done.again.sessions) == (before, [])
    assert files_of(other.data_path / "sessions") == was
    assert sorted(path.name for path in other.data_path.iterdir()) == [
        ".lock", "erasures.jsonl", "remote-spending.json", "sessions"
    ]  # fmt: skip
    async with opened_at(other) as back:
        assert await proved(back) == 5
        async with back.store.database.reading() as connection:
            last = [line async for line in audit.lines(connection)][-1]
        assert (last.action, (last.content or {})["backup"]) == ("backup.restored", folder.name)


async def test_what_was_erased_since_is_erased_again(make_database: MakeDatabase, tmp_path: Path) -> None:
    async with opened_at(settings_of(tmp_path / "data", make_database(), tmp_path / "shelf")) as data:
        for number in range(3):
            await data.held(f"sess_{number}")
        await erase(data, "sess_0")
        folder = await made(data)
        await erase(data, "sess_1")
        await tell_erasures(data.store, data.settings, shelf_of(data.settings))
    # The machine is lost: nothing is left but the backups, and what lies beside them.
    other = settings_of(tmp_path / "other", make_database(), tmp_path / "shelf")
    done = await restore(folder, other)
    assert done.again.sessions == ["sess_1"]
    async with opened_at(other) as back:
        assert await proved(back) == 3
        for number, size in ((0, False), (1, False), (2, True)):
            assert bool((back.root / f"sess_{number}" / PAYLOADS).stat().st_size) is size
        async with back.store.database.reading() as connection:
            known = await sessions.by_ids(connection, [f"sess_{number}" for number in range(3)])
        assert [known[f"sess_{number}"].state for number in range(3)] == ["erased", "erased", "ended"]
    assert read_list(other.data_path / erasure_list.NAME) == {
        Erasure("session", "sess_0"),
        Erasure("session", "sess_1"),
    }


async def test_a_backup_under_load_has_all_that_its_database_tells(make_database: MakeDatabase, tmp_path: Path) -> None:
    async with opened_at(settings_of(tmp_path / "data", make_database(), tmp_path / "shelf")) as data:
        for number in range(3):
            await data.held(f"sess_a{number}")
        stop = asyncio.Event()

        async def go_on(who: str) -> int:
            number = 0
            while not stop.is_set():
                await data.held(f"sess_{who}{number:03}")
                number += 1
            return number

        writers = [asyncio.create_task(go_on(who)) for who in "bcd"]
        folders = [await made(data) for _ in range(3 if NIGHTLY else 1)]
        stop.set()
        assert sum(await asyncio.gather(*writers)) > 3
    for at, folder in enumerate(folders):
        other = settings_of(tmp_path / f"other{at}", make_database(), tmp_path / "shelf")
        done = await restore(folder, other)
        assert done.state.digest == done.manifest.database.digest
        async with opened_at(other) as back:
            assert await proved(back) >= 3


async def test_only_the_newest_are_kept_and_unchanged_files_are_shared(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    async with opened_at(settings_of(tmp_path / "data", make_database(), tmp_path / "shelf", keep=2)) as data:
        await data.held("sess_0")
        folders = [await made(data) for _ in range(2)]
        assert len({(one / DATA / "sessions" / "sess_0" / PAYLOADS).stat().st_ino for one in folders}) == 1
        # What it would share is damaged: it is copied then, and the new backup is whole.
        (folders[1] / DATA / "sessions" / "sess_0" / PAYLOADS).write_bytes(b"x")
        last = await made(data)
        manifest.check(last, manifest.read_manifest(last))
        assert [one.folder for one in shelf_of(data.settings).backups()] == [folders[1], last]
        assert not folders[0].exists()


async def test_sessions_on_another_disk_are_in_it_and_a_disk_that_is_away_is_told_of(tmp_path: Path) -> None:
    async with opened_at(settings_of(tmp_path / "data", DatabaseSettings(), tmp_path / "shelf")) as data:
        await data.held("sess_0")
        was = files_of(data.root)
        data.root.rename(tmp_path / "disk")
        data.root.symlink_to(tmp_path / "disk")
        # These must not be followed: into the backups, and round and round.
        (data.settings.data_path / "old").symlink_to(tmp_path / "shelf")
        (data.settings.data_path / "round").symlink_to(tmp_path)
        folder = await made(data)
        assert files_of(folder / DATA / "sessions") == was
        assert not [name for name in ("old", "round") if (folder / DATA / name).exists()]
        (tmp_path / "disk").rename(tmp_path / "away")
        with pytest.raises(StorageError, match="'sessions' in the data folder is a link to what is not there"):
            await made(data)


async def test_a_folder_that_can_not_be_listed_makes_a_backup_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened_at(settings_of(tmp_path / "data", DatabaseSettings(), tmp_path / "shelf")) as data:
        folder = await data.held("sess_0")
        scandir = os.scandir

        def refuse(path: str) -> object:
            # Root may read anything, so that the rights to it would not do.
            if str(path) == str(folder):
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return scandir(path)

        monkeypatch.setattr("os.scandir", refuse)
        with pytest.raises(StorageError, match="'sess_0' in the data folder can't be read"):
            await made(data)


async def test_a_damaged_backup_is_refused(tmp_path: Path) -> None:
    async with opened_at(settings_of(tmp_path / "data", DatabaseSettings(), tmp_path / "shelf")) as data:
        await data.held("sess_0")
        folder = await made(data)
    at = 0

    async def refused(words: str) -> None:
        nonlocal at
        at += 1
        other = settings_of(tmp_path / f"other{at}", DatabaseSettings(), tmp_path / "shelf")
        with pytest.raises(StorageError, match=words) as told:
            await restore(folder, other)
        assert told.value.code in ("backup.damaged", "backup.none")
        assert not (tmp_path / f"other{at}").exists()

    for name in (f"{DATA}/sessions/sess_0/{EVENTS}", "interlocutor.sqlite", manifest.NAME):
        path = folder / name
        whole = path.read_bytes()
        flipped = bytes([whole[len(whole) // 2] ^ 1])
        for bad in (whole[:-1], whole[: len(whole) // 2] + flipped + whole[len(whole) // 2 + 1 :]):
            path.write_bytes(bad)
            await refused("is damaged")
        path.unlink()
        await refused("is missing|is no backup")
        path.write_bytes(whole)
    (folder / DATA / "more").write_text("")
    await refused("not in the manifest")


async def test_a_place_in_use_or_not_empty_is_refused(make_database: MakeDatabase, tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data", make_database(), tmp_path / "shelf")
    async with opened_at(settings) as data:
        await data.held("sess_0")
        folder = await made(data)
        with pytest.raises(StorageError, match="not empty"):
            await restore(folder, settings)
        # Another folder, and the database of a server that runs.
        beside = settings_of(tmp_path / "beside", settings.database, tmp_path / "shelf")
        with pytest.raises((StorageError, DatabaseError), match=r"not empty|already"):
            await restore(folder, beside)
        assert await proved(data) == 1
    other = settings_of(tmp_path / "other", make_database(), tmp_path / "shelf")
    lock = lock_folder(other.data_path)
    try:
        with pytest.raises(StorageError, match="in use"):
            await restore(folder, other)
    finally:
        os.close(lock)


async def test_without_the_list_of_erasures_it_is_refused_or_said(tmp_path: Path) -> None:
    async with opened_at(settings_of(tmp_path / "data", DatabaseSettings(), tmp_path / "shelf")) as data:
        await data.held("sess_0")
        folder = (await made(data)).rename(tmp_path / "taken away")
    other = settings_of(tmp_path / "other", DatabaseSettings(), tmp_path / "shelf")
    with pytest.raises(StorageError, match="nobody can tell what was erased"):
        await restore(folder, other)
    log = tmp_path / "server.log"
    log.write_text('{"event": "session_erased", "data": {"session": "sess_0"}}\nplain\n{"event": "other"}\n')
    done = await restore(folder, other, lists=[log])
    assert done.again.sessions == ["sess_0"]
    assert (
        await restore(folder, settings_of(tmp_path / "third", DatabaseSettings(), folder), without_lists=True)
    ).lists == []


async def test_a_newer_form_or_another_kind_is_refused(make_database: MakeDatabase, tmp_path: Path) -> None:
    async with opened_at(settings_of(tmp_path / "data", make_database(), tmp_path / "shelf")) as data:
        async with data.store.database.writing() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = '999'"))
        folder = await made(data)
        kind = manifest.read_manifest(folder).database.kind
    other = settings_of(tmp_path / "other", make_database(), tmp_path / "shelf")
    with pytest.raises(DatabaseError, match="newer than this program"):
        await restore(folder, other)
    wrong = DatabaseSettings(url="postgresql://x/y" if kind == "sqlite" else None)  # type: ignore[arg-type]
    with pytest.raises(DatabaseError, match="backup of"):
        await restore(folder, settings_of(tmp_path / "other", wrong, tmp_path / "shelf"))


async def test_two_at_once_and_one_that_was_killed(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data", DatabaseSettings(), tmp_path / "shelf")
    async with opened_at(settings) as data:
        await data.held("sess_0")
        first = await made(data)
        async with shelf_of(settings).taken():
            with pytest.raises(StorageError, match="another backup is being made"):
                await made(data)
        # In another process, killed in the middle: between its files and its manifest.
        script = (
            "import os, signal, sys\n"
            "from server.backups import making\n"
            "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
            "making._write = die\n"
            "from server.cli import main\n"
            "main(['backup', '--set', sys.argv[1], '--to', sys.argv[2]])\n"
        )
        words = (sys.executable, "-c", script, f"data_path={settings.data_path}", str(tmp_path / "shelf"))
        master = os.environ | {"INTERLOCUTOR__VAULT__KEY": MASTER}
        killed = await asyncio.to_thread(subprocess.run, words, capture_output=True, timeout=120, env=master)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        names = [path.name for path in (tmp_path / "shelf").iterdir()]
        assert any(name.startswith(".making-") for name in names)
        assert [one.folder for one in shelf_of(settings).backups()] == [first]
        second = await made(data)
        assert sorted(path.name for path in (tmp_path / "shelf").iterdir()) == sorted(
            [".lock", erasure_list.NAME, first.name, second.name]
        )


async def test_a_full_disk_leaves_the_earlier_ones_and_says_so(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data", DatabaseSettings(), tmp_path / "shelf", keep=1)
    async with opened_at(settings) as data:
        await data.held("sess_0")
        first = await made(data)
        big = await data.held("sess_1")
        (big / "recording.flac").write_bytes(os.urandom(900_000))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (800_000, hard))
            with pytest.raises(StorageError, match="can't be written"):
                await made(data)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, before)
        assert [one.folder for one in shelf_of(settings).backups()] == [first]
        assert not list((tmp_path / "shelf").glob(".making-*"))
        manifest.check(first, manifest.read_manifest(first))
        await made(data)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on another file system than the tests' own."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


async def test_a_folder_on_another_file_system_will_do(tmp_path: Path, elsewhere: Path) -> None:
    async with opened_at(settings_of(tmp_path / "data", DatabaseSettings(), elsewhere)) as data:
        await data.held("sess_0")
        folder = await made(data)
        was = files_of(data.root)
    other = settings_of(tmp_path / "other", DatabaseSettings(), elsewhere)
    await restore(folder, other)
    assert files_of(other.data_path / "sessions") == was


async def test_a_clock_that_was_set_back_does_not_make_the_newest_the_oldest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(tmp_path / "data", DatabaseSettings(), tmp_path / "shelf", keep=1)
    async with opened_at(settings) as data:
        await made(data)
        monkeypatch.setattr("time.gmtime", lambda *_: __import__("time").struct_time((1999, 1, 1, 0, 0, 0, 4, 1, 0)))
        last = await made(data)
        monkeypatch.undo()
        assert "19990101" in last.name
        assert [one.folder for one in shelf_of(settings).backups()] == [last]


async def test_a_list_that_a_crash_cut_off_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / erasure_list.NAME
    one, two = Erasure("session", "sess_1"), Erasure("person", "per_1")
    add_to_list(path, [one])
    with path.open("a") as file:
        file.write('{"about": "pers')
    assert read_list(path) == {one}
    assert add_to_list(path, [one, two]) == {one, two}
    assert read_list(path) == {one, two}
    assert [json.loads(line)["id"] for line in path.read_text().splitlines() if line.endswith("}")] == [
        "sess_1",
        "per_1",
    ]


@pytest.mark.parametrize(
    ("hours_ago", "wait_s"), [(None, AFTER_START_S), (-1, AFTER_START_S), (30, AFTER_START_S), (20, 4 * 3600)]
)
async def test_when_a_server_makes_its_first(hours_ago: float | None, wait_s: float) -> None:
    made_ms = None if hours_ago is None else round(1e12 - hours_ago * 3.6e6)
    assert first_wait_s(made_ms, 10**12, 24 * 3600.0) == wait_s


# ------------------------------------------------------------------ in the place of what is there


async def test_a_backup_takes_the_place_of_what_is_there_and_nothing_of_that_is_lost(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path / "data", make_database(), tmp_path / "shelf")
    first, second = (f"sess_{number:020x}" for number in (1, 2))
    async with opened_at(settings) as data:
        await data.held(first)
        before = await state(data)
        folder = await made(data)
        await data.held(second)
        (data.settings.data_path / "models" / "tiny.en").mkdir(parents=True)
        await erase(data, first)
    was = files_of(tmp_path / "data" / "sessions")
    with pytest.raises(StorageError, match=r"is not empty .*--aside"):
        await restore(folder, settings)
    # PostgreSQL keeps its database, so the backup comes to a new one.
    there = settings_of(tmp_path / "data", make_database(), tmp_path / "shelf")
    there = there.model_copy(update={"models": ModelSettings(path=tmp_path / "data" / "models")})
    erased = tmp_path / "erased.jsonl"
    add_to_list(erased, {Erasure("session", first)})
    done = await restore(folder, there, lists=[erased], aside=True)
    assert (done.state.digest, done.again.sessions) == (before, [first])
    assert done.aside is not None
    assert files_of(done.aside / "sessions") == was
    assert (tmp_path / "data" / "models" / "tiny.en").is_dir()
    async with opened_at(there) as data:
        assert await proved(data) == 1
        taken = await import_folders(data.store, data.root, {}, new_vault(), source=done.aside)
        assert (taken.taken, taken.here) == ([second], [first])
        # What was set aside is in no backup.
        assert not (await made(data) / DATA / ASIDE).exists()


def kept_files(folder: Path) -> dict[str, bytes]:
    """Return what is no trace of a restore that failed."""
    return {name: content for name, content in files_of(folder).items() if not name.startswith((".lock", STAGE))}


async def test_a_restore_that_fails_brings_back_what_it_had_set_aside(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data", DatabaseSettings(), tmp_path / "shelf")
    async with opened_at(settings) as data:
        await data.held("sess_1")
        folder = await made(data)
    was = files_of(tmp_path / "data")
    with pytest.raises(StorageError, match="nobody can tell what was erased"):
        await restore(folder.rename(tmp_path / folder.name), settings, aside=True)
    assert kept_files(tmp_path / "data") == was


async def test_a_restore_that_breaks_at_its_very_end_brings_it_back_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(tmp_path / "data", DatabaseSettings(), tmp_path / "shelf")
    async with opened_at(settings) as data:
        await data.held("sess_1")
        folder = await made(data)
    was = files_of(tmp_path / "data")
    really = os.replace

    def replace(source: Path, to: Path) -> None:
        if Path(to).name == "interlocutor.db":
            raise OSError(errno.EIO, "input/output error")
        really(source, to)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(StorageError):
        await restore(folder, settings, without_lists=True, aside=True)
    monkeypatch.undo()
    assert kept_files(tmp_path / "data") == was


async def test_a_data_folder_that_a_server_uses_is_left_alone(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data", DatabaseSettings(), tmp_path / "shelf")
    async with opened_at(settings) as data:
        folder = await made(data)
    lock = lock_folder(tmp_path / "data")
    try:
        with pytest.raises(StorageError, match="in use by another server"):
            await restore(folder, settings, without_lists=True, aside=True)
    finally:
        os.close(lock)
    assert not (tmp_path / "data" / ASIDE).exists()
