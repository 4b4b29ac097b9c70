"""People, their invitations and their log-ins in the database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import ProtocolError
from server.store.person_seals import DESTROYED, PersonSeals, seals_of
from server.store.tables import invitations, logins, people

PersonState = Literal["invited", "active", "disabled", "erasing", "erased"]
# Whoever looks through the pages of one screen asks many times; when they were last seen need not be to the second.
SEEN_EVERY_MS = 60_000


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may log in, once they have set a password."""

    id: str
    login: str
    name: str
    role: str
    state: PersonState
    password: str | None
    made_ms: int

    def as_json(self) -> dict[str, Any]:
        """Return what others may know, as plain data."""
        return {"id": self.id, "login": self.login, "name": self.name, "role": self.role, "state": self.state}


_PLAIN = ("role", "state", "password", "made_ms")
_COLUMNS = tuple(people.c[name] for name in ("id", "wrapped_key", "names", *_PLAIN))


def _person(row: Sequence[Any], seals: PersonSeals) -> Person:
    login, name = seals.open(row[0], row[1], row[2])
    return Person(row[0], login, name, *row[3:])


async def add(connection: AsyncConnection, person: Person) -> None:
    """Add somebody; raises ProtocolError if the log-in name is taken."""
    names = seals_of(connection).seal(person.id, person.login, person.name)
    row = {"id": person.id} | names.as_values() | {name: getattr(person, name) for name in _PLAIN}
    try:
        await connection.execute(insert(people).values(row))
    except IntegrityError:
        raise ProtocolError(
            "somebody here has this log-in name; choose another", code="account.taken", http_status=409
        ) from None


async def by_id(connection: AsyncConnection, person_id: str) -> Person | None:
    """Return a person, or None."""
    row = (await connection.execute(select(*_COLUMNS).where(people.c.id == person_id))).first()
    return _person(row, seals_of(connection)) if row is not None else None


async def by_login(connection: AsyncConnection, login: str) -> Person | None:
    """Return the person of a log-in name, or None."""
    seals = seals_of(connection)
    wanted = select(*_COLUMNS).where(people.c.login_digest == seals.digest(login))
    row = (await connection.execute(wanted)).first()
    return _person(row, seals) if row is not None else None


async def everybody(connection: AsyncConnection) -> list[Person]:
    """Return all people by their log-in names, but those who were erased."""
    seals = seals_of(connection)
    wanted = select(*_COLUMNS).where(people.c.state.not_in(("erasing", "erased")))
    found = [_person(row, seals) for row in await connection.execute(wanted)]
    return sorted(found, key=lambda person: person.login)


async def names(connection: AsyncConnection, person_ids: Collection[str]) -> dict[str, str]:
    """Return the names of people by their ids."""
    seals = seals_of(connection)
    wanted = select(people.c.id, people.c.wrapped_key, people.c.names).where(people.c.id.in_(list(person_ids)))
    return {row[0]: seals.open(*row)[1] for row in await connection.execute(wanted)} if person_ids else {}


async def count_admins(connection: AsyncConnection) -> int:
    """Return how many admins there are who are not disabled or erased."""
    wanted = select(func.count()).where(people.c.role == "admin", people.c.state.in_(("active", "invited")))
    return int((await connection.execute(wanted)).scalar_one())


async def change(connection: AsyncConnection, person_id: str, **values: Any) -> None:
    """Change columns of a person, other than the names."""
    await connection.execute(update(people).where(people.c.id == person_id).values(values))


async def become(connection: AsyncConnection, person_id: str, state: PersonState) -> bool:
    """Change a person's state unless they are erased; return whether they were not."""
    wanted = update(people).where(people.c.id == person_id, people.c.state != "erased").values(state=state)
    return bool((await connection.execute(wanted)).rowcount)


async def forget(connection: AsyncConnection, person_id: str) -> None:
    """Destroy a person's key, and all else that names them; the row stays as a tombstone."""
    nobody = {"login_digest": f"erased:{person_id}", "names": "", "wrapped_key": DESTROYED, "role": "candidate"}
    await change(connection, person_id, **nobody, state="erased", password=None, password_ms=None)


