"""Tickets to follow a role-play: good once and for half a minute.

A browser sends a log-in's cookie with every WebSocket, whoever's page opens it. A ticket is given in answer to a
request that bears the page's own token, so a socket is never opened by a cookie alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from common.errors import AccessError, CapacityError
from server.desk.seat import Seat
from server.session_tags import tagged_secret

VALID_MS = 30_000.0
# Nobody opens so many within half a minute but a program that has gone wrong.
MOST = 1_000


class Tickets:
    """Seats by the digest of their ticket."""

    def __init__(self, *, now_ms: Callable[[], float]) -> None:
        self._now_ms = now_ms
        self._seats: dict[str, tuple[float, Seat]] = {}

    def issue(self, seat: Seat) -> str:
        """Return a ticket for a seat; raises CapacityError."""
        now_ms = self._now_ms()
        self._seats = {digest: kept for digest, kept in self._seats.items() if kept[0] > now_ms}
        if len(self._seats) >= MOST:
            raise CapacityError("too many people open the desk at this moment; try again", retry_after_s=30)
        ticket = tagged_secret(seat.session.id)
        self._seats[_digest(ticket)] = (now_ms + VALID_MS, seat)
        return ticket

    def take(self, ticket: str) -> Seat:
        """Return the seat of a ticket, which is used up; raises AccessError."""
        until_ms, seat = self._seats.pop(_digest(ticket), (0.0, None))
        if seat is None or until_ms <= self._now_ms():
            raise AccessError("this ticket was used already, or is too old; ask for a new one", code="desk.ticket")
        return seat


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
