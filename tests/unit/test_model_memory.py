"""Amounts of memory as people write them, limits of containers, graphics cards, and memory that comes back."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.models.model_memory import (
    available_to_process,
    files_bytes,
    give_back,
    parse_amount,
    resident_bytes,
    show_bytes,
)
from pipelines.models.nvml import CardMemory, CardReader, visible_card
from tests.random_whisper import make_random_whisper

ROOT = Path(__file__).resolve().parents[2]
MIB, GIB = 1024**2, 1024**3
RETURNS_TO = 0.05


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("8GB", 8 * 10**9),
        ("8 gb", 8 * 10**9),
        ("8G", 8 * 10**9),
        ("512MiB", 512 * MIB),
        ("1.5GiB", GIB * 3 // 2),
        ("2097152", 2 * MIB),
        ("2097152B", 2 * MIB),
        ("80%", 8 * GIB),
        ("100%", 10 * GIB),
        ("0.5", 5 * GIB),
        ("1", 10 * GIB),
    ],
)
def test_amounts_of_memory(text: str, amount: int) -> None:
    assert parse_amount(text, of_bytes=10 * GIB) == amount


@pytest.mark.parametrize("text", ["", "much", "8 gigabytes", "-1GB", "8", "0", "0%", "120%", "0GB", "1e9", "8GB 2"])
def test_what_is_no_amount_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="80%"):
        parse_amount(text, of_bytes=10 * GIB)


def test_amounts_for_people() -> None:
    assert [show_bytes(amount) for amount in (0, 3 * MIB, GIB, 3 * GIB // 2)] == [
        "0 MiB",
        "3 MiB",
        "1.0 GiB",
        "1.5 GiB",
    ]


def group(root: Path, line: str, limits: dict[str, str]) -> Path:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(line)
    for name, limit in limits.items():
        place = root / "sys/fs/cgroup" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(limit)
    return root


@pytest.mark.parametrize(
    ("line", "limits"),
    [
        ("0::/\n", {"memory.max": "67108864\n"}),
        ("0::/kubepods/pod1/own\n", {"memory.max": "max\n", "kubepods/pod1/memory.max": "67108864\n"}),
        ("0::/not/mounted/here\n", {"memory.max": "67108864\n"}),
        ("5:cpu:/x\n4:memory:/docker/abc\n0::/\n", {"memory/docker/abc/memory.limit_in_bytes": "67108864\n"}),
    ],
)
def test_the_limit_of_a_container_counts(tmp_path: Path, line: str, limits: dict[str, str]) -> None:
    assert available_to_process(group(tmp_path, line, limits)) == 64 * MIB


def test_no_limit_is_the_machine(tmp_path: Path) -> None:
    machine = available_to_process(tmp_path)
    assert machine > 256 * MIB
    unlimited = {"memory.max": "max\n", "memory/memory.limit_in_bytes": str(2**63 - 4096)}
    assert available_to_process(group(tmp_path, "3:memory:/\n0::/\n", unlimited)) == machine


def test_resident_memory_counts_children_if_asked() -> None:
    program = "ballast = bytearray(64 * 1024 * 1024); print('up', flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        assert resident_bytes() - resident_bytes(with_children=False) > 64 * MIB
    finally:
        child.communicate(b"\n")


def test_what_is_freed_goes_back_to_the_system() -> None:
    # They are too small for pages of their own: they come from the heap.
    many = [bytearray(1000) for _ in range(60_000)]
    held = resident_bytes(with_children=False)
    del many
    give_back()
    assert held - resident_bytes(with_children=False) > 30 * MIB


# ------------------------------------------------------------------ graphics cards


class Driver:
    """A driver with two cards, told by number and by name; a stand-in for a library that only such a machine has."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def nvmlDeviceGetHandleByIndex_v2(self, index: ctypes.c_uint, card: Any) -> int:
        self.asked.append(index.value)
        card._obj.value = index.value + 1
        return 0 if index.value < 2 else 2

    def nvmlDeviceGetHandleByUUID(self, name: bytes, card: Any) -> int:
        self.asked.append(name)
        card._obj.value = 2
        return 0

    def nvmlDeviceGetMemoryInfo(self, card: ctypes.c_void_p, memory: Any) -> int:
        memory._obj.total, memory._obj.used = 24 * GIB, (card.value or 0) * GIB
        return 0


@pytest.mark.parametrize(
    ("visible", "index", "asked", "used"),
    [(None, 0, 0, 1), (None, 1, 1, 2), ("1", 0, 1, 2), ("GPU-abc,0", 0, b"GPU-abc", 2), ("GPU-abc,0", 1, 0, 1)],
)
def test_memory_of_the_card_that_programs_mean(visible: str | None, index: int, asked: object, used: int) -> None:
    driver = Driver()
    reader = CardReader(lambda: driver, {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible})
    assert reader.read(index) == CardMemory(24 * GIB, used * GIB)
    assert driver.asked == [asked]


def test_a_card_that_is_not_there_has_no_memory() -> None:
    assert CardReader(Driver, {}).read(7) is None
    assert CardReader(lambda: None, {}).read(0) is None
    assert CardMemory(10, 12).free_bytes == 0
    assert visible_card(3, "0,1") == "3"


# ------------------------------------------------------------------ models


def test_loading_three_sizes_and_letting_them_go_returns_to_the_start(tmp_path: Path) -> None:
    folders = [
        make_random_whisper(tmp_path / f"width{width}", width=width, texts=20_000) for width in (384, 768, 1_024)
    ]
    command = [sys.executable, "-m", "tests.bench.model_memory", *map(str, folders), "--rounds", "2"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    figures = json.loads(done.stdout)
    sizes = [files_bytes(folder) for folder in folders] * 2
    for size, step in zip(sizes, figures["steps"], strict=True):
        assert step["loaded"] - figures["start"] > 0.8 * size, step
        assert size <= step["counted"] < 2 * size, step
    assert sizes[2] > RETURNS_TO * figures["start"] * 2, "the models are too small to be missed"
    assert figures["grown"] < RETURNS_TO, figures
