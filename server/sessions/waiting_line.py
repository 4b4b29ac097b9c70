"""The line of those who wait for a place: who is next, without anybody standing in it more than once at a time.

A place in the line lasts as long as its page asks again. Networks take turns: a class that shares an address stands
behind the first of every other one, however early it came.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

# A page asks every three seconds; whoever misses three turns has gone.
PATIENCE_MS = 10_000.0
MOST = 1_000  # tickets, so that asking costs no memory without end


@dataclass(slots=True)
class _Place:
    network: str
    asked_ms: float


class WaitingLine:
    """Tickets in the order in which they were taken."""

    def __init__(self, *, now_ms: Callable[[], float]) -> None:
        self._now_ms = now_ms
        self._places: dict[str, _Place] = {}

    def __len__(self) -> int:
        self._forget()
        return len(self._places)

    def ahead(self, network: str, ticket: str | None) -> int:
        """Return how many stand before the bearer of a ticket, or before somebody of `network` who has none."""
        self._forget()
        met: Counter[str] = Counter()
        order = []
        for place, (name, stands) in enumerate(self._places.items()):
            order.append((met[stands.network], place, name))
            met[stands.network] += 1
        if ticket not in self._places:
            mine = (met[network], len(order))
            return sum((turn, place) < mine for turn, place, _ in order)
        return [name for _, _, name in sorted(order)].index(ticket)

    def stand(self, network: str, ticket: str) -> str:
        """Stay in the line, or join it at its end; return the ticket to ask with again."""
        self._forget()
        if ticket in self._places:
            self._places[ticket].asked_ms = self._now_ms()
            return ticket
        if len(self._places) >= MOST:
            return ""
        given = secrets.token_urlsafe(12)
        self._places[given] = _Place(network, self._now_ms())
        return given

    def leave(self, ticket: str | None) -> None:
        """Leave the line."""
        self._places.pop(ticket or "", None)

    def _forget(self) -> None:
        since_ms = self._now_ms() - PATIENCE_MS
        self._places = {name: place for name, place in self._places.items() if place.asked_ms >= since_ms}
