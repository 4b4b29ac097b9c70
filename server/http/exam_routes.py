"""The routes of exams: planned by admins, sat by candidates, looked after by their examiners."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from common.errors import ProtocolError
from server.host import Server
from server.http.requests import check_origin, check_ready, parse_json, read_body, read_json, server_of
from server.http.session_routes import opened
from server.http.who import name_of, require
from server.paths import STATIC
from server.principal import Principal
from server.records.consent import read_consent
from server.rights import Action, Reach, Whose, is_own, reach
from server.store import exams, people
from server.store.exams import Exam
from server.store.tokens import now_ms

MAX_BYTES = 65_536  # a class's log-in names


async def page(_request: Request) -> Response:
    """Serve the page on which an exam is sat; it holds nothing that is secret."""
    return FileResponse(STATIC / "exam" / "index.html", headers={"Cache-Control": "no-cache"})


async def list_exams(request: Request) -> Response:
    """List the exams that somebody may know of, the latest first."""
    server, principal = server_of(request), _principal(request)
    far = reach(principal, Action.LIST_EXAMS)
    own = principal.person_id or "nobody"
    async with server.store.database.reading() as connection:
        if far is Reach.ALL:
            found = await exams.find(connection)
        elif far is Reach.EXAMS:
            found = await exams.find(connection, examiner_id=own)
        else:
            found = await exams.find(connection, candidate_id=own)
    return JSONResponse({"exams": await _shown(server, principal, found), "now_ms": now_ms()})


async def create_exams(request: Request) -> Response:
    """Plan exams: 201 with one for each candidate."""
    server, principal = server_of(request), _principal(request)
    asked = parse_json(await read_body(request, max_bytes=MAX_BYTES) or b"{}", max_bytes=MAX_BYTES)
    made = await server.schedule.create(
        name_of(principal),
        candidates=_texts(asked, "candidates"),
        examiners=_texts(asked, "examiners"),
        cards=_texts(asked, "cards"),
        opens_ms=_time(asked, "opens_ms"),
        closes_ms=_time(asked, "closes_ms"),
        title=asked["title"] if isinstance(asked.get("title"), str) else "",
    )
    return JSONResponse({"exams": await _shown(server, principal, made)}, status_code=201)


async def show_exam(request: Request) -> Response:
    """Show one exam; its candidate sees the phase, and the card of no part but the one at hand."""
    server, principal = server_of(request), _principal(request)
    exam = await _exam(request, Action.LIST_EXAMS)
    (shown,) = await _shown(server, principal, [exam])
    return JSONResponse(shown | {"now_ms": now_ms()})


async def assign_examiners(request: Request) -> Response:
    """Have these people examine an exam, and nobody else: whoever is not among them may follow it no longer."""
    server, principal = server_of(request), _principal(request)
    exam = await _exam(request, Action.MANAGE_EXAMS)
    logins = _texts(await read_json(request), "examiners")
    exam = await server.sittings.assign(name_of(principal), exam.id, logins)
    return JSONResponse((await _shown(server, principal, [exam]))[0])


async def void_exam(request: Request) -> Response:
    """Void an exam, or one session of it, with a reason."""
    server, principal = server_of(request), _principal(request)
    exam = await _exam(request, Action.VOID_EXAM)
    asked = await read_json(request)
    reason, session_id = _text(asked, "reason"), asked.get("session")
    if isinstance(session_id, str):
        exam = await server.sittings.void_session(name_of(principal), exam.id, session_id, reason)
    else:
        exam = await server.sittings.void(name_of(principal), exam.id, reason)
    return JSONResponse((await _shown(server, principal, [exam]))[0])


async def raise_incident(request: Request) -> Response:
    """Write down what went wrong: 201 with the incident."""
    server, principal = server_of(request), _principal(request)
    exam = await _exam(request, Action.VOID_EXAM)
    asked = await read_json(request)
    what, reason = _text(asked, "what"), _text(asked, "reason")
    noted = await server.sittings.note_incident(name_of(principal), exam, what=what, reason=reason)
    return JSONResponse(noted, status_code=201)


async def begin_exam(request: Request) -> Response:
    """Begin one's exam, or find where it stands; its clock runs from now on."""
    server, principal = server_of(request), _principal(request)
    check_ready(server)
    exam = await _exam(request, Action.SIT_EXAM)
    await server.sittings.begin(exam)
    (shown,) = await _shown(server, principal, [await server.schedule.get(exam.id)])
    return JSONResponse(shown | {"now_ms": now_ms()})


