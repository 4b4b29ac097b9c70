"""Noting that a session was erased, here and nowhere else: its state in the index, and the audit's line."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from server.store import audit, marking_closings, markings, notes, sessions
from server.store.tokens import now_ms

ERASED, DELETED = "session.erased", "session.deleted"
"""The audit's actions: what was said is gone and envelopes stay, or the whole folder is gone after its time."""

AT_START, RETENTION = "the server, at its start", "retention"


async def note_erasure(connection: AsyncConnection, session_id: str, *, by: str, action: str = ERASED) -> None:
    """Note that a session was erased, and by whom; without its line in the audit no erasure counts."""
    await sessions.set_state(connection, session_id, "erased", erased_ms=now_ms())
    await notes.erase(connection, session_id)
    await markings.erase(connection, session_id)
    await marking_closings.erase(connection, session_id)
    await audit.append(connection, action, session=session_id, by=by)
