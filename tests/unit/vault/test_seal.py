"""Seals and sealed files: read from any place, and no changed, moved or cut byte is ever taken for what was written."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pytest
import soundfile

from common.errors import StorageError
from common.seal import Seal
from common.sealed_files import CHUNK_BYTES, SealedWriter, is_sealed, open_file, plain_size, read_file, sealed_bytes

SIZES = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 5)


def written(path: Path, data: bytes, seal: Seal, *, piece: int = 1_000) -> None:
    with path.open("wb", buffering=0) as file:
        writer = SealedWriter(file, seal, path.name)
        for start in range(0, len(data), piece):
            assert writer.write(data[start : start + piece]) == len(data[start : start + piece])
        writer.finish()


def test_a_text_opens_with_its_key_about_the_same_alone() -> None:
    seal, other = Seal.new(), Seal.new()
    sealed = seal.seal(b"I have a headache", about="event 1")
    assert seal.open(sealed, about="event 1") == b"I have a headache"
    assert seal.seal(b"I have a headache", about="event 1") != sealed
    for wrong, text, about in ((other, sealed, "event 1"), (seal, sealed, "event 2"), (seal, sealed[:-1], "event 1")):
        with pytest.raises(StorageError, match="changed or damaged") as raised:
            wrong.open(text, about=about)
        assert raised.value.code == "storage.damaged"


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Seal(b"short")


@pytest.mark.parametrize("size", SIZES)
def test_a_file_says_what_was_written_from_any_place(tmp_path: Path, size: int) -> None:
    seal, path = Seal.new(), tmp_path / "sound"
    data = random.Random(size).randbytes(size)
    for write in (lambda: path.write_bytes(sealed_bytes(data, seal, "sound")), lambda: written(path, data, seal)):
        write()
        assert is_sealed(path)
        assert plain_size(path.stat().st_size) == size
        assert read_file(path, seal) == data
        with open_file(path, seal) as file:
            for start in random.Random(1).sample(range(size + 1), min(size, 20)):
                file.seek(start)
                assert file.read(100) == data[start : start + 100]


def test_the_beginning_can_be_written_again_and_nothing_else(tmp_path: Path) -> None:
    seal, path = Seal.new(), tmp_path / "sound"
    with path.open("wb", buffering=0) as file:
        writer = SealedWriter(file, seal, "sound")
        writer.write(bytes(2 * CHUNK_BYTES))
        writer.seek(4)
        writer.write(b"head")
        assert (writer.tell(), writer.seek(4), writer.read(4)) == (8, 4, b"head")
        writer.seek(CHUNK_BYTES + 1)
        with pytest.raises(OSError, match="first chunk only"):
            writer.write(b"x")
        writer.seek(0, 2)
        writer.write(b"end")
        writer.finish()
    assert read_file(path, seal) == bytes(4) + b"head" + bytes(2 * CHUNK_BYTES - 8) + b"end"


def test_a_flac_is_sealed_as_it_is_encoded(tmp_path: Path) -> None:
    seal, path = Seal.new(), tmp_path / "recording.flac"
    sound = np.random.default_rng(1).integers(-3_000, 3_000, (48_000, 2), dtype=np.int16)
    with path.open("wb", buffering=0) as file:
        writer = SealedWriter(file, seal, path.name)
        with soundfile.SoundFile(cast(BinaryIO, writer), "w", 24_000, 2, format="FLAC", subtype="PCM_16") as out:
            out.write(sound)
        writer.finish()
    assert path.stat().st_size > 2 * CHUNK_BYTES
    decoded, rate_hz = soundfile.read(io.BytesIO(read_file(path, seal)), dtype="int16")
    assert (rate_hz, np.array_equal(decoded, sound)) == (24_000, True)


def test_no_changed_moved_or_cut_byte_is_taken_for_what_was_written(tmp_path: Path) -> None:
    seal, path, drawn = Seal.new(), tmp_path / "sound", random.Random(3)
    data = drawn.randbytes(2 * CHUNK_BYTES + 100)
    whole = sealed_bytes(data, seal, "sound")
    chunk = CHUNK_BYTES + 16
    damaged = [whole[:40] + whole[40 + chunk : 40 + 2 * chunk] + whole[40 : 40 + chunk] + whole[40 + 2 * chunk :]]
    damaged += [whole[: 40 + 2 * chunk], whole[: 40 + chunk], whole[:40], whole[:20], whole + b"\0"]
    for _ in range(100):
        place = drawn.randrange(8, len(whole))
        damaged.append(whole[:place] + bytes([whole[place] ^ 1 << drawn.randrange(8)]) + whole[place + 1 :])
        damaged.append(whole[:place])
    for bad in damaged:
        path.write_bytes(bad)
        with pytest.raises(StorageError):
            read_file(path, seal)


def test_a_file_does_not_open_under_another_name_or_without_its_key(tmp_path: Path) -> None:
    seal, path = Seal.new(), tmp_path / "segment-000002.flac"
    path.write_bytes(sealed_bytes(b"sound", seal, "segment-000001.flac"))
    assert read_file(path, seal, "segment-000001.flac") == b"sound"
    with pytest.raises(StorageError, match="changed or damaged"):
        read_file(path, seal)
    with pytest.raises(StorageError, match="key is not here") as raised:
        read_file(path, None)
    assert raised.value.code == "storage.no_key"


def test_what_was_written_in_the_plain_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"fLaC and so on")
    assert not is_sealed(tmp_path / "old")
    assert read_file(tmp_path / "old", None) == read_file(tmp_path / "old", Seal.new()) == b"fLaC and so on"
