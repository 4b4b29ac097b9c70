"""The management library of NVIDIA's driver (NVML): memory of graphics cards, without anything to install.

Source of the calls: NVIDIA's NVML API reference. A reading takes well under a millisecond.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_LIBRARY = "libnvidia-ml.so.1"
_SUCCESS = 0


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


@dataclass(frozen=True, slots=True)
class CardMemory:
    """Memory of one graphics card in bytes; `used` counts every program's."""

    total_bytes: int
    used_bytes: int

    @property
    def free_bytes(self) -> int:
        """What nobody uses."""
        return max(0, self.total_bytes - self.used_bytes)


def load_nvml() -> Any:
    """Return the started library, or None on a machine without it."""
    try:
        library = ctypes.CDLL(_LIBRARY)
        started = library.nvmlInit_v2() == _SUCCESS
    except (OSError, AttributeError):
        # There is no driver, or it is from before version 2 of these calls.
        return None
    return library if started else None


class CardReader:
    """Reads a card's memory; the library is looked for at the first reading and not again."""

    def __init__(self, load: Callable[[], Any] = load_nvml, environ: Mapping[str, str] = os.environ) -> None:
        self._load = load
        self._environ = environ
        self._library: Any = None
        self._looked = False

    def read(self, index: int) -> CardMemory | None:
        """Return the memory of the card that computing libraries call `index`; None without an answer."""
        if not self._looked:
            self._looked = True
            self._library = self._load()
        if self._library is None:
            return None
        card = ctypes.c_void_p()
        return memory_of(self._library, card) if self._find(index, card) == _SUCCESS else None

    def _find(self, index: int, card: ctypes.c_void_p) -> int:
        """Find the driver's handle: CUDA_VISIBLE_DEVICES renumbers the cards for programs, not for the driver."""
        name = visible_card(index, self._environ.get("CUDA_VISIBLE_DEVICES"))
        if name.isdigit():
            return int(self._library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(int(name)), ctypes.byref(card)))
        return int(self._library.nvmlDeviceGetHandleByUUID(name.encode(), ctypes.byref(card)))


def memory_of(library: Any, card: ctypes.c_void_p) -> CardMemory | None:
    """Return the memory of the card that the driver calls by this handle; None without an answer."""
    memory = _Memory()
    if library.nvmlDeviceGetMemoryInfo(card, ctypes.byref(memory)) != _SUCCESS:
        return None
    return CardMemory(memory.total, memory.used)


def visible_card(index: int, visible: str | None) -> str:
    """Return the driver's number (or the unique name) of the card that programs call `index`."""
    names = [name.strip() for name in (visible or "").split(",") if name.strip()]
    return names[index] if index < len(names) else str(index)
