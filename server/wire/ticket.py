"""The ticket with which a client comes back to its session: one word, fit for a header or a WebSocket's subprotocol.

    interlocutor-resume.<token>.<seq>[.<reply>.<played_ms>]

`seq` is the number in the last `event_id` that the client has seen; `reply` and `played_ms` say how much of the
patient's item (`item_p<reply>`) was played.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from audio.errors import AccessError

PREFIX = "interlocutor-resume."
_FORM = re.compile(r"interlocutor-resume\.([\w-]{16,64})\.(\d{1,9})(?:\.(\d{1,9})\.(\d{1,9}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a client that comes back says; `reply` is None where it plays nothing."""

    token: str
    seen: int
    reply: int | None = None
    played_ms: float = 0.0

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
