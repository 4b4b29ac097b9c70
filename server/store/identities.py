"""Who somebody is elsewhere: an issuer's name for them (its subject), linked to a person here.

Of the subject its keyed digest alone is kept, as of log-in names: with some issuers it is an e-mail address.
"""

from __future__ import annotations

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store.person_seals import seals_of
from server.store.tables import identities


async def person_of(connection: AsyncConnection, issuer: str, subject: str) -> str | None:
    """Return the id of the person whom an issuer calls by this subject, or None."""
    hidden = _digest(connection, issuer, subject)
    wanted = select(identities.c.person_id).where(identities.c.issuer == issuer, identities.c.subject == hidden)
    found: str | None = (await connection.execute(wanted)).scalar_one_or_none()
    return found


async def link(connection: AsyncConnection, issuer: str, subject: str, person_id: str, *, made_ms: int) -> None:
    """Link a person to an issuer's subject, which stands for nobody else."""
    hidden = _digest(connection, issuer, subject)
    row = {"issuer": issuer, "subject": hidden, "person_id": person_id, "made_ms": made_ms}
    await connection.execute(insert(identities).values(row))


async def has_any(connection: AsyncConnection, person_id: str) -> bool:
    """Return whether a person can log in with an account elsewhere."""
    wanted = select(identities.c.subject).where(identities.c.person_id == person_id).limit(1)
    return (await connection.execute(wanted)).first() is not None


def _digest(connection: AsyncConnection, issuer: str, subject: str) -> str:
    # No log-in name has a line break: an account elsewhere never has the digest of a name here.
    return seals_of(connection).digest(f"{issuer}\n{subject}")
