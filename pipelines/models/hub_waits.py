"""Patience with a hub: how often to try again, and how long to wait before."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from audio.errors import EngineError


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a hub, and how often to try again after a failure without any progress between."""

    tries: int = 5
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0
    connect_s: float = 10.0
    silence_s: float = 30.0


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
