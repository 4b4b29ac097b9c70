"""Whether the logs and recordings of sessions are what the audit says that they were when their sessions closed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from common.errors import StorageError
from server.records.folder import RecordFolder
from server.records.log_facts import log_head, payload_faults
from server.records.records import Records
from server.store import audit
from server.store.anchors import MOST_FAULTS
from server.store.erasures import DELETED, ERASED
from server.store.store import Store

CLOSING = ("session.ended", "session.taken_over")
RECORDED, SEALED = "session.recorded", "session.sealed"


@dataclass(slots=True)
class _Kept:
    """What the audit says of a session; None where it says nothing."""

    events: int = 0
    head: str | None = None
    payloads: str | None = None
    recording: str | None = None
    erased: bool = False


async def prove_logs(store: Store, records: Records) -> tuple[int, list[str]]:
    """Compare logs and recordings with the audit; return how many logs were compared, and what is wrong.

    The last that the audit says of a session counts; what retention deleted is not missed. What is gone was erased only
    if the audit has a line of it: whoever may write a folder could mark it as erased.
    """
    kept: dict[str, _Kept] = {}
    async with store.database.reading() as connection:
        async for line in audit.lines(connection):
            told = line.content or {}
            session_id = str(told.get("session"))
            if line.action in CLOSING:
                one = kept.setdefault(session_id, _Kept())
                one.events, one.head = int(told.get("events", 0)), told.get("head")
                one.payloads = told.get("payloads")
            elif line.action == RECORDED:
                kept.setdefault(session_id, _Kept()).recording = told.get("recording")
            elif line.action == SEALED:
                # Written in the plain by an earlier version, and sealed since: these are its files from now on.
                one = kept.setdefault(session_id, _Kept())
                one.payloads, one.recording = told.get("payloads", one.payloads), told.get("recording", one.recording)
            elif line.action == ERASED:
                kept.setdefault(session_id, _Kept()).erased = True
            elif line.action == DELETED:
                kept.pop(session_id, None)
    faults: list[str] = []
    for session_id, one in kept.items():
        if len(faults) < MOST_FAULTS:
            faults += await asyncio.to_thread(_faults, records, session_id, one)
    return len(kept), faults


def _faults(records: Records, session_id: str, kept: _Kept) -> list[str]:
    folder = records.root / session_id
    if kept.head is None:
        return []
    try:
        head = log_head(folder)
    except StorageError as error:
        return [error.message]
    if head is None:
        return [f"{folder.name}: its log is gone"]
    if head.digest != kept.head:
        less = f"has {head.events} events where it had {kept.events}" if head.events != kept.events else "was changed"
        return [f"{folder.name}: its log {less}"]
    record = RecordFolder(folder)
    if kept.erased:
        return [f"{folder.name}: it was erased, and what was said is there again"] if record.has_words else []
    if record.erased:
        return [
            f"{folder.name}: it is marked as erased, and the audit has no line of that; a start of the server adds it"
        ]
    try:
        faults = payload_faults(folder, records.vault.open_session(folder))
    except StorageError as error:
        faults = [error.message]
    if not faults and kept.payloads not in (None, head.payloads):
        faults.append(f"{folder.name}: its payloads were changed")
    if kept.recording is not None:
        try:
            if records.recordings.digest(folder) != kept.recording:
                faults.append(f"{folder.name}: its recording was changed, or is gone")
        except StorageError as error:
            faults.append(f"{folder.name}: its recording can't be read: {error.message}")
        except OSError as error:
            faults.append(f"{folder.name}: its recording can't be read: {error.strerror}")
    return faults
