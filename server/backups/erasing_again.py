"""Erases again, in what a backup brought back, all that was erased after it was made."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from server.backups.erasure_list import Erasure
from server.records.folder import RecordFolder
from server.records.person_erasing import Exams, erase_person
from server.store import people, sessions
from server.store.erasures import note_erasure
from server.store.store import Store

BY = "restore"


@dataclass(slots=True)
class Again:
    """What was erased again, by its ids."""

    sessions: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)


async def erase_again(store: Store, root: Path, erasures: Collection[Erasure], *, exams: Exams) -> Again:
    """Erase what these say, where it is there; raises StorageError or DatabaseError."""
    done = Again()
    # Sessions first: which of a person's exams went then is in the list too.
    for one in sorted(erasures, key=lambda one: (one.about == "person", one.id)):
        if one.about == "session" and await _erase_session(store, root, one.id):
            done.sessions.append(one.id)
        elif one.about == "person" and await _erase_person(store, root, one.id, exams):
            done.people.append(one.id)
    return done


async def _erase_session(store: Store, root: Path, session_id: str) -> bool:
    async with store.database.reading() as connection:
        known = await sessions.by_id(connection, session_id)
    folder = RecordFolder(root / Path(session_id).name)
    there = await asyncio.to_thread(folder.folder.is_dir)
    if there and (not folder.erased or folder.has_words):
        await asyncio.to_thread(folder.erase)
    elif known is None or known.state == "erased":
        return False
    if known is not None and known.state != "erased":
        async with store.database.writing() as connection:
            await note_erasure(connection, session_id, by=BY)
    return True


async def _erase_person(store: Store, root: Path, person_id: str, exams: Exams) -> bool:
    async with store.database.reading() as connection:
        known = await people.by_id(connection, person_id)
    if known is None or known.state == "erased":
        return False
    await erase_person(store, root, person_id, exams=exams, by=BY, again=True)
    return True
