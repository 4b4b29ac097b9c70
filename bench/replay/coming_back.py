"""How a client comes back to its session: what it must remember while it is there, and how long it goes on trying."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

from bench.replay.sound_memory import PlayedAudio
from server.wire.ticket import Ticket

# The server sends something every second to a client that comes back.
QUIET_S = 4.0
CONNECT_S = 5.0
FIRST_PAUSES_S = (0.0, 0.25, 0.5, 1.0)
LAST_PAUSE_S = 2.0


class ComingBack:
    """What one client knows of its session: the last event seen, the way back that was offered, its latest audio."""

    def __init__(self, *, wanted: bool) -> None:
        self.wanted = wanted
        # So often a connection was lost and another took its place.
        self.resumed = 0
        self.within_s: float | None = None  # how long the session waits; None: nothing was offered
        self.memory = PlayedAudio()
        self._token = ""
        self._seen = 0

    @property
    def asked(self) -> dict[str, bool]:
        """The field with which the client asks for it."""
        return {"resume": True} if self.wanted else {}

    def note(self, event: dict[str, Any]) -> None:
        """Keep what an event says of the way back."""
        if not self.wanted:
            return
        with contextlib.suppress(KeyError, ValueError, AttributeError):
            self._seen = max(self._seen, int(event["event_id"].removeprefix("event_")))
        if event["type"] == "interlocutor.client.configured" and event.get("resume"):
            self._token, self.within_s = event["resume"]["token"], float(event["resume"]["within_s"])
        elif event["type"] == "interlocutor.session.resumed":
            self.resumed += 1

    def ticket(self, reply: int | None = None, played_ms: float = 0.0) -> Ticket:
        """Return the ticket that leads back, with how much of the patient's reply was played."""
        return Ticket(self._token, self._seen, reply, played_ms)


def pauses_s(*, patient: bool = False) -> Iterator[float]:
    """Yield how long to wait before each attempt: more and more, and long from the first where the server asked."""
    return itertools.chain(() if patient else FIRST_PAUSES_S, itertools.repeat(LAST_PAUSE_S))
