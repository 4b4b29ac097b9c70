"""The routes of what examiners write down beside a role-play, live or afterwards."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.errors import ProtocolError
from server.http.requests import parse_json, read_body, server_of
from server.http.who import name_of, own_session
from server.records.folder import RecordFolder
from server.store import audit, notes, people
from server.store.notes import Note
from server.store.tokens import now_ms

# A page of notes: some hundred kilobytes at most.
MOST_AT_ONCE = 500
MOST_TEXT = 2_000
# More than anybody writes; a program that has gone wrong stops here.
MOST_NOTES = 20_000
MAX_BODY_BYTES = 16_384
MAX_AT_MS = 86_400_000


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    id: str = Field(pattern=r"^[0-9a-f]{32}$")
    kind: Literal["note", "bookmark", "incident", "withdrawn"]
    at_ms: int = Field(ge=0, le=MAX_AT_MS)
    text: str = Field(default="", max_length=MOST_TEXT)
    withdraws: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")


async def list_notes(request: Request) -> Response:
    """List one's own notes on a role-play and everybody's incidents, the oldest first, a page at a time."""
    principal, session = own_session(request)
    after = _after(request.query_params.get("after"))
    async with server_of(request).store.database.reading() as connection:
        found = await notes.find(connection, session.id, author_id=name_of(principal), after=after, limit=MOST_AT_ONCE)
    last = found[-1] if len(found) == MOST_AT_ONCE else None
    return JSONResponse(
        {
            "notes": [_shown(one, name_of(principal)) for one in found],
            "next": None if last is None else f"{last.made_ms}.{last.id}",
        }
    )


async def add_note(request: Request) -> Response:
    """Keep a note: 201, or 200 where it was kept already. Raises ProtocolError for one that can't be kept."""
    principal, session = own_session(request)
    server, author_id = server_of(request), name_of(principal)
    asked = _asked(parse_json(await read_body(request, max_bytes=MAX_BODY_BYTES), max_bytes=MAX_BODY_BYTES))
    if RecordFolder(session.folder).erased:
        raise ProtocolError("this role-play was deleted; nothing can be noted about it", code="note.refused")
    async with server.store.database.writing() as connection:
        names = await people.names(connection, {author_id})
        if asked.kind == "withdrawn":
            other = await notes.by_id(connection, session.id, asked.withdraws or "")
            if other is None or other.author_id != author_id or other.kind == "withdrawn":
                raise ProtocolError("only a note of one's own can be withdrawn", code="note.refused")
        if await notes.count(connection, session.id) >= MOST_NOTES:
            raise ProtocolError("this role-play has too many notes already", code="note.refused")
        note = Note(
            session_id=session.id,
            author_id=author_id,
            author=names.get(author_id, author_id),
            made_ms=now_ms(),
            **asked.model_dump(),
        )
        new = await notes.add(connection, note)
    if new and note.kind == "incident":
        line = partial(audit.append, action="incident.raised", by=author_id, session=session.id, note=note.id)
        server.store.ledger.note(f"incident {session.id}", line)
    return JSONResponse(_shown(note, author_id), status_code=201 if new else 200)


def _asked(body: dict[str, Any]) -> _Asked:
    try:
        asked = _Asked.model_validate(body)
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ProtocolError(f"{field[:40]}: this is no note that can be kept", code="note.fields") from None
    if (asked.kind == "withdrawn") != (asked.withdraws is not None):
        raise ProtocolError("withdraws: only a withdrawal names another note", code="note.fields")
    if "\0" in asked.text:
        raise ProtocolError("text: there is a sign in it that no text has", code="note.fields")
    if asked.kind in ("note", "incident") and not asked.text.strip():
        raise ProtocolError("text: write something down", code="note.fields")
    return asked


def _shown(note: Note, reader: str) -> dict[str, Any]:
    shown = note.as_json()
    return {name: shown[name] for name in ("id", "kind", "at_ms", "text", "made_ms", "withdraws", "author")} | {
        "own": note.author_id == reader
    }


def _after(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    made, _, note_id = text.partition(".")
    if not made.isascii() or not made.isdigit() or len(made) > 15 or not note_id:
        raise ProtocolError("after must be the `next` of the page before", code="note.fields")
    return int(made), note_id
