"""Passwords: what is asked of one, and argon2 off the event loop, one at a time."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from common.errors import CapacityError, ProtocolError

MIN_CHARS, MAX_CHARS, MIN_DIFFERENT = 10, 200, 5
# OWASP's second choice for argon2id: 19 MiB, two passes, one lane: what other sessions need is left to them.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# These wait for some seconds; whoever comes then is told to try again.
MOST_WAITING = 100
RETRY_S = 5

Answer = TypeVar("Answer")


def check_password(password: object, *, login: str) -> str:
    """Return a new password in the form in which it is digested; raises ProtocolError with what is asked of it."""
    plain = _plain(password)
    if not MIN_CHARS <= len(plain) <= MAX_CHARS:
        why = f"has {MIN_CHARS} characters at least and {MAX_CHARS} at most"
    elif len(set(plain)) < MIN_DIFFERENT:
        why = f"has at least {MIN_DIFFERENT} different characters"
    elif login in plain.casefold() and len(plain) < len(login) + MIN_CHARS:
        why = "is more than the log-in name"
    else:
        return plain
    raise ProtocolError(
        f"a good password {why}; four words that have nothing in common will do", code="account.password"
    )


class Passwords:
    """Digests passwords and compares them, one after the other, in a thread."""

    def __init__(self) -> None:
        self._one = asyncio.Lock()
        self._waiting = 0
        # For names that nobody has: it takes as long to say no to them.
        self._nobody: str | None = None

    async def digest(self, password: str) -> str:
        """Return what is kept of a password; raises CapacityError when too many wait."""
        return await self._work(lambda: _HASHER.hash(password))

    async def is_right(self, password: object, digest: str | None) -> bool:
        """Return whether a password is the one that was digested; without a digest it is wrong, as slowly."""
        plain = _plain(password)[:MAX_CHARS]

        def compare() -> bool:
            if digest is None:
                self._nobody = self._nobody or _HASHER.hash("nobody's password")
            try:
                return _HASHER.verify(digest or self._nobody or "", plain) and digest is not None
            except (VerificationError, InvalidHashError):
                return False

        return await self._work(compare)

    async def _work(self, work: Callable[[], Answer]) -> Answer:
        if self._waiting >= MOST_WAITING:
            raise CapacityError(
                "too many people log in at this moment; try again shortly", retry_after_s=RETRY_S, code="account.busy"
            )
        self._waiting += 1
        try:
            async with self._one:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


def is_old(digest: str) -> bool:
    """Return whether a password was digested in a way that is not ours any more."""
    return _HASHER.check_needs_rehash(digest)


def _plain(password: object) -> str:
    # People type the same letter in several ways, by the keyboard they sit at.
    return unicodedata.normalize("NFKC", password) if isinstance(password, str) else ""
