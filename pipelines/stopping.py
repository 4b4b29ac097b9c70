"""Ends a piece of computing that nobody waits for any more, while another thread is in the middle of it.

A reply is cancelled on the event loop, and its clause is made in a worker's thread, in calls that may take half a
second. The worker says which call it is at; what computes asks whether it was stopped, and leaves a way to end it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopped(Exception):
    """The call was cancelled: not an error, and nothing that another voice should mend."""


class Stops:
    """Which call a worker's thread is at, and whether it was cancelled; one for each worker."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._call = 0
        # Calls are numbered upwards, so that the newest that was cancelled is enough to know.
        self._asked = 0
        self._end: Callable[[], None] | None = None

    def ask(self, call_id: int) -> None:
        """Stop a call, whether it has begun or not; from any thread."""
        with self._lock:
            self._asked = max(self._asked, call_id)
            if self._call == call_id and self._end is not None:
                self._end()

    @contextmanager
    def working(self, call_id: int) -> Iterator[None]:
        """Say that this thread works on a call meanwhile."""
        with self._lock:
            self._call = call_id
        _here.stops = self
        try:
            yield
        finally:
            _here.stops = None
            with self._lock:
                self._call = 0

    @contextmanager
    def ending(self, end: Callable[[], None]) -> Iterator[None]:
        """Have `end` called if the call is cancelled meanwhile; raises Stopped where it was, before or after."""
        with self._lock:
            if self._stopped:
                raise Stopped
            self._end = end
        try:
            yield
        except Exception as error:
            if self._stopped:
                raise Stopped from error
            raise
        finally:
            with self._lock:
                self._end = None
        if self._stopped:
            raise Stopped

    @property
    def _stopped(self) -> bool:
        return 0 < self._call == self._asked


class _Here(threading.local):
    stops: Stops | None = None


_here = _Here()


@contextmanager
def unstoppable() -> Iterator[None]:
    """Compute what others than the thread's call will use too: a cancellation waits until it is over."""
    stops, _here.stops = _here.stops, None
    try:
        yield
    finally:
        _here.stops = stops


@contextmanager
def stoppable(end: Callable[[], None]) -> Iterator[None]:
    """Compute something that `end` ends from another thread; raises Stopped when the thread's call was cancelled."""
    if _here.stops is None:
        yield
        return
    with _here.stops.ending(end):
        yield