async def open_part(request: Request) -> Response:
    """Open the session of the part at hand: 201 with its id, token and address."""
    server, principal = server_of(request), _principal(request)
    check_origin(request)
    check_ready(server)
    exam = await _exam(request, Action.SIT_EXAM)
    asked = await read_json(request)
    consent = read_consent(asked.get("consent"), required=server.settings.session.consent_required)
    session, token = await server.sittings.open_session(exam.id, person_id=principal.person_id, consent=consent)
    return opened(request, session, token)


def _principal(request: Request) -> Principal:
    principal: Principal = request.state.principal
    return principal


async def _exam(request: Request, action: Action) -> Exam:
    """Return the exam of the path; raises ProtocolError (404) and AccessError."""
    exam = await server_of(request).schedule.get(request.path_params["exam_id"])
    require(_principal(request), action, whose_exam(exam))
    return exam


def whose_exam(exam: Exam) -> Whose:
    """Return of whose exam something is asked."""
    return Whose(exam.id, "exam", exam.candidate_id, exam.examiners)


async def _shown(server: Server, principal: Principal, found: list[Exam]) -> list[dict[str, Any]]:
    """Return exams as somebody may see them."""
    ids = {one.candidate_id for one in found if one.candidate_id} | {id_ for one in found for id_ in one.examiners}
    async with server.store.database.reading() as connection:
        names = await people.names(connection, ids)
    return [_for(server, principal, one, names) for one in found]


def _for(server: Server, principal: Principal, exam: Exam, names: dict[str, str]) -> dict[str, Any]:
    sitting = server.sittings.sitting(exam)
    shown: dict[str, Any] = {
        "id": exam.id,
        "title": exam.title,
        "state": exam.state,
        "opens_ms": exam.opens_ms,
        "closes_ms": exam.closes_ms,
        "begun_ms": exam.begun_ms,
        "closed_ms": exam.closed_ms,
        "void_reason": exam.void_reason,
        "role_plays": len(exam.parts),
    }
    # Whoever sits it sees it as its candidate, though they became an examiner since.
    own = is_own(principal, exam.candidate_id) and principal.role != "developer"
    if own or reach(principal, Action.LIST_EXAMS) <= Reach.OWN:
        return shown | (sitting.as_json() if sitting is not None else {"phase": None, "card": None})
    phase = sitting.as_json()["phase"] if sitting is not None else None
    return shown | {
        "phase": phase,
        "candidate": {"id": exam.candidate_id, "name": names.get(exam.candidate_id or "")},
        "examiners": [{"id": one, "name": names.get(one)} for one in sorted(exam.examiners)],
        "parts": [{"number": p.number, "card": p.card_id, "title": p.card_title} for p in exam.parts],
        "sessions": [
            {
                "id": one.session_id,
                "part": one.part,
                "made_ms": one.made_ms,
                "voided_ms": one.voided_ms,
                "voided_by": one.voided_by,
                "void_reason": one.void_reason,
            }
            for one in exam.sessions
        ],
        "incidents": [
            {
                "id": one.id,
                "session": one.session_id,
                "at_ms": one.at_ms,
                "by": one.by,
                "what": one.what,
                "reason": one.reason,
            }
            for one in exam.incidents
        ],
    }


def _text(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str):
        raise ProtocolError(f"send {name} as text", code="exam.fields")
    return value


def _texts(asked: dict[str, Any], name: str) -> list[str]:
    value = asked.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ProtocolError(f"send {name} as a list of texts", code="exam.fields")
    return value


def _time(asked: dict[str, Any], name: str) -> int:
    value = asked.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 10**15:
        raise ProtocolError(f"send {name} as milliseconds since 1970", code="exam.fields")
    return value
