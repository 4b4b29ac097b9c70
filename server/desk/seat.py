"""Who follows a role-play, and whether they still may: asked again while they do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from server.principal import Principal
from server.rights import Action, may
from server.sessions.session import Session

Renew = Callable[[], Awaitable[Principal | None]]
"""Looks up whom a log-in or a key stands for now; None, or an AccessError, once it stands for nobody."""


@dataclass(frozen=True, slots=True)
class Seat:
    """An observer of one session: as whom they came, and how to find out whom that stands for now.

    `key` is the same for all that came by one log-in or key; `name` is for the audit, `candidate` whose role-play it is
    for people to read.
    """

    session: Session
    principal: Principal
    key: str
    name: str
    renew: Renew
    candidate: str | None = None

    def allows(self, principal: Principal, action: Action) -> bool:
        """Return whether somebody may do this with the session of this seat."""
        return may(principal, action, self.session.whose)
