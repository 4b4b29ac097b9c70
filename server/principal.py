"""Who is at the other end of a connection: the role and the session that a token names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["candidate", "developer", "examiner"]
"""What somebody may do; each route and message handler decides by this and nothing else."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The bearer of a token; the developer key itself is for no session in particular (None)."""

    role: Role
    session_id: str | None
