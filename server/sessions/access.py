"""Who is who: the bearers of visit tokens, one for each session, and of the developer's key.

A visit token lives as long as its session, and says whose page asks about it. It opens no connection: for that it mints
join tokens (`join_tokens.py`).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable
from pathlib import Path

from pydantic import SecretStr

from common.errors import AccessError
from server.principal import Principal, Role
from server.session_tags import tagged_secret

VISIT_PREFIX = "vt_"
BEARER = "bearer"
"""The file in a session's folder with the digest of its token."""


class Access:
    """Issues tokens and knows whom each stands for; of a token only its digest is kept."""

    def __init__(self, developer_key: SecretStr | None) -> None:
        self._developer_key = developer_key
        self._bearers: dict[str, Principal] = {}  # by the SHA-256 of their token

    def issue(self, session_id: str, role: Role) -> str:
        """Return a new visit token, whose bearer has `role` in this session alone."""
        token = f"{VISIT_PREFIX}{tagged_secret(session_id, size_bytes=32)}"
        self._bearers[_digest(token)] = Principal(role, session_id)
        return token

    def tokens_of(self, session_id: str) -> tuple[tuple[str, Role], ...]:
        """Return the digest and the role of each token of a session."""
        return tuple((digest, who.role) for digest, who in self._bearers.items() if who.session_id == session_id)

    def restore(self, session_id: str, tokens: Iterable[tuple[str, Role]]) -> None:
        """Know the tokens again that an earlier server gave out."""
        self._bearers |= {digest: Principal(role, session_id) for digest, role in tokens}

    def revoke(self, session_ids: Collection[str]) -> None:
        """Forget the tokens of these sessions."""
        self._bearers = {token: who for token, who in self._bearers.items() if who.session_id not in session_ids}

    def principal(self, token: str | None) -> Principal:
        """Return whom a bearer token stands for; raises AccessError."""
        if not token:
            raise AccessError("a token is needed: create a session first and send its token as bearer")
        if self.is_developer(token):
            return Principal("developer", None)
        principal = self._bearers.get(_digest(token))
        if principal is None:
            raise AccessError("this token is unknown or has expired; create a new session")
        return principal

    def is_developer(self, token: str | None) -> bool:
        """Return whether a bearer token is the developer's key."""
        key = self._developer_key
        given, wanted = (token or "").encode(), key.get_secret_value().encode() if key is not None else b""
        return bool(wanted) and secrets.compare_digest(given, wanted)


def keep_bearer(folder: Path, token: str) -> None:
    """Keep in a session's folder which token it was opened with: that opens what is left of it while it is kept."""
    (folder / BEARER).write_text(_digest(token))


def is_bearer(folder: Path, token: str) -> bool:
    """Return whether a session was opened with this token."""
    try:
        return secrets.compare_digest((folder / BEARER).read_text().encode(), _digest(token).encode())
    except OSError:
        return False


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
