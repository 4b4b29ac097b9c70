"""What people's names lie under in the database: each person's own key, and a keyed digest to find a log-in name by.

The keys are wrapped by the vault's master key. Whoever destroys a person's key has erased the name, in old copies too.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import DatabaseError
from common.seal import damaged
from server.store.tables import facts, people
from server.vault.vault import Vault

OPTION = "interlocutor_seals"
LOGINS = "the key of log-in names"
FACT = "login_key"
DESTROYED = ""
"""What stands in place of a person's key once they were erased."""


@dataclass(frozen=True, slots=True)
class SealedNames:
    """A person's names as a row has them: the digest, the wrapped key, and what it opens."""

    login_digest: str
    wrapped_key: str
    names: str

    def as_values(self) -> dict[str, str]:
        """Return them by their columns."""
        return {"login_digest": self.login_digest, "wrapped_key": self.wrapped_key, "names": self.names}


class PersonSeals:
    """Seals and opens people's names; `logins` keys the digests of log-in names."""

    def __init__(self, vault: Vault, logins: bytes) -> None:
        self._vault = vault
        self._logins = logins

    def digest(self, login: str) -> str:
        """Return what a log-in name is found by (HMAC-SHA256): equal for equal names, telling nothing of them."""
        return hmac.new(self._logins, login.encode(), hashlib.sha256).hexdigest()

    def seal(self, person_id: str, login: str, name: str) -> SealedNames:
        """Return a person's names sealed with a new key."""
        seal, wrapped = self._vault.new_key(_about(person_id))
        said = json.dumps({"login": login, "name": name}, ensure_ascii=False).encode()
        sealed = base64.b64encode(seal.seal(said, about=_about(person_id))).decode()
        return SealedNames(self.digest(login), wrapped, sealed)

    def open(self, person_id: str, wrapped: str, names: str) -> tuple[str, str]:
        """Return a person's log-in name and name, empty once erased; raises StorageError."""
        if wrapped == DESTROYED:
            return "", ""
        seal = self._vault.open_key(wrapped, _about(person_id))
        try:
            said = json.loads(seal.open(base64.b64decode(names, validate=True), about=_about(person_id)))
            return str(said["login"]), str(said["name"])
        except (ValueError, KeyError, TypeError):
            raise damaged(_about(person_id)) from None


def _about(person_id: str) -> str:
    return f"person {person_id}"


def seals_of(connection: AsyncConnection) -> PersonSeals:
    """Return what opens names on this connection; raises DatabaseError if the database was opened without a vault."""
    seals = connection.sync_connection.get_execution_options().get(OPTION) if connection.sync_connection else None
    if not isinstance(seals, PersonSeals):
        raise DatabaseError(
            "people can't be read yet: the database is not opened with its keys", code="database.failed"
        )
    return seals


async def open_seals(connection: AsyncConnection, vault: Vault) -> tuple[PersonSeals, int]:
    """Return the seals of a database, made with its first use, and how many names it had in the plain: no more.

    Raises StorageError when the master key is another.
    """
    known = await connection.execute(select(facts.c.value).where(facts.c.name == FACT))
    wrapped: str | None = known.scalar_one_or_none()
    if wrapped is None:
        seal, wrapped = vault.new_key(LOGINS)
        await connection.execute(insert(facts).values(name=FACT, value=wrapped))
    else:
        seal = vault.open_key(wrapped, LOGINS)
    seals = PersonSeals(vault, seal.derive("digests of log-in names"))
    plain = select(people.c.id, people.c.login_digest, people.c.names, people.c.state)
    rows = (await connection.execute(plain.where(people.c.wrapped_key.is_(None)))).all()
    for person_id, login, name, state in rows:
        values = {"wrapped_key": DESTROYED, "names": ""}
        if state != "erased":
            values = seals.seal(person_id, login, name).as_values()
        await connection.execute(update(people).where(people.c.id == person_id).values(values))
    return seals, len(rows)


async def rewrap(connection: AsyncConnection, vault: Vault) -> int:
    """Have the current master key wrap people's keys; return how many another one did. Raises StorageError."""
    done = 0
    wanted = select(people.c.id, people.c.wrapped_key).where(people.c.wrapped_key != DESTROYED)
    for person_id, wrapped in (await connection.execute(wanted)).all():
        again = vault.rewrapped(wrapped, _about(person_id))
        if again is not None:
            await connection.execute(update(people).where(people.c.id == person_id).values(wrapped_key=again))
            done += 1
    known = await connection.execute(select(facts.c.value).where(facts.c.name == FACT))
    again = vault.rewrapped(str(known.scalar_one()), LOGINS)
    if again is not None:
        await connection.execute(update(facts).where(facts.c.name == FACT).values(value=again))
        done += 1
    return done


async def wrapped_keys(connection: AsyncConnection) -> list[str]:
    """Return all wrapped keys that the database has."""
    found = await connection.execute(select(people.c.wrapped_key).where(people.c.wrapped_key != DESTROYED))
    known = await connection.execute(select(facts.c.value).where(facts.c.name == FACT))
    return [str(row[0]) for row in found] + [str(row[0]) for row in known]
