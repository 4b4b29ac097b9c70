"""One role-play as the server keeps it: reserved before there is a socket, kept for its debrief after its end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pipelines.events import ConsentGiven
from pipelines.patient.card import Card
from pipelines.session.driver import SessionDriver
from pipelines.session.relay import SoundRelay
from server.records.debrief import Debrief
from server.sessions.admission import Reservation
from server.wire.live import LiveSession
from server.wire.ticket import Ticket


class Status(StrEnum):
    """Where a session is in its life."""

    RESERVED = "reserved"
    RUNNING = "running"
    ENDED = "ended"


@dataclass(slots=True)
class Session:
    """One role-play, from its reservation to its debrief."""

    reservation: Reservation
    card: Card
    mode: str
    folder: Path
    # Of a reservation that nobody joins, then of the debrief.
    expires_ms: float
    status: Status = Status.RESERVED
    driver: SessionDriver | None = None
    live: LiveSession | None = None
    # Both voices while it runs, for those who listen in.
    relay: SoundRelay | None = None
    debrief: Debrief | None = None
    # Its driver is there, so its log can be followed.
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    # Its log and segments are on the disk.
    written: asyncio.Event = field(default_factory=asyncio.Event)
    # Its recording is one file, if there is one.
    joined: asyncio.Event = field(default_factory=asyncio.Event)
    consent: ConsentGiven | None = None
    # Whose it is, where somebody with an account opened it.
    person_id: str | None = None

    # With what its client could have come back, once that is of no use any more.
    left_ticket: str | None = None

    def gave(self, ticket: Ticket) -> bool:
        """Return whether a ticket is, or was, for this session."""
        known = self.live.link.ticket if self.live is not None else self.left_ticket
        return known is not None and ticket.opens(known)

    @property
    def id(self) -> str:
        """The session's id."""
        return self.reservation.session_id
