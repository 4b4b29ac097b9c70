"""Keys of programs: made, found by their secret, rotated and revoked, while the server runs."""

from __future__ import annotations

from collections.abc import Iterable

from common.errors import ProtocolError
from server.accounts.account_names import name_of
from server.principal import Principal
from server.rights import PERMISSIONS
from server.store import audit, keys
from server.store.keys import Key
from server.store.store import Store
from server.store.tokens import digest_of, new_id, new_token, now_ms

KEY_PREFIX = "ik_"
DAY_MS = 86_400_000
EVERYTHING = "*"


class KeyRing:
    """Keeps of each key the digest alone; what it may do is a part of what a developer may. Raises DatabaseError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def principal(self, token: str) -> Principal | None:
        """Return whom a secret stands for, None if no key that is good has it."""
        if not token.startswith(KEY_PREFIX):
            return None
        async with self._store.database.reading() as connection:
            return _principal(await keys.by_digest(connection, digest_of(token), at_ms=now_ms()))

    async def by_id(self, key_id: str) -> Principal | None:
        """Return whom a key stands for by now, None once it is good no more."""
        async with self._store.database.reading() as connection:
            return _principal(await keys.by_id(connection, key_id, at_ms=now_ms()))

    async def make(self, by: str, *, name: object, scopes: Iterable[str], days: float | None) -> tuple[Key, str]:
        """Return a new key and its secret, which is shown this once; raises ProtocolError."""
        at_ms = now_ms()
        expires_ms = None if days is None else at_ms + round(days * DAY_MS)
        key = Key(new_id("key_"), name_of(name), check_scopes(scopes), at_ms, expires_ms, None)
        token = new_token(KEY_PREFIX)
        async with self._store.database.writing() as connection:
            await keys.add(connection, key, digest_of(token))
            await audit.append(connection, "key.made", by=by, key=key.id, scopes=sorted(key.scopes))
        return key, token

    async def everything(self) -> list[Key]:
        """Return all keys."""
        async with self._store.database.reading() as connection:
            return await keys.all_keys(connection)

    async def revoke(self, by: str, key_id: str) -> None:
        """Revoke a key for good; raises ProtocolError."""
        async with self._store.database.writing() as connection:
            if not await keys.revoke(connection, key_id, at_ms=now_ms()):
                raise _no_key()
            await audit.append(connection, "key.revoked", by=by, key=key_id)

    async def rotate(self, by: str, key_id: str) -> str:
        """Return a new secret for a key, whose old one is good no more; raises ProtocolError."""
        token = new_token(KEY_PREFIX)
        async with self._store.database.writing() as connection:
            if not await keys.renew(connection, key_id, digest_of(token)):
                raise _no_key()
            await audit.append(connection, "key.rotated", by=by, key=key_id)
        return token


def _principal(key: Key | None) -> Principal | None:
    return Principal("developer", None, scopes=key.scopes, name=key.id) if key is not None else None


def check_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Return scopes that keys can have; raises ProtocolError."""
    known = {action.value for action, rights in PERMISSIONS.items() if "developer" in rights}
    wanted = frozenset(scopes)
    if not wanted or (unknown := sorted(wanted - known - {EVERYTHING})):
        what = f"'{unknown[0]}' is no scope" if wanted else "a key needs a scope"
        raise ProtocolError(f"{what}; use {EVERYTHING}, or some of {', '.join(sorted(known))}", code="account.scope")
    return wanted


def _no_key() -> ProtocolError:
    return ProtocolError("there is no such key, or it is revoked already", code="account.no_key", http_status=404)
