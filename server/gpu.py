"""Utilisation and memory of NVIDIA graphics cards, read from the driver's own library where the machine has one.

The management library (NVML) comes with the driver, so nothing needs to be installed; a reading takes well under a
millisecond. Source of the calls: NVIDIA's NVML API reference.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

from pipelines.models.nvml import CardMemory, load_nvml, memory_of

_SUCCESS = 0


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class GpuReader:
    """Reads every card; the library is looked for at the first reading and not again.

    A card goes by the driver's own number, and is left out where the driver does not answer.
    """

    def __init__(self, load: Callable[[], Any] = load_nvml) -> None:
        self._load = load
        self._library: Any = None
        self._looked = False

    def read(self) -> dict[str, float]:
        """Return utilisation in percent by card; empty without a card, a driver or an answer."""
        found: dict[str, float] = {}
        for name, card in self._cards():
            used = _Utilization()
            if self._library.nvmlDeviceGetUtilizationRates(card, ctypes.byref(used)) == _SUCCESS:
                found[name] = float(used.gpu)
        return found

    def read_memory(self) -> dict[str, CardMemory]:
        """Return memory by card, that of all programs; empty without a card, a driver or an answer."""
        read = ((name, memory_of(self._library, card)) for name, card in self._cards())
        return {name: memory for name, memory in read if memory is not None}

    def _cards(self) -> Iterator[tuple[str, ctypes.c_void_p]]:
        """Yield each card's number and the driver's handle of it."""
        if not self._looked:
            self._looked = True
            self._library = self._load()
        if self._library is None:
            return
        count = ctypes.c_uint()
        if self._library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != _SUCCESS:
            return
        for index in range(count.value):
            card = ctypes.c_void_p()
            if self._library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(card)) == _SUCCESS:
                yield str(index), card
