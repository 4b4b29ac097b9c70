"""What an ONNX file says of itself: its inputs and outputs, and whether all of it is there; no weight is read.

An ONNX file is one protobuf message (ModelProto). Its fields are walked by their announced lengths, which need no more
than the varints between them; only the graph's inputs and outputs are looked into.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_GRAPH, _OPSETS = 7, 8  # of ModelProto
_INPUT, _OUTPUT = 11, 12  # of GraphProto
_NAME = 1  # of ValueInfoProto
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST_NAMES_BYTES = 1 << 20


class NotOnnx(ValueError):
    """The file is no ONNX model, or is cut off; the message says which."""


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """Names of a graph's inputs and outputs."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def read_onnx(path: Path) -> OnnxFile:
    """Read the names in an ONNX file; raises NotOnnx or OSError."""
    inputs: list[str] = []
    outputs: list[str] = []
    graphs = opsets = 0
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        for field, end in _fields(file, size_bytes):
            opsets += field == _OPSETS
            if field != _GRAPH or end is None:
                continue
            graphs += 1
            for inner, inner_end in _fields(file, end):
                if inner in (_INPUT, _OUTPUT) and inner_end is not None:
                    (inputs if inner == _INPUT else outputs).append(_name(file, inner_end))
    if graphs != 1 or not opsets:
        raise NotOnnx("it is no ONNX model")
    return OnnxFile(tuple(inputs), tuple(outputs))


def _fields(file: BinaryIO, end: int) -> Iterator[tuple[int, int | None]]:
    """Yield each field's number and, for one with a length, where it ends; the file stands at its start then."""
    while file.tell() < end:
        key = _varint(file)
        field, kind = key >> 3, key & 7
        stop: int | None = None
        if kind == _VARINT:
            _varint(file)
            after = file.tell()
        elif kind in (_FIXED64, _FIXED32):
            after = file.tell() + (8 if kind == _FIXED64 else 4)
        elif kind == _BYTES:
            length = _varint(file)
            after = stop = file.tell() + length
        else:
            raise NotOnnx("it is no ONNX model")
        if after > end:
            raise NotOnnx(f"it is cut off: a part goes to byte {after}, and there are {end}")
        yield field, stop
        file.seek(after)


def _name(file: BinaryIO, end: int) -> str:
    for field, stop in _fields(file, end):
        if field == _NAME and stop is not None and stop - file.tell() <= _LONGEST_NAMES_BYTES:
            return file.read(stop - file.tell()).decode("utf-8", errors="replace")
    return ""


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise NotOnnx("it is cut off")
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise NotOnnx("it is no ONNX model")
