"""Who is at the other end of a connection: the role and the session that a token names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody may do; each route and message handler decides by this and nothing else."""

    CANDIDATE = "candidate"
    DEVELOPER = "developer"
    EXAMINER = "examiner"


@dataclass(frozen=True, slots=True)
class Principal:
    """The bearer of a token, for one session."""

    role: Role
    session_id: str