# ------------------------------------------------------------------ one-time links


async def lets_in(connection: AsyncConnection, person_id: str, *, since_ms: int) -> bool:
    """Return whether somebody is active, and had their present password at that time already.

    It is asked with every request of a session's token, so no name is unsealed for it.
    """
    had_it = func.coalesce(people.c.password_ms, 0) <= since_ms
    wanted = select(people.c.id).where(people.c.id == person_id, people.c.state == "active", had_it)
    return (await connection.execute(wanted)).first() is not None


async def invite(connection: AsyncConnection, digest: str, person_id: str, *, made_ms: int, expires_ms: int) -> None:
    """Keep a one-time link for a person, in place of those that they had."""
    await drop_links(connection, person_id)
    row = {"digest": digest, "person_id": person_id, "made_ms": made_ms, "expires_ms": expires_ms}
    await connection.execute(insert(invitations).values(row))


async def drop_links(connection: AsyncConnection, person_id: str) -> None:
    """End all one-time links of a person."""
    await connection.execute(delete(invitations).where(invitations.c.person_id == person_id))


async def invited(connection: AsyncConnection, digest: str, *, at_ms: int) -> Person | None:
    """Return whom a one-time link is for, None once it was used or is too old."""
    wanted = (
        select(*_COLUMNS)
        .join(invitations, invitations.c.person_id == people.c.id)
        .where(invitations.c.digest == digest, invitations.c.expires_ms > at_ms, people.c.state != "disabled")
    )
    row = (await connection.execute(wanted)).first()
    return _person(row, seals_of(connection)) if row is not None else None


async def use_invitation(connection: AsyncConnection, digest: str) -> bool:
    """Use a link up; return whether it was there: of two who use it at once, one does."""
    result = await connection.execute(delete(invitations).where(invitations.c.digest == digest))
    return bool(result.rowcount)


# ------------------------------------------------------------------ log-ins


@dataclass(frozen=True, slots=True)
class Login:
    """A browser that is logged in."""

    person: Person
    seen_ms: int


async def log_in(connection: AsyncConnection, digest: str, person_id: str, *, at_ms: int, expires_ms: int) -> None:
    """Keep a log-in, and let go of those that are over."""
    await connection.execute(delete(logins).where(logins.c.expires_ms <= at_ms))
    row = {"digest": digest, "person_id": person_id, "made_ms": at_ms, "seen_ms": at_ms, "expires_ms": expires_ms}
    await connection.execute(insert(logins).values(row))


async def logged_in(connection: AsyncConnection, digest: str, *, at_ms: int, idle_ms: int) -> Login | None:
    """Return a log-in that still holds, or None."""
    wanted = (
        select(logins.c.seen_ms, *_COLUMNS)
        .join(people, people.c.id == logins.c.person_id)
        .where(
            logins.c.digest == digest,
            logins.c.expires_ms > at_ms,
            logins.c.seen_ms > at_ms - idle_ms,
            people.c.state == "active",
        )
    )
    row = (await connection.execute(wanted)).first()
    return Login(_person(row[1:], seals_of(connection)), row[0]) if row is not None else None


async def see(connection: AsyncConnection, digest: str, *, at_ms: int) -> None:
    """Note that a log-in is in use."""
    await connection.execute(update(logins).where(logins.c.digest == digest).values(seen_ms=at_ms))


async def log_out(connection: AsyncConnection, digest: str) -> None:
    """End one log-in."""
    await connection.execute(delete(logins).where(logins.c.digest == digest))


async def log_out_everywhere(connection: AsyncConnection, person_id: str, *, but: str | None = None) -> None:
    """End all log-ins of a person, but for one."""
    wanted = delete(logins).where(logins.c.person_id == person_id)
    await connection.execute(wanted if but is None else wanted.where(logins.c.digest != but))
