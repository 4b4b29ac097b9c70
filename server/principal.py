"""Who is at the other end of a connection: the role, the person and the session that a token or a cookie names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["stranger", "guest", "visitor", "candidate", "examiner", "developer", "admin"]
"""What somebody may do (`rights.py`). Of the first three nothing is known: `auth.mode` says which they are."""

PERSON_ROLES: tuple[Role, ...] = ("candidate", "examiner", "developer", "admin")
"""The roles that a person with an account can have."""

UNKNOWN_ROLES: dict[str, Role] = {"accounts": "stranger", "guests": "guest", "open": "visitor"}
"""What somebody is who brings nothing, by `auth.mode`."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever asks. A session's token is for that session alone; keys and people are for none in particular (None).

    `scopes` are the actions that a key is limited to, None where there is no such limit; `name` is for the audit.
    """

    role: Role
    session_id: str | None
    person_id: str | None = None
    scopes: frozenset[str] | None = None
    name: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether this is more than a stranger."""
        return self.role not in UNKNOWN_ROLES.values()
