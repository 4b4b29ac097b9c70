"""The ticket with which a client comes back to its session: one word, fit for a header or a WebSocket's subprotocol.

    interlocutor-resume.<token>.<seq>[.<reply>.<played_ms>]

`seq` is the number in the last `event_id` that the client has seen; `reply` and `played_ms` say how much of the
patient's item (`item_p<reply>`) was played.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from common.errors import AccessError, ProtocolError
from server.session_tags import tagged_secret

PREFIX = "interlocutor-resume."
HEADER = "Interlocutor-Resume"  # of the request that makes a call
# So many connections in a row are taken; more is a client that fails over and over.
RESUMES_BURST = 20.0
RESUMES_PER_S = 0.5
_FORM = re.compile(r"interlocutor-resume\.([\w-]{16,96})\.(\d{1,9})(?:\.(\d{1,9})\.(\d{1,9}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a client that comes back says; `reply` is None where it plays nothing."""

    token: str
    seen: int
    reply: int | None = None
    played_ms: float = 0.0

    def is_of(self, digests: Iterable[str]) -> bool:
        """Return whether this is the ticket of a session that gave out tokens with these digests."""
        mine = _digest(self.token)
        return any(secrets.compare_digest(mine, known) for known in digests)

    def __str__(self) -> str:
        played = f".{self.reply}.{round(self.played_ms)}" if self.reply is not None else ""
        return f"{PREFIX}{self.token}.{self.seen}{played}"


def parse_ticket(text: str) -> Ticket:
    """Return the ticket in `text`; raises AccessError."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise bad_ticket()
    token, seen, reply, played_ms = found.groups()
    return Ticket(token, int(seen), None if reply is None else int(reply), float(played_ms or 0))


def bad_ticket() -> AccessError:
    """Return the refusal of a ticket of the wrong form, with an unknown token, or from the future."""
    return AccessError("this session can't be taken up again with this ticket; open a new one", code="session.resume")


class TicketGate:
    """Lets the bearer of one session's ticket in, not too often; there is none before `open`."""

    def __init__(self, session_id: str) -> None:
        self.token: str | None = None
        self._session_id = session_id
        self._digests: tuple[str, ...] = ()  # of all tokens that lead back to the session
        self._resumes = RESUMES_BURST
        self._resumed_at_s = 0.0

    def open(self) -> str:
        """Return the token, which stays the same."""
        if self.token is None:
            self.token = tagged_secret(self._session_id)
            self._digests = (*self._digests, _digest(self.token))
        return self.token

    @property
    def is_open(self) -> bool:
        """Whether any ticket leads back to the session."""
        return bool(self._digests)

    @property
    def digests(self) -> tuple[str, ...]:
        """The SHA-256 of each token that leads back to the session."""
        return self._digests

    def restore(self, digests: tuple[str, ...]) -> None:
        """Let the tokens in that an earlier server gave out."""
        self._digests = digests

    def knows(self, ticket: Ticket) -> bool:
        """Return whether the ticket is for this session."""
        return ticket.is_of(self._digests)

    def check(self, ticket: Ticket, *, sent: int) -> None:
        """Raise AccessError or ProtocolError unless the ticket leads back to the session, of which `sent` is the last
        event.
        """
        if not self.is_open:
            raise ProtocolError(
                "this session is already in use in another window", code="session.in_use", close_code=4409
            )
        if not self.knows(ticket) or ticket.seen > sent:
            raise bad_ticket()
        now_s = asyncio.get_running_loop().time()
        earned = (now_s - self._resumed_at_s) * RESUMES_PER_S
        self._resumes, self._resumed_at_s = min(RESUMES_BURST, self._resumes + earned), now_s
        if self._resumes < 1.0:
            raise ProtocolError(
                "this session was taken up again too often; wait a few seconds",
                code="session.resume_rate",
                http_status=429,
                close_code=4429,
            )
        self._resumes -= 1.0


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
