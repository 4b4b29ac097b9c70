"""Secrets that are given out once: made at random, and kept as their digest alone."""

from __future__ import annotations

import hashlib
import secrets
import time


def new_token(prefix: str) -> str:
    """Return a secret of 256 random bits that begins with `prefix`, so that people and scanners know what it is."""
    return f"{prefix}{secrets.token_urlsafe(32)}"


def digest_of(token: str) -> str:
    """Return the SHA-256 (hex) of a secret; random ones need no slower digest."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_id(prefix: str) -> str:
    """Return an identifier that is no secret."""
    return f"{prefix}{secrets.token_hex(10)}"


def now_ms() -> int:
    """Return the time of day in milliseconds since 1970: what is kept for years has no other clock."""
    return time.time_ns() // 1_000_000
