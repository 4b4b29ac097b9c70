"""Keeps one of each loaded thing in a process, for as long as somebody uses it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from pipelines.stopping import unstoppable

T = TypeVar("T")


class Shared(Generic[T]):
    """What the workers of a process share, by key; two that ask at once get the same."""

    def __init__(self) -> None:
        self._kept: weakref.WeakValueDictionary[Hashable, T] = weakref.WeakValueDictionary()
        self._making = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what is kept under `key`, or make it; raises what `make` raises."""
        with self._making:
            found = self._kept.get(key)
            if found is None:
                # Whoever asked for it may be cancelled; the next would have to begin again.
                with unstoppable():
                    found = self._kept[key] = make()
            return found
