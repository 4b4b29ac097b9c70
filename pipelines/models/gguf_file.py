"""What a GGUF file says of itself and where its tensors lie; the numbers are unpacked one tensor at a time.

The layout is that of the ggml project's specification (docs/gguf.md, version 3, little endian): magic, version, the
number of tensors and of entries, the entries (key, type, value), for each tensor its name, shape, type and place, then,
aligned, the tensors one after another.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_ALIGNMENT_BYTES = 32
_MOST_ENTRIES = 100_000
_MOST_ITEMS = 4_000_000
_MOST_TEXT_BYTES = 1 << 24
_MOST_DIMENSIONS = 4


class NotGguf(ValueError):
    """The file is not what GGUF's specification says, or is cut off; the message says where."""


@dataclass(frozen=True, slots=True)
class Packing:
    """How numbers are packed: so many values a block, in so many bytes, and what unpacks rows of blocks."""

    name: str
    values: int
    size_bytes: int
    unpack: Callable[[NDArray[np.uint8]], Floats]


def _halves(blocks: NDArray[np.uint8], start: int) -> Floats:
    """Return the float16 that begins at that byte of each block, as a column."""
    return np.ascontiguousarray(blocks[:, start : start + 2]).view(np.float16).astype(np.float32)


def _nibbles(blocks: NDArray[np.uint8], start: int) -> Floats:
    """Return the 32 whole numbers of 16 bytes: their lower halves, then their upper ones."""
    packed = blocks[:, start : start + 16]
    return np.concatenate([packed & 0x0F, packed >> 4], axis=1).astype(np.float32)


def _q4_0(blocks: NDArray[np.uint8]) -> Floats:
    return _halves(blocks, 0) * (_nibbles(blocks, 2) - 8)


def _q4_1(blocks: NDArray[np.uint8]) -> Floats:
    return _halves(blocks, 0) * _nibbles(blocks, 4) + _halves(blocks, 2)


def _q8_0(blocks: NDArray[np.uint8]) -> Floats:
    return _halves(blocks, 0) * np.ascontiguousarray(blocks[:, 2:]).view(np.int8).astype(np.float32)


def _f32(blocks: NDArray[np.uint8]) -> Floats:
    return blocks.view(np.float32)


def _f16(blocks: NDArray[np.uint8]) -> Floats:
    return blocks.view(np.float16).astype(np.float32)


def _bf16(blocks: NDArray[np.uint8]) -> Floats:
    # The upper half of a float32.
    return (blocks.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


PACKINGS = {
    0: Packing("F32", 1, 4, _f32),
    1: Packing("F16", 1, 2, _f16),
    2: Packing("Q4_0", 32, 18, _q4_0),
    3: Packing("Q4_1", 32, 20, _q4_1),
    8: Packing("Q8_0", 32, 34, _q8_0),
    30: Packing("BF16", 1, 2, _bf16),
}
"""The packings that are understood, by their number in the file."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a tensor lies in the file, and how it is packed; the last dimension runs fastest."""

    shape: tuple[int, ...]
    packing: Packing
    start: int
    size_bytes: int


class GgufFile:
    """A GGUF file: `told` has its entries by key, `tensor` unpacks one of its tensors."""

    def __init__(self, path: Path, told: Mapping[str, Any], places: Mapping[str, _Place]) -> None:
        self.path = path
        self.told = told
        self._places = places

    @property
    def tensors(self) -> dict[str, tuple[int, ...]]:
        """The shapes of the tensors by name, rows first."""
        return {name: place.shape for name, place in self._places.items()}

    def tensor(self, name: str) -> Floats:
        """Return a tensor as float32; raises KeyError for one that is not there."""
        place = self._places[name]
        with self.path.open("rb") as file:
            file.seek(place.start)
            raw = np.frombuffer(file.read(place.size_bytes), dtype=np.uint8)
        blocks = raw.reshape(-1, place.packing.size_bytes)
        return np.asarray(place.packing.unpack(blocks), dtype=np.float32).reshape(place.shape)


def read_gguf(path: Path) -> GgufFile:
    """Read a file's head and check that all it announces is there; raises NotGguf, OSError."""
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        reader = _Reader(file)
        if reader.take(4) != MAGIC:
            raise NotGguf("it does not begin as one does")
        version = reader.number("I")
        if version not in _VERSIONS:
            raise NotGguf(f"its version is {version}; 2 and 3 are understood")
        tensors, entries = reader.count(_MOST_ENTRIES), reader.count(_MOST_ENTRIES)
        told = {reader.text(): reader.value(reader.number("I")) for _ in range(entries)}
        heads = [reader.head() for _ in range(tensors)]
        alignment = told.get("general.alignment", _ALIGNMENT_BYTES)
        if not isinstance(alignment, int) or alignment < 1:
            raise NotGguf("its alignment makes no sense")
        begin = -(-file.tell() // alignment) * alignment
    return GgufFile(path, told, dict(_place(*head, begin=begin, size_bytes=size_bytes) for head in heads))


def _place(
    name: str, shape: tuple[int, ...], kind: int, offset: int, *, begin: int, size_bytes: int
) -> tuple[str, _Place]:
    packing = PACKINGS.get(kind)
    if packing is None:
        known = ", ".join(each.name for each in PACKINGS.values())
        raise NotGguf(f"{name} is packed in a way (number {kind}) that is not understood; {known} are")
    values = 1
    for dimension in shape:
        values *= dimension
    if not shape or shape[-1] % packing.values or not values:
        raise NotGguf(f"{name} has a shape that {packing.name} can't have")
    taken = values // packing.values * packing.size_bytes
    if begin + offset + taken > size_bytes:
        raise NotGguf(f"it is cut off: it ends after {size_bytes} bytes, {name} goes to {begin + offset + taken}")
    return name, _Place(shape, packing, begin + offset, taken)


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def take(self, count: int) -> bytes:
        raw = self._file.read(count)
        if len(raw) != count:
            raise NotGguf("it is cut off inside its head")
        return raw

    def number(self, kind: str) -> Any:
        return struct.unpack(f"<{kind}", self.take(struct.calcsize(f"<{kind}")))[0]

    def count(self, most: int) -> int:
        found: int = self.number("Q")
        if found > most:
            raise NotGguf("its head makes no sense")
        return found

    def text(self) -> str:
        # A token may be a part of a character.
        return self.take(self.count(_MOST_TEXT_BYTES)).decode("utf-8", errors="replace")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            of, count = self.number("I"), self.count(_MOST_ITEMS)
            if of == _STRING:
                return [self.text() for _ in range(count)]
            letter = self._letter(of)
            return list(struct.unpack(f"<{count}{letter}", self.take(count * struct.calcsize(f"<{letter}"))))
        return self.number(self._letter(kind))

    def _letter(self, kind: int) -> str:
        if kind not in _SCALARS:
            raise NotGguf(f"it has a value of an unknown type ({kind})")
        return _SCALARS[kind]

    def head(self) -> tuple[str, tuple[int, ...], int, int]:
        name, rank = self.text(), self.number("I")
        if rank > _MOST_DIMENSIONS:
            raise NotGguf(f"{name} would have {rank} dimensions")
        # The file names the fastest dimension first.
        shape = tuple(self.number("Q") for _ in range(rank))[::-1]
        return name, shape, self.number("I"), self.number("Q")
