"""Which device is chosen, in which type of number, and that what was asked for is never replaced without a word."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from common.errors import EngineError
from pipelines.models.devices import CTranslate2Machine, Device, choose_device, choose_threads, usable_cores

PROCESSOR = ("int8", "int8_float32", "float32")
CARD = ("float16", "int8_float16", "int8", "int8_float32", "float32", "bfloat16")


@dataclass
class Machine:
    """A machine with some cards; stands in for those that tests don't run on."""

    count: int = 0
    card: Collection[str] = CARD
    why: str = "no graphics card that CUDA can use"

    def cards(self) -> tuple[int, str]:
        return self.count, "" if self.count else self.why

    def compute_types(self, device: str, index: int) -> Collection[str]:
        return set(self.card if device == "cuda" else PROCESSOR)


def told(wanted: str, compute: str = "auto", machine: Machine | None = None) -> str:
    with pytest.raises(EngineError) as caught:
        choose_device(wanted, compute, machine=machine or Machine())
    assert caught.value.code == "model.device"
    return caught.value.message


def test_auto_takes_a_card_if_there_is_one_and_says_why() -> None:
    assert choose_device(machine=Machine(2)) == Device("cuda", 0, "float16", "auto: a graphics card is there")
    assert choose_device(machine=Machine()) == Device("cpu", 0, "int8", "auto: no graphics card that CUDA can use")
    without = Machine(why="a graphics card, but libcublas.so.12 can't be loaded")
    assert "libcublas" in choose_device(machine=without).reason


def test_an_older_card_computes_in_what_it_can() -> None:
    assert choose_device("cuda", machine=Machine(1, ("int8_float32", "float32"))).compute_type == "int8_float32"
    assert choose_device("cuda", machine=Machine(1, ("int8_float16", "float32"))).compute_type == "int8_float16"


def test_a_card_by_number() -> None:
    chosen = choose_device("cuda:1", "int8_float16", machine=Machine(2))
    assert (chosen.label, chosen.compute_type) == ("cuda:1", "int8_float16")
    assert told("cuda:2", machine=Machine(2)).endswith("this machine's cards are cuda:0 to cuda:1")


def test_a_card_that_is_not_there_is_never_replaced() -> None:
    assert told("cuda") == (
        "'cuda' was asked for, but this machine has no graphics card that CUDA can use; mend that, or set auto or cpu"
    )


def test_mps_computes_on_the_processor_and_says_so() -> None:
    chosen = choose_device("mps", machine=Machine())
    assert (chosen.name, chosen.compute_type) == ("cpu", "int8")
    assert "mps was asked for" in chosen.reason


def test_a_type_of_numbers_that_is_not_supported_names_those_that_are() -> None:
    assert told("cpu", "int8_bfloat16") == (
        "cpu does not compute in 'int8_bfloat16' here; set auto, or one of float32, int8, int8_float32"
    )


@pytest.mark.parametrize("wanted", ["gpu", "cuda:", "cuda:x", "CPU", "cuda:1000", ""])
def test_what_is_no_device(wanted: str) -> None:
    assert "is no device" in told(wanted)


def test_this_machine_computes_on_its_processor() -> None:
    chosen = choose_device("cpu")
    assert chosen.compute_type in CTranslate2Machine().compute_types("cpu", 0)
    assert choose_device().name in ("cpu", "cuda")


def test_threads() -> None:
    assert choose_threads(7) == 7
    assert 1 <= choose_threads() <= 4


@pytest.mark.parametrize(("said", "at_most"), [("100000 100000\n", 1), ("20000 100000\n", 1), ("150000 100000\n", 2)])
def test_a_container_uses_no_more_cores_than_it_is_given(tmp_path: Path, said: str, at_most: int) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text(said)
    assert usable_cores(quota) == min(at_most, usable_cores(tmp_path / "none"))


@pytest.mark.parametrize("said", ["max 100000\n", "", "100000"])
def test_without_a_limit_that_can_be_read_it_uses_what_the_machine_has(tmp_path: Path, said: str) -> None:
    quota = tmp_path / "cpu.max"
    quota.write_text(said)
    assert usable_cores(quota) == usable_cores(tmp_path / "none") >= 1
