"""One role-play as the server keeps it: reserved before there is a socket, kept for its debrief after its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pipelines.events import ConsentGiven
from pipelines.patient.card import Card
from pipelines.session.driver import SessionDriver
from pipelines.session.past import Past
from pipelines.session.relay import SoundRelay
from server.protocol.client_events import SessionFields
from server.records.debrief import Debrief
from server.rights import Whose
from server.sessions.admission import Reservation
from server.store.tokens import now_ms
from server.wire.live import LiveSession
from server.wire.ticket import Ticket

SUSPENDED = "suspended"
"""What a session ends by that the next server goes on with."""


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
    # What an earlier server had heard and said, until it is continued.
    past: Past | None = None
    # The reason of its end, "suspended" for one that the next server goes on with.
    ended_by: str = ""
    # Raises a ProtocolError while it may not be joined, though it is reserved: an exam has its times.
    gate: Callable[[], None] = lambda: None
    # What a program asked of its settings before anybody connects.
    wished: SessionFields | None = None
    # How long the role-play lasts that begins now, in seconds, where that is not as set.
    talk_s: Callable[[], float] | None = None
    # Of an exam's: who may follow it and look into its record, as it was known last.
    examiners: frozenset[str] = frozenset()
    # Its server died in the middle of it, and the next one could not go on.
    interrupted: bool = False
    # Whose it is, where somebody with an account opened it, and when that was (ms since 1970).
    person_id: str | None = None
    opened_ms: int = field(default_factory=now_ms)

    # What it is to end by once the engines are ready that it waits for.
    to_end: str | None = None

    # The digests of what its client could have come back with, once that is of no use any more.
    left_tickets: tuple[str, ...] = ()

    def gave(self, ticket: Ticket) -> bool:
        """Return whether a ticket is, or was, for this session."""
        return ticket.is_of(self.live.link.tickets if self.live is not None else self.left_tickets)

    def end(self, reason: str) -> None:
        """End it; one of an earlier server, which waits for the engines, ends as soon as they are ready."""
        if self.live is not None:
            self.live.end(reason)
        else:
            self.to_end = reason

    @property
    def waits(self) -> bool:
        """Whether nobody talks in it yet, so that its place may go to others; who sits an exam keeps theirs."""
        if self.status is Status.RESERVED:
            return True
        joined = self.status is Status.RUNNING and self.reservation.joined_ms is not None
        return joined and self.mode != "exam" and self.live is not None and self.live.waits

    @property
    def whose(self) -> Whose:
        """Of which session something is asked of it."""
        return Whose(self.id, self.mode, self.person_id, self.examiners)

    @property
    def id(self) -> str:
        """The session's id."""
        return self.reservation.session_id
