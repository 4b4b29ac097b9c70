"""Which device a model computes on, and in which type of number: what is there decides, and the reason is kept."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import re
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from common.errors import EngineError

DEVICE_PATTERN = r"^(auto|cpu|mps|cuda(:[0-9]{1,3})?)$"
# Whisper's encoder gains little beyond this, and sessions need cores too.
MOST_THREADS = 4
# Where Linux says how much of the processors a container may use: microseconds, and in how many.
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")

# In order of preference. On cards float16 is fast and exact enough; older ones compute int8 and keep float32 elsewhere.
_PREFERRED = {
    "cuda": ("float16", "int8_float16", "int8_float32", "float32"),
    "cpu": ("int8", "int8_float32", "float32"),
}
_MATH_LIBRARY = "libcublas.so.12"  # what CTranslate2 4 multiplies with on a card


class DeviceLibrary(Protocol):
    """What can be asked of the library that computes."""

    def cards(self) -> tuple[int, str]:
        """Return how many graphics cards can be used, and why none if so."""

    def compute_types(self, device: str, index: int) -> Collection[str]:
        """Return the types of numbers that a device supports."""


@dataclass(frozen=True, slots=True)
class Device:
    """Where a model computes: `cpu` or `cuda`, the card's index, the type of its numbers, and why."""

    name: str
    index: int
    compute_type: str
    reason: str

    @property
    def label(self) -> str:
        """The name as people write it: `cpu`, `cuda:1`."""
        return self.name if self.name == "cpu" else f"{self.name}:{self.index}"


class CTranslate2Machine:
    """This machine as CTranslate2 sees it."""

    def cards(self) -> tuple[int, str]:
        """Return how many cards CTranslate2 can use, and why none if so."""
        from ctranslate2 import get_cuda_device_count

        try:
            count = int(get_cuda_device_count())
        except RuntimeError as error:  # a driver that is older than the library
            return 0, f"the graphics driver can't be used ({error})"
        if not count:
            return 0, "no graphics card that CUDA can use"
        if not _math_library_loads():
            return 0, f"a graphics card, but {_MATH_LIBRARY} can't be loaded (pip install nvidia-cublas-cu12)"
        return count, ""

    def compute_types(self, device: str, index: int) -> Collection[str]:
        """Return what CTranslate2 supports on a device."""
        from ctranslate2 import get_supported_compute_types

        return set(get_supported_compute_types(device, index))


def choose_device(wanted: str = "auto", compute: str = "auto", *, machine: DeviceLibrary | None = None) -> Device:
    """Return the device for a wish (`auto`, `cpu`, `cuda`, `cuda:N`, `mps`) and a type of numbers (`auto` or one).

    Raises EngineError (`model.device`) when what was asked for by name is not there.
    """
    machine = machine or CTranslate2Machine()
    if not re.fullmatch(DEVICE_PATTERN, wanted):
        raise EngineError(f"'{wanted}' is no device; write auto, cpu, cuda, cuda:1 or mps", code="model.device")
    name, _, number = wanted.partition(":")
    index = int(number or 0)
    if name == "cpu":
        reason = "asked for"
    elif name == "mps":
        name, reason = "cpu", "mps was asked for, but CTranslate2 does not compute on Apple's cards"
    else:
        count, why_none = machine.cards()
        if name == "auto":
            name, reason = ("cuda", "auto: a graphics card is there") if count else ("cpu", f"auto: {why_none}")
        elif not count:
            raise EngineError(
                f"'{wanted}' was asked for, but this machine has {why_none}; mend that, or set auto or cpu",
                code="model.device",
            )
        elif index >= count:
            raise EngineError(
                f"'{wanted}' was asked for, but this machine's cards are cuda:0 to cuda:{count - 1}",
                code="model.device",
            )
        else:
            reason = "asked for"
    return Device(name, index, _compute_type(machine, name, index, compute), reason)


def _compute_type(machine: DeviceLibrary, name: str, index: int, compute: str) -> str:
    try:
        supported = machine.compute_types(name, index)
    except (RuntimeError, ValueError) as error:
        raise EngineError(f"{name}:{index} can't be used: {error}", code="model.device") from error
    if compute == "auto":
        return next((kind for kind in _PREFERRED[name] if kind in supported), "float32")
    if compute not in supported:
        raise EngineError(
            f"{name} does not compute in '{compute}' here; set auto, or one of {', '.join(sorted(supported))}",
            code="model.device",
        )
    return compute


def _math_library_loads() -> bool:
    """Load cuBLAS, from the system or from its Python package; return whether it is there.

    CTranslate2 looks for it only when it first multiplies, and fails then. It finds one that is loaded already.
    """
    if sys.platform != "linux":
        return True
    with contextlib.suppress(OSError):
        ctypes.CDLL(_MATH_LIBRARY, mode=ctypes.RTLD_GLOBAL)
        return True
    with contextlib.suppress(ImportError, OSError, StopIteration):
        package = importlib.util.find_spec("nvidia.cublas")
        folder = next(iter((package and package.submodule_search_locations) or ()))
        for name in ("libcublasLt.so.12", _MATH_LIBRARY):  # the second needs the first
            ctypes.CDLL(os.path.join(folder, "lib", name), mode=ctypes.RTLD_GLOBAL)
        return True
    return False


def usable_cores(quota: Path = CPU_QUOTA) -> int:
    """Return how many cores this process may use: those it may run on, and no more than its container is given."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        given_us, period_us = quota.read_text(encoding="ascii").split()
        return max(1, min(cores, round(int(given_us) / int(period_us))))
    # There is no such file outside of a container, and "max" is no number.
    except (OSError, ValueError):
        return cores


def choose_threads(wanted: int = 0) -> int:
    """Return how many clips a model reads at once: as many as wanted, or (0) one per physical core, at most four."""
    if wanted:
        return wanted
    import psutil

    usable = usable_cores()
    physical = psutil.cpu_count(logical=False) or usable
    return max(1, min(usable, physical, MOST_THREADS))
