"""The routes of the examiners' desk: its page, the role-plays under way, tickets to them, and the socket."""

from __future__ import annotations

import hashlib
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.websockets import WebSocket

from common.errors import AccessError, AppError
from pipelines.patient.card import public_view
from server.desk.seat import Renew, Seat
from server.host import Server
from server.http.error_answers import error_response
from server.http.passing_on import gathered
from server.http.requests import address_of, check_origin, server_of, token_of
from server.http.who import logged_in, name_of, own_session, whose_is
from server.paths import STATIC
from server.principal import Principal
from server.protocol.desk_messages import SUBPROTOCOL, TICKET_PREFIX
from server.rights import Action, may
from server.sessions.session import Session, Status
from server.store import people
from server.wire.channel import WebSocketChannel

logger = structlog.get_logger("server.http.desk_routes")


async def page(_request: Request) -> Response:
    """Serve the desk; it holds nothing that is secret."""
    return FileResponse(STATIC / "desk" / "index.html", headers={"Cache-Control": "no-cache"})


async def live(request: Request) -> Response:
    """List the role-plays under way that whoever asks may follow, the longest first."""
    server = server_of(request)
    principal: Principal = request.state.principal
    under_way = server.registry.under_way()
    server.desk.forget_all_but({one.id for one in under_way})
    found = [one for one in under_way if may(principal, Action.FOLLOW, whose_is(one))]
    names = await _names(server, {one.person_id for one in found if one.person_id})
    shown = [_shown(server, one, names) for one in found]
    others, silent = await gathered(request, server)
    for answer in others:
        shown += answer.get("sessions", [])
    # One that does not answer may hold role-plays that are not shown.
    return JSONResponse({"sessions": shown, "silent_servers": silent})


async def follow(request: Request) -> Response:
    """Give a ticket to follow a role-play: 201 with it and the address of the socket; it is good once, for 30 s.

    `calls` tells whether the voices may come by WebRTC, and `ice_servers` through which servers.
    """
    server = server_of(request)
    check_origin(request)
    principal, session = own_session(request)
    server.desk.check(session)
    key, renew = await _credential(request, server)
    names = await _names(server, {session.person_id} if session.person_id else set())
    seat = Seat(session, principal, key, name_of(principal), renew, candidate=names.get(session.person_id or ""))
    url = address_of(request, "/v1/desk", socket=True)
    calls = server.settings.rtc.enabled
    servers = [each.as_json() for each in server.ice_servers(session.id)] if calls else []
    told = {"id": session.id, "ticket": server.desk.tickets.issue(seat), "url": url}
    return JSONResponse(told | {"calls": calls, "ice_servers": servers}, status_code=201)


async def desk(websocket: WebSocket) -> None:
    """Send the bearer of a ticket what happens in a role-play."""
    server = server_of(websocket)
    offered = websocket.scope.get("subprotocols", [])
    ticket = next((name.removeprefix(TICKET_PREFIX) for name in offered if name.startswith(TICKET_PREFIX)), "")
    try:
        check_origin(websocket)
        seat = server.desk.tickets.take(ticket)
        server.desk.check(seat.session)
    except AppError as error:
        logger.info("desk_refused", code=error.code)
        await websocket.send_denial_response(error_response(error))
        return
    await websocket.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
    with structlog.contextvars.bound_contextvars(session_id=seat.session.id):
        await server.desk.follow(seat, WebSocketChannel(websocket))


def _shown(server: Server, session: Session, names: dict[str, str]) -> dict[str, Any]:
    driver = session.driver
    following, listening = server.desk.present(session.id)
    card = public_view(session.card)
    phase = "preparing" if session.status is Status.RESERVED else "waiting"
    if driver is not None:
        phase = "paused" if driver.clock.paused else "talking"
    person_id = session.person_id
    return {
        "id": session.id,
        "mode": session.mode,
        "person": None if person_id is None else {"id": person_id, "name": names.get(person_id)},
        "card": {"id": card.id, "title": card.title, "profession": card.profession, "setting": card.setting},
        "cues": len(session.card.cues),
        "phase": phase,
        "session_s": server.settings.session.session_s,
        "left_ms": None if driver is None else round(driver.clock.left_s * 1000.0),
        "away": session.live is not None and session.live.away,
        "following": following,
        "listening": listening,
        **server.desk.glance(session).as_json(),
    }


async def _names(server: Server, person_ids: set[str]) -> dict[str, str]:
    if not person_ids:
        return {}
    async with server.store.database.reading() as connection:
        return await people.names(connection, person_ids)


async def _credential(request: Request, server: Server) -> tuple[str, Renew]:
    """Return what somebody came by, as a digest, and how to look up again whom it stands for."""
    if (token := token_of(request)) is not None:

        async def by_token() -> Principal | None:
            return await server.key_ring.principal(token) or server.access.principal(token)

        return _digest(token), by_token
    found = await logged_in(request)
    if found is None:
        raise AccessError("log in first, or send a key as bearer")
    secret = found[1]

    async def by_cookie() -> Principal | None:
        person = await server.accounts.who(secret)
        return None if person is None else Principal(person.role, None, person_id=person.id)  # type: ignore[arg-type]

    return _digest(secret), by_cookie


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
