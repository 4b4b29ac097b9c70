"""The routes of what waits for marks: the list, another examiner for a role-play, and closing it with those it has."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.errors import ProtocolError
from server.exams.waiting_marks import close_marking, exam_of, names_of, waiting_role_plays
from server.http.record_routes import must_be_over
from server.http.requests import read_json, server_of
from server.http.who import name_of, own_session
from server.principal import Principal
from server.rights import Action, Reach, reach


async def list_waiting(request: Request) -> Response:
    """List the role-plays that wait for marks, the longest first; an examiner's are those that wait for theirs."""
    server = server_of(request)
    principal: Principal = request.state.principal
    everybody = reach(principal, Action.LIST_WAITING) is Reach.ALL
    examiner_id = None if everybody else principal.person_id or "nobody"
    async with server.store.database.reading() as connection:
        found = await waiting_role_plays(connection, server.settings.marking, examiner_id=examiner_id)
        names = await names_of(connection, found)
    shown = [one.as_json(names) for one in found]
    if not everybody:
        # Who else has still to mark is no business of theirs.
        shown = [one | {"missing": []} for one in shown]
    may_settle = reach(principal, Action.SETTLE_MARKING) is Reach.ALL
    return JSONResponse({"waiting": shown, "may_settle": may_settle})


async def add_examiner(request: Request) -> Response:
    """Have one more person (log-in name) examine the exam of a role-play: 201."""
    principal, session = own_session(request)
    server = server_of(request)
    login = (await read_json(request)).get("examiner")
    if not isinstance(login, str):
        raise ProtocolError('send {"examiner": "LOG-IN NAME"}', code="exam.fields")
    exam_id = await exam_of(server.store, session.id)
    await server.schedule.add_examiner(name_of(principal), exam_id, login)
    return JSONResponse({"id": session.id, "exam": exam_id}, status_code=201)


async def close_with_fewer(request: Request) -> Response:
    """Let the marks that a role-play has be all, for a reason: 201 with their number."""
    principal, session = own_session(request)
    server = server_of(request)
    must_be_over(session)
    reason = (await read_json(request)).get("reason")
    if not isinstance(reason, str):
        raise ProtocolError('send {"reason": "why no more marks will come"}', code="marking.fields")
    closing = await close_marking(
        server.store, server.settings.marking, session.id, by=name_of(principal), reason=reason
    )
    return JSONResponse({"id": session.id, "marks": closing.marks}, status_code=201)
