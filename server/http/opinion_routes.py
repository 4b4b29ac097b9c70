"""The route of the second opinion: for examiners who have signed, and never for whoever was judged."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.errors import SettingsError
from server.host import Server
from server.http.marking_routes import check_measures
from server.http.record_routes import kept, must_be_over
from server.http.requests import server_of
from server.http.who import name_of, note_reading, own_session
from server.opinions.opinion_models import why_off
from server.opinions.references import load_references
from server.opinions.session_opinion import read_opinion
from server.records.folder import RecordFolder
from server.sessions.session import Session


async def session_opinion(request: Request) -> Response:
    """Send what a language model would mark, with its reasons: `state` is made, none, or off, and `say` tells why."""
    principal, session = own_session(request)
    server = server_of(request)
    must_be_over(session)
    if session.mode == "exam":
        await check_measures(server, session, name_of(principal))
    await kept(session.written)
    note_reading(request, "opinion.read")
    return JSONResponse({"id": session.id} | await asyncio.to_thread(_read, server, session))


def _read(server: Server, session: Session) -> dict[str, Any]:
    folder = RecordFolder(session.folder)
    made = None if folder.erased else read_opinion(session.folder, server.vault.open_session(session.folder))
    if made is not None:
        return {"state": "made", "say": "", "not_judged": _not_judged(server)} | made.as_json()
    if off := why_off(server.settings):
        return {"state": "off", "say": off}
    return {"state": "none", "say": f"nobody has asked for one: interlocutor assess {session.id}"}


def _not_judged(server: Server) -> dict[str, str]:
    try:
        return load_references(server.settings.second_opinion.references).not_judged
    except SettingsError:
        # They were there when it was made; what is missing now spoils nothing of it.
        return {}
