"""Whether the logs of sessions are what the audit says that they were when their sessions closed."""

from __future__ import annotations

import asyncio
from pathlib import Path

from common.errors import StorageError
from server.records.folder import RecordFolder
from server.records.log_facts import log_head, payload_faults
from server.store import audit
from server.store.anchors import MOST_FAULTS
from server.store.store import Store

CLOSING = ("session.ended", "session.taken_over")
LETTING_GO = "session.deleted"


async def prove_logs(store: Store, root: Path) -> tuple[int, list[str]]:
    """Compare each log below `root` with its head in the audit; return how many were compared, and what is wrong.

    The last head that the audit has of a session counts; what retention deleted is not missed.
    """
    heads: dict[str, tuple[int, str | None]] = {}
    async with store.database.reading() as connection:
        async for line in audit.lines(connection):
            told = line.content or {}
            if line.action in CLOSING and "session" in told:
                heads[str(told["session"])] = (int(told.get("events", 0)), told.get("head"))
            elif line.action == LETTING_GO:
                heads.pop(str(told.get("session")), None)
    faults: list[str] = []
    for session_id, (events, digest) in heads.items():
        if len(faults) < MOST_FAULTS and digest is not None:
            faults += await asyncio.to_thread(_faults, root / session_id, events, digest)
    return len(heads), faults


def _faults(folder: Path, events: int, digest: str) -> list[str]:
    try:
        head = log_head(folder)
    except StorageError as error:
        return [error.message]
    if head is None:
        return [f"{folder.name}: its log is gone"]
    if head.digest != digest:
        less = f"has {head.events} events where it had {events}" if head.events != events else "was changed"
        return [f"{folder.name}: its log {less}"]
    return [] if RecordFolder(folder).erased else payload_faults(folder)
