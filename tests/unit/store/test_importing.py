"""Role-plays of an earlier, or another, installation: taken in whole, once, and proved from then on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from audio.recorder import RECORDING_NAME, SegmentWriter
from common.errors import StorageError
from pipelines.log.jsonl import EVENTS
from server.records.importing import import_folders
from server.records.locking import locked_folder
from server.records.proof import prove_logs
from server.records.records import open_records
from server.store import audit, sessions
from server.store.tokens import new_id
from server.vault.opening import open_vault
from tests.sealed import new_vault
from tests.unit.store.backed_up import Data, opened_at, settings_of
from tests.unit.store.conftest import MakeDatabase

pytestmark = pytest.mark.asyncio


def files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith((".lock", "interlocutor.db")):
            yield str(path.relative_to(folder)), path.read_bytes()


async def taken(data: Data, source: Path | None) -> tuple[list[str], list[str], dict[str, str]]:
    vault = open_vault(data.settings)
    done = await import_folders(data.store, data.root, {}, vault, source=source)
    return done.taken, done.here, done.left


async def test_another_installation_is_taken_over_as_it_was(make_database: MakeDatabase, tmp_path: Path) -> None:
    plain, cut, torn = (new_id("sess_") for _ in range(3))
    from_settings = settings_of(tmp_path / "from", make_database(), tmp_path / "shelf")
    async with opened_at(from_settings) as source:
        for name in (plain, cut, torn):
            await source.held(name)
    root = tmp_path / "from" / "sessions"
    # Of one the recording is still in segments, of another the log is no log.
    (root / cut / RECORDING_NAME).unlink()
    writer = SegmentWriter(root / cut)
    writer.write(np.zeros((48_000, 2), dtype=np.int16))
    writer.close()
    (root / torn / EVENTS).write_bytes(b"nonsense\n")
    (root / "notes").mkdir()
    os.utime(root / plain, (100, 100))
    before = dict(files_of(root))

    async with opened_at(settings_of(tmp_path / "data", make_database(), tmp_path / "shelf")) as data:
        new, here, left = await taken(data, tmp_path / "from")
        assert (sorted(new), here) == (sorted([plain, cut]), [])
        assert left == {torn: "it holds no log that can be read"}
        assert dict(files_of(root)) == before
        assert (data.root / cut / RECORDING_NAME).is_file()
        assert not (data.root / "notes").exists()
        async with data.store.database.reading() as connection:
            known = await sessions.by_ids(connection, [plain, cut, torn])
            told = [line.action async for line in audit.lines(connection)]
        # By its log's own dates, not by those of files.
        assert known[plain].began_ms > 1e12
        assert sorted(known) == sorted([plain, cut])
        assert (told.count("session.taken_over"), told.count("session.recorded")) == (2, 2)
        assert await prove_logs(data.store, open_records(data.settings)) == (2, [])
        # Once more takes nothing twice.
        assert await taken(data, tmp_path / "from") == ([], sorted([plain, cut, torn]), left)


async def test_what_our_key_does_not_open_a_folder_in_use_or_an_empty_one_is_told_of(tmp_path: Path) -> None:
    from server.settings.store import DatabaseSettings

    name = new_id("sess_")
    source = tmp_path / "from" / "sessions" / name
    source.mkdir(parents=True)
    new_vault().make_session(source)
    async with opened_at(settings_of(tmp_path / "data", DatabaseSettings(), tmp_path / "shelf")) as data:
        _, _, left = await taken(data, tmp_path / "from")
        assert set(left) == {name}
        assert "master key" in left[name]
        assert not (data.root / name).exists()
        with locked_folder(tmp_path / "from"), pytest.raises(StorageError, match="in use"):
            await taken(data, tmp_path / "from")
        shutil.rmtree(tmp_path / "from")
        (tmp_path / "from").mkdir()
        with pytest.raises(StorageError, match="no role-play"):
            await taken(data, tmp_path / "from")
