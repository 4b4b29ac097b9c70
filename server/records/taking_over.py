"""Takes into the index what lies in the data folder alone: role-plays of earlier versions, or cut by a crash."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from common.errors import StorageError
from pipelines.events import ConsentGiven
from pipelines.patient.card import Card
from server.records.folder import RecordFolder
from server.records.log_facts import LogFacts, log_facts
from server.store import audit, sessions
from server.store.erasures import AT_START, note_erasure
from server.store.sessions import IndexedSession
from server.store.store import Store
from server.vault.vault import Vault

logger = structlog.get_logger("server.records.taking_over")

UNKNOWN = "unknown"


@dataclass(slots=True)
class TakenOver:
    """The sessions that were taken in, and those that can't be read, with why."""

    taken: list[str] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)


async def take_over(store: Store, folders: Iterable[Path], cards: Mapping[str, Card], vault: Vault) -> TakenOver:
    """Index the role-plays in these folders that the index does not know as over; none of them may be under way.

    Erasures that were cut off are finished. Raises DatabaseError.
    """
    done = TakenOver()
    by_name = {folder.name: folder for folder in folders}
    async with store.database.reading() as connection:
        known = await sessions.by_ids(connection, by_name)
    for name, folder in by_name.items():
        try:
            new = await _take_folder(store, folder, cards, vault=vault, known=known.get(name))
        except StorageError as error:
            logger.warning("session_not_indexed", session=folder.name, error=error.message)
            done.unread[name] = error.message
            continue
        if new is None:
            done.unread[name] = "it holds no log that can be read"
        elif new:
            done.taken.append(name)
    return done


async def _take_folder(
    store: Store, folder: Path, cards: Mapping[str, Card], *, vault: Vault, known: IndexedSession | None
) -> bool | None:
    """Return whether a folder was taken in, None if it can't be read; raises StorageError or DatabaseError."""
    record = RecordFolder(folder)
    if known is not None and known.state != "running":
        await _finish_erasing(store, known, record)
        return False
    if record.is_half_erased:
        await asyncio.to_thread(record.erase)
    facts = await asyncio.to_thread(lambda: log_facts(folder, vault.open_session(folder)))
    if facts is None:
        if known is None or record.has_log:
            return None
        # It was joined, and the server died before the role-play had begun.
        async with store.database.writing() as connection:
            await sessions.end(connection, known.id, ended_ms=known.began_ms, turns=0, events=0, head=None)
        return False
    async with store.database.writing() as connection:
        await _take(connection, folder.name, facts, cards)
        head = facts.head
        what = {"events": head.events, "head": head.digest, "payloads": head.payloads}
        await audit.append(connection, "session.taken_over", session=folder.name, **what)
        if record.erased:
            await note_erasure(connection, folder.name, by=AT_START)
    return True


async def _finish_erasing(store: Store, known: IndexedSession, record: RecordFolder) -> None:
    """Finish what a crash cut off: an erasure that was announced, or one that the index was not told of."""
    if known.state == "erasing":
        await asyncio.to_thread(record.erase)
    if known.state != "erased" and record.erased:
        async with store.database.writing() as connection:
            now = await sessions.by_id(connection, known.id)
            if now is not None and now.state != "erased":
                await note_erasure(connection, known.id, by=AT_START)


async def _take(connection: AsyncConnection, session_id: str, facts: LogFacts, cards: Mapping[str, Card]) -> None:
    card_id = facts.card_id or UNKNOWN
    title = cards[card_id].title if card_id in cards else card_id
    mode = facts.mode or UNKNOWN
    await sessions.begin(connection, IndexedSession(session_id, card_id, title, mode, None, "running", facts.began_ms))
    head = facts.head
    await sessions.end(
        connection, session_id, ended_ms=facts.ended_ms, turns=facts.turns, events=head.events, head=head.digest
    )
    if facts.consent is not None:
        known = await sessions.by_id(connection, session_id)
        await keep_consent(
            connection, session_id, facts.consent, person_id=known.person_id if known else None, at_ms=facts.began_ms
        )


async def keep_consent(
    connection: AsyncConnection, session_id: str, given: ConsentGiven, *, person_id: str | None, at_ms: int
) -> None:
    """Keep a consent in the index: its version, and the digest of the words, which are in the log."""
    digest = hashlib.sha256(given.text.encode()).hexdigest()
    await sessions.consent(
        connection, session_id, person_id=person_id, version=given.version, text_digest=digest, at_ms=at_ms
    )
