"""What a CTranslate2 `model.bin` says of itself: kind, tensors, and whether all of it is there; no weight is read.

The layout is that of CTranslate2's own writer (`ModelSpec._serialize`, little endian): version, name of the
specification, its revision, then for each tensor name, shape, type, bytes and the values, then the aliases.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

OLDEST_VERSION = 2  # from which the file names its specification
NEWEST_VERSION = 6
_SIZES_BYTES = (4, 1, 2, 4, 2, 2)  # float32, int8, int16, int32, float16, bfloat16
_MOST_TENSORS = 100_000
_MOST_DIMENSIONS = 8


class NotCt2(ValueError):
    """The file is not what CTranslate2 writes."""


class CutOff(ValueError):
    """The file ends before what it announces; the message says where."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor's shape and the bytes it takes in the file."""

    shape: tuple[int, ...]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Ct2File:
    """The table of contents of a `model.bin`."""

    version: int
    specification: str
    revision: int
    tensors: dict[str, Tensor]
    aliases: dict[str, str]

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Return a tensor's shape, by its name or alias; None if there is none."""
        tensor = self.tensors.get(self.aliases.get(name, name))
        return tensor.shape if tensor is not None else None


def read_ct2(path: Path) -> Ct2File:
    """Read the table of contents of a `model.bin`; raises NotCt2, CutOff, or OSError."""
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        reader = _Reader(file, size_bytes)
        version = reader.number("I")
        if not OLDEST_VERSION <= version <= NEWEST_VERSION:
            raise NotCt2(f"its version would be {version}")
        specification, revision = reader.text(), reader.number("I")
        count = reader.number("I")
        if not specification.isidentifier() or not 0 < count <= _MOST_TENSORS:
            raise NotCt2("its head makes no sense")
        tensors = {}
        for _ in range(count):
            name, tensor = reader.tensor(version)
            tensors[name] = tensor
        aliases = {}
        for _ in range(reader.number("I") if version >= 3 else 0):
            alias = reader.text()
            aliases[alias] = reader.text()
        if file.tell() != size_bytes:
            raise NotCt2(f"{size_bytes - file.tell()} bytes follow its end")
    return Ct2File(version, specification, revision, tensors, aliases)


class _Reader:
    def __init__(self, file: BinaryIO, size_bytes: int) -> None:
        self._file = file
        self._size_bytes = size_bytes

    def number(self, kind: str) -> int:
        value: int = struct.unpack(f"<{kind}", self._take(struct.calcsize(f"<{kind}")))[0]
        return value

    def text(self) -> str:
        length = self.number("H")
        raw = self._take(length)
        if not raw.endswith(b"\0"):
            raise NotCt2("a name has no end")
        try:
            return raw[:-1].decode("utf-8")
        except UnicodeDecodeError as error:
            raise NotCt2("a name is not text") from error

    def tensor(self, version: int) -> tuple[str, Tensor]:
        name = self.text()
        rank = self.number("B")
        if rank > _MOST_DIMENSIONS:
            raise NotCt2(f"{name} would have {rank} dimensions")
        shape = tuple(self.number("I") for _ in range(rank))
        kind, length = self.number("B"), self.number("I")
        if version >= 4:
            item_bytes = _SIZES_BYTES[kind] if kind < len(_SIZES_BYTES) else None
            size_bytes = length
        else:
            item_bytes, size_bytes = kind, length * kind
        values = 1
        for dimension in shape:
            values *= dimension
        # The count is kept in 32 bits: of a tensor above 4 GiB only the rest is there, so the shape tells its size.
        if item_bytes is not None and values * item_bytes != size_bytes:
            if (values * item_bytes) % (1 << 32) != size_bytes:
                raise NotCt2(f"{name} is {size_bytes} bytes long, not {values * item_bytes}")
            size_bytes = values * item_bytes
        self._skip(size_bytes, name)
        return name, Tensor(shape, size_bytes)

    def _take(self, count: int) -> bytes:
        raw = self._file.read(count)
        if len(raw) != count:
            raise CutOff(f"it ends after {self._size_bytes} bytes, inside its table")
        return raw

    def _skip(self, count: int, name: str) -> None:
        end = self._file.tell() + count
        if end > self._size_bytes:
            raise CutOff(f"it ends after {self._size_bytes} bytes, inside {name}, which goes to {end}")
        self._file.seek(end)
