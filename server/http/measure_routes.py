"""The route of what can be said of a role-play that is over: its measures, and the tasks that were heard."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.errors import AccessError
from server.http.marking_routes import check_measures
from server.http.record_routes import kept, must_be_over
from server.http.requests import server_of
from server.http.who import name_of, note_reading, own_session


async def session_measures(request: Request) -> Response:
    """Send the measures of a session with their evidence: none where nothing is left of it, or there was no card."""
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
    assessment = await server_of(request).assessments.of(session)
    return JSONResponse({"id": session.id, "mode": session.mode} | assessment)


async def session_phrase(request: Request) -> Response:
    """Send a model phrase as WAV; any session that is one's own will do, since phrases are everybody's."""
    number = request.path_params["number"]
    sound = await server_of(request).phrases.sound(request.path_params["topic"], number)
    return Response(sound, media_type="audio/wav")
