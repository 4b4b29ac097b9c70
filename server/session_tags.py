"""Secrets that name the session they are for: any server that is handed one knows where to take it.

The name is no secret; what follows it is.
"""

from __future__ import annotations

import re
import secrets

ID_PREFIX = "sess_"
SESSION_ID = re.compile(r"sess_[0-9a-f]{20}", re.ASCII)
_TAG = re.compile(r"([0-9a-f]{20})-", re.ASCII)


def tagged_secret(session_id: str, *, size_bytes: int = 24) -> str:
    """Return a new secret of so many random bytes, with its session's name before it."""
    return f"{session_id.removeprefix(ID_PREFIX)}-{secrets.token_urlsafe(size_bytes)}"


def session_named_by(secret: str) -> str | None:
    """Return the id of the session that a secret names; None: it names none."""
    found = _TAG.match(secret)
    return f"{ID_PREFIX}{found[1]}" if found is not None else None
