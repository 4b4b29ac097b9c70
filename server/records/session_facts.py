"""What the database has of one role-play besides its row: consent, notes, marks, its exam, and the audit's lines."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.store import audit
from server.store.tables import audit as audit_table
from server.store.tables import (
    audit_contents,
    consents,
    exam_incidents,
    exam_sessions,
    marking_closings,
    markings,
    notes,
)

TABLES = {
    "consent": consents,
    "notes": notes,
    "marks": markings,
    "marks_closed": marking_closings,
    "exam": exam_sessions,
    "incidents": exam_incidents,
}


async def session_facts(connection: AsyncConnection, session_id: str) -> dict[str, list[dict[str, Any]]]:
    """Return it all as plain data, by what it is."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, table in TABLES.items():
        rows = await connection.execute(select(table).where(table.c.session_id == session_id))
        found[name] = [dict(row) for row in rows.mappings()]
    about = audit_contents.c.content.contains(f'"session":"{session_id}"', autoescape=True)
    wanted = (
        select(audit_table.c.seq, audit_table.c.at_ms, audit_table.c.action, audit_contents.c.content)
        .join(audit_contents, audit_contents.c.seq == audit_table.c.seq)
        .where(about)
        .order_by(audit_table.c.seq)
    )
    found["audit"] = [
        {"seq": seq, "at_ms": at_ms, "action": action, "content": audit.plain(content)}
        for seq, at_ms, action, content in await connection.execute(wanted)
    ]
    return found
