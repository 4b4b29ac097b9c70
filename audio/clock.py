"""The two clocks: session time (monotonic, injected) and media time (samples of the candidate's track)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Clock(Protocol):
    """Session time in milliseconds, and how computation passes on it.

    On a real clock computation takes the time it takes. On a virtual one the clock stands still inside `computing()`
    and `charge()` lets the measured cost pass afterwards, so latency keeps its true arithmetic.
    """

    virtual: bool

    def now_ms(self) -> float:
        """Return the session time: monotonic milliseconds from an arbitrary zero."""

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Mark real work as outstanding while the block runs."""

    async def charge(self, cost_ms: float) -> None:
        """Let `cost_ms` of computation, already done, pass on this clock."""


class LoopClock:
    """The real clock: the running event loop's monotonic time."""

    virtual = False

    def now_ms(self) -> float:
        """Return the loop's time in milliseconds."""
        return asyncio.get_running_loop().time() * 1000.0

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Do nothing: real time passes by itself."""
        yield

    async def charge(self, cost_ms: float) -> None:
        """Do nothing: the time was spent already."""


class MediaClock:
    """Media time: counts the samples of the candidate's track, and maps it to session time."""

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.samples = 0
        self._zero_session_ms: float | None = None

    @property
    def now_ms(self) -> float:
        """Media time in milliseconds."""
        return 1000.0 * self.samples / self.rate_hz

    def start(self, session_ms: float) -> None:
        """Fix media zero on the session clock; later calls change nothing."""
        if self._zero_session_ms is None:
            self._zero_session_ms = session_ms

    def advance(self, samples: int) -> None:
        """Count `samples` more."""
        self.samples += samples

    def behind_ms(self, session_ms: float) -> float:
        """Return how far media time lags session time (negative when it is ahead); 0 before the start."""
        if self._zero_session_ms is None:
            return 0.0
        return session_ms - self._zero_session_ms - self.now_ms
