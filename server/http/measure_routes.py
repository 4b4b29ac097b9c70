"""The route of what can be said of a role-play that is over: its measures, and the tasks that were heard."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.errors import AccessError
from pipelines.events import Audience
from pipelines.log.stored_events import StoredLog
from server.http.marking_routes import check_measures
from server.http.record_routes import kept, must_be_over
from server.http.requests import server_of
from server.http.who import name_of, note_reading, own_session
from server.records.candidate_track import candidate_track
from server.records.folder import RecordFolder


async def session_measures(request: Request) -> Response:
    """Send the measures of a session with their evidence; `measures` is empty where nothing is left to measure."""
    principal, session = own_session(request)
    own = principal.person_id is not None and principal.person_id == session.person_id
    if session.mode == "exam" and own and principal.role != "developer":
        raise AccessError("the figures of an exam are for those who examine it", http_status=403, close_code=4403)
    must_be_over(session)
    if session.mode == "exam" and principal.role == "examiner":
        # The machine says nothing to whoever has still to mark.
        await check_measures(server_of(request), session, name_of(principal))
    await kept(session.written)
    await kept(session.joined)
    note_reading(request, "measures.read")
    assessor, vault = server_of(request).assessor, server_of(request).vault

    def read() -> dict[str, Any]:
        record = RecordFolder(session.folder)
        if record.erased or not record.has_log:
            return {"measures": [], "tasks": None, "coaching": None}
        seal = vault.open_session(session.folder)
        track = candidate_track(session.folder, seal)
        records = StoredLog(session.folder, seal).records(Audience.DEVELOPER)
        return assessor.assess(records, session.card, track).as_json()

    return JSONResponse({"id": session.id, "mode": session.mode} | await asyncio.to_thread(read))


async def session_phrase(request: Request) -> Response:
    """Send a model phrase as WAV; any session that is one's own will do, since phrases are everybody's."""
    number = request.path_params["number"]
    sound = await server_of(request).phrases.sound(request.path_params["topic"], number)
    return Response(sound, media_type="audio/wav")
