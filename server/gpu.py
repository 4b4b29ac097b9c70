"""Utilisation of NVIDIA graphics cards, read from the driver's own library where the machine has one.

The management library (NVML) comes with the driver, so nothing needs to be installed; a reading takes well under a
millisecond. Source of the calls: NVIDIA's NVML API reference.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from pipelines.models.nvml import load_nvml

_SUCCESS = 0


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class GpuReader:
    """Reads every card's utilisation; the library is looked for at the first reading and not again."""

    def __init__(self, load: Callable[[], Any] = load_nvml) -> None:
        self._load = load
        self._library: Any = None
        self._looked = False

    def read(self) -> dict[str, float]:
        """Return utilisation in percent by card index; empty without a card, a driver or an answer."""
        if not self._looked:
            self._looked = True
            self._library = self._load()
        if self._library is None:
            return {}
        count = ctypes.c_uint()
        if self._library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != _SUCCESS:
            return {}
        found: dict[str, float] = {}
        for index in range(count.value):
            card = ctypes.c_void_p()
            used = _Utilization()
            if (
                self._library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(index), ctypes.byref(card)) == _SUCCESS
                and self._library.nvmlDeviceGetUtilizationRates(card, ctypes.byref(used)) == _SUCCESS
            ):
                found[str(index)] = float(used.gpu)
        return found
