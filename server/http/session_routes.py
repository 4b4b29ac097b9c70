"""The routes of a candidate's session: opening one, and what came of it."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.errors import ProtocolError
from pipelines.patient.card import public_view
from server.http.passing_on import opened_elsewhere
from server.http.requests import address_of, check_origin, check_ready, read_json, server_of
from server.http.who import limited_by, note_reading, own_session, require
from server.principal import Principal
from server.records.consent import read_consent
from server.rights import OPENING
from server.sessions.join_tokens import LIFE_S
from server.sessions.past_sessions import debrief_of
from server.sessions.registry import check_free
from server.sessions.session import Session


async def create_session(request: Request) -> Response:
    """Reserve a session: 201 with its id, token and address; within the limits of a person, or a stranger's address."""
    server = server_of(request)
    check_origin(request)
    principal: Principal = request.state.principal
    if (elsewhere := await opened_elsewhere(request, server, limited_by(principal, request))) is not None:
        return elsewhere
    check_ready(server)
    asked = await read_json(request)
    card, mode = asked.get("card"), asked.get("mode", "practice")
    if not isinstance(card, str) or not isinstance(mode, str):
        raise ProtocolError('send {"card": "ID", "mode": "practice" or "exam"}', code="session.fields")
    if mode in OPENING:
        require(principal, OPENING[mode])
    await server.sittings.check_free(principal.person_id)
    consent = read_consent(asked.get("consent"), required=server.settings.session.consent_required)
    line = asked.get("line")
    if not (line is None or isinstance(line, str)):
        raise ProtocolError('"line" is the ticket of somebody who waits, or ""', code="session.fields")
    session, token = server.registry.reserve(
        card, mode, network=limited_by(principal, request), person_id=principal.person_id, line=line
    )
    session.consent = consent
    server.registry.keep(session)
    return opened(request, session, token)


def opened(request: Request, session: Session, token: str) -> Response:
    """Return what whoever opened a session needs to join it."""
    settings = server_of(request).settings.session
    return JSONResponse(
        {
            "id": session.id,
            "token": token,
            "url": address_of(request, "/v1/realtime", socket=True),
            "expires_s": settings.join_within_s,
            "prepare_s": settings.prepare_s,
            "session_s": settings.session_s,
            "card": public_view(session.card).model_dump(mode="json"),
        },
        status_code=201,
    )


async def mint_join_token(request: Request) -> Response:
    """Mint a token that opens one connection to this session, within a minute: 201 with it and its life in seconds."""
    server = server_of(request)
    check_origin(request)
    check_ready(server)
    principal, session = own_session(request)
    check_free(session)
    server.token_limits.ask(session.id, limited_by(principal, request))
    token = server.join_tokens.mint(session.id, principal.role)
    return JSONResponse({"token": token, "expires_s": LIFE_S}, status_code=201)


async def session_place(request: Request) -> Response:
    """Hear whether somebody is at the page of a session: `here`, `away` (it is being left), or `left` for good."""
    server = server_of(request)
    session = own_session(request)[1]
    asked = await read_json(request)
    state = asked.get("state")
    if state == "left":
        server.registry.give_back(session)
    elif state in ("here", "away"):
        server.registry.note_page(session, here=state == "here")
    else:
        raise ProtocolError('send {"state": "here"}, "away" or "left"', code="session.fields")
    return Response(status_code=204)


async def session_debrief(request: Request) -> Response:
    """Summarise a session to the candidate who held it."""
    session = own_session(request)[1]
    body: dict[str, Any] = {"id": session.id, "status": session.status.value, "mode": session.mode}
    body["card"] = public_view(session.card).model_dump(mode="json")
    debrief = await debrief_of(session, server_of(request).vault)
    if debrief is not None:
        note_reading(request, "record.read")
        body |= debrief.as_json(show_cues=session.mode == "practice")
    return JSONResponse(body)
