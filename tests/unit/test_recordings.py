"""Recordings in an object store: moved whole or not at all, read from any place, and gone once they were erased."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from obstore.store import MemoryStore

from audio.recorder import RECORDING_NAME, SegmentWriter, join
from common.errors import StorageError
from common.seal import Seal
from server.objects.objects import object_store_error
from server.objects.s3 import StoredObjects
from server.records.folder import ELSEWHERE, RecordFolder
from server.records.recordings import Recordings
from tests.sealed import new_vault

SAMPLES = 240_000


class Troubled(StoredObjects):
    """An object store that refuses, or forgets half of what it was given."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(store)
        self.down = False
        self.forgets = False

    def put(self, name: str, path: Path) -> None:
        self._check()
        super().put(name, path)

    def read(self, name: str, start: int, length: int) -> bytes:
        self._check()
        return super().read(name, start, length)[: length // 2 if self.forgets else length]

    def delete(self, name: str) -> None:
        self._check()
        super().delete(name)

    def _check(self) -> None:
        if self.down:
            raise object_store_error("the object store does not answer")


class World:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.vault = new_vault()
        self.store = MemoryStore()
        self.objects = Troubled(self.store)
        self.recordings = Recordings(self.objects, prefix="oet/")

    def session(self, name: str = "sess_1", *, sealed: bool = True) -> tuple[Path, Seal | None]:
        folder = self.root / name
        folder.mkdir()
        seal = self.vault.make_session(folder) if sealed else None
        writer = SegmentWriter(folder, seal=seal)
        noise = np.random.default_rng(1).integers(-9_000, 9_000, (SAMPLES, 2)).astype(np.int16)
        writer.write(noise)
        writer.close()
        join(folder, seal=seal)
        return folder, seal

    @property
    def names(self) -> list[str]:
        return sorted(str(each["path"]) for batch in self.store.list() for each in batch)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_moved_recording_is_the_same_one(world: World) -> None:
    folder, seal = world.session()
    here = Recordings()
    said, digest, facts = here.open(folder, seal).read(), here.digest(folder), here.facts(folder, seal)
    assert world.recordings.move(folder, seal)
    assert not (folder / RECORDING_NAME).exists()
    assert world.names == [f"oet/sess_1/{RECORDING_NAME}"]
    assert world.recordings.open(folder, seal).read() == said
    assert world.recordings.digest(folder) == digest
    assert world.recordings.facts(folder) == facts
    with world.recordings.open(folder, seal) as file:
        for at, length in ((0, 4), (len(said) - 10, 10), (70_000, 200_000), (65_530, 12), (3, 1)):
            file.seek(at)
            assert file.read(length) == said[at : at + length]
    assert not world.recordings.move(folder, seal)  # twice is no harm


def test_nothing_in_the_plain_goes_elsewhere(world: World) -> None:
    folder, _ = world.session(sealed=False)
    assert not world.recordings.move(folder, None)
    assert (folder / RECORDING_NAME).is_file()
    assert world.names == []


@pytest.mark.parametrize("trouble", ["down", "forgets"])
def test_what_the_store_does_not_take_stays_here_and_goes_later(world: World, trouble: str) -> None:
    folder, seal = world.session()
    said = Recordings().open(folder, seal).read()
    setattr(world.objects, trouble, True)
    with pytest.raises(StorageError) as refused:
        world.recordings.move(folder, seal)
    assert refused.value.code == "storage.objects"
    assert world.recordings.facts(folder, seal).state == "ready"
    assert world.recordings.open(folder, seal).read() == said
    setattr(world.objects, trouble, False)
    assert world.recordings.move_left([folder], world.vault.open_session) == 1
    assert world.recordings.open(folder, seal).read() == said


def test_a_store_that_is_down_is_asked_once_in_a_round(world: World) -> None:
    folders = [world.session(f"sess_{number}")[0] for number in range(3)]
    world.objects.down = True
    assert world.recordings.move_left(folders, world.vault.open_session) == 0
    # The second one was not begun.
    assert [(folder / ELSEWHERE).exists() for folder in folders] == [True, False, False]
    world.objects.down = False
    assert world.recordings.move_left(folders, world.vault.open_session) == 3


def test_what_is_erased_is_gone_there_too_at_once_or_later(world: World) -> None:
    folder, seal = world.session()
    world.recordings.move(folder, seal)
    world.objects.down = True
    assert not world.recordings.erase(folder)
    # Nobody can read it any more.
    assert RecordFolder(folder).erased
    assert not RecordFolder(folder).is_half_erased
    assert world.recordings.facts(folder).state == "deleted"
    assert len(world.names) == 1
    world.objects.down = False
    assert world.recordings.move_left([folder], world.vault.open_session) == 1
    assert world.names == []
    assert not (folder / ELSEWHERE).exists()
    other, seal = world.session("sess_2")
    world.recordings.move(other, seal)
    assert world.recordings.erase(other)
    assert world.names == []


def test_an_object_whose_move_was_cut_off_is_deleted_with_the_rest(world: World) -> None:
    folder, seal = world.session()
    kept = (folder / RECORDING_NAME).read_bytes()
    world.recordings.move(folder, seal)
    # As if the power had gone before the note was completed.
    note = json.loads((folder / ELSEWHERE).read_text()) | {"complete": False}
    (folder / ELSEWHERE).write_text(json.dumps(note))
    (folder / RECORDING_NAME).write_bytes(kept)
    assert world.recordings.erase(folder)
    assert world.names == []


def test_what_lies_elsewhere_is_not_looked_for_here(world: World) -> None:
    folder, seal = world.session()
    world.recordings.move(folder, seal)
    for act in (lambda: Recordings().open(folder, seal), lambda: Recordings().digest(folder)):
        with pytest.raises(StorageError, match=r"recordings\.store is disk") as refused:
            act()
        assert refused.value.code == "storage.objects"
    (folder / ELSEWHERE).write_text("{")
    with pytest.raises(StorageError) as damaged:
        world.recordings.open(folder, seal)
    assert damaged.value.code == "storage.damaged"


def test_an_object_that_is_gone_is_said(world: World) -> None:
    folder, seal = world.session()
    world.recordings.move(folder, seal)
    world.store.delete(world.names)
    with pytest.raises(StorageError) as gone:
        world.recordings.open(folder, seal)
    assert gone.value.code == "storage.objects"
