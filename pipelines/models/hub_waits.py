"""Patience with a hub: how often to try again, and how long to wait before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeVar

from common.errors import EngineError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a hub, and how often to try again after a failure without any progress between."""

    tries: int = 5
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0
    connect_s: float = 10.0
    silence_s: float = 30.0


HASTY = Patience(tries=2, first_wait_s=0.5, connect_s=3.0, silence_s=10.0)
"""With a hub whose model has another source."""
HASTY_ANSWER_S = 6.0
"""What such a hub has for its first answer, in all: a name server that is silent, or a host of many addresses that
none answers at, would take minutes otherwise."""


def within(limit_s: float, work: Callable[[], T]) -> T:
    """Return what `work` returns or raise what it raises; TimeoutError if that takes longer (it is left alone then)."""
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=run, name="hasty", daemon=True).start()
    return result.result(limit_s)


class Waits:
    """Waits between tries, twice as long each time; gives up with the last failure."""

    def __init__(self, patience: Patience, say: Callable[[str], None]) -> None:
        self._patience = patience
        self._say = say
        self.reset()

    def reset(self) -> None:
        """Start anew, as something came meanwhile."""
        self._tried = 0
        self._hint_s = 0.0

    def hint(self, retry_after: str | None) -> None:
        """Take the hub's own word on when to ask again: the seconds of its `Retry-After`."""
        self._hint_s = float(retry_after) if retry_after and retry_after.isdigit() else 0.0

    def next(self, failure: EngineError) -> None:
        """Wait, or raise the failure if it was the last try."""
        self._tried += 1
        if self._tried >= self._patience.tries:
            raise failure
        wait_s = max(self._patience.first_wait_s * 2 ** (self._tried - 1), self._hint_s)
        wait_s = min(wait_s, self._patience.longest_wait_s)
        self._say(f"no answer, or a broken one; trying again in {wait_s:.0f} s")
        time.sleep(wait_s)
