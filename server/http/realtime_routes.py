"""The route of a conversation over a WebSocket."""

from __future__ import annotations

import structlog
from starlette.websockets import WebSocket

from common.errors import AppError
from server.http.error_answers import error_response
from server.http.joining import resumed, session_of
from server.http.requests import check_origin, check_ready, server_of, token_of
from server.http.who import joiner, token_bearer
from server.protocol.binary import SUBPROTOCOL
from server.sessions.registry import check_goes_on
from server.wire.client_messages import error_event
from server.wire.connection import RealtimeConnection, WebSocketChannel
from server.wire.ticket import PREFIX as TICKET_PREFIX
from server.wire.ticket import Ticket, parse_ticket

logger = structlog.get_logger("server.http.realtime_routes")

REALTIME_PROTOCOL = "realtime"


async def realtime(websocket: WebSocket) -> None:
    """Hold a conversation over one WebSocket, or take it up again."""
    server = server_of(websocket)
    offered = websocket.scope.get("subprotocols", [])
    ticket: Ticket | None = None
    protocol = _protocol(offered)
    try:
        check_origin(websocket)
        check_ready(server)
        if _comes_back(offered):
            ticket = _ticket(offered)
            bearer = await token_bearer(websocket, offered) if token_of(websocket, offered) else None
            session = await resumed(server, bearer, ticket)
        else:
            principal = await joiner(websocket, offered)
            session = await session_of(server, principal, websocket.query_params.get("model", ""))
            server.registry.join(session)
            server.new_live(session, principal)
        live = check_goes_on(session)
    except AppError as error:
        await refuse(websocket, error)
        return
    server.calls.overtaken(session.id)
    live.link.knows_ours |= protocol == SUBPROTOCOL
    connection = RealtimeConnection(
        live,
        WebSocketChannel(websocket),
        settings=server.settings.server,
        idle_s=server.settings.session.idle_s,
        ticket=ticket,
        binary=protocol == SUBPROTOCOL,
    )
    try:
        await websocket.accept(subprotocol=protocol)
        with structlog.contextvars.bound_contextvars(session_id=session.id):
            code = await connection.run()
        server.metrics.count_close(code)
    finally:
        live.detach(connection)  # also when it was never accepted


async def refuse(websocket: WebSocket, error: AppError) -> None:
    """Tell whoever asked for a conversation why there is none."""
    logger.info("realtime_refused", code=error.code)
    offered = websocket.scope.get("subprotocols", [])
    # A page is not shown the answer to a handshake, and a client that comes back must know what to do.
    if _comes_back(offered) or "origin" in websocket.headers:
        await websocket.accept(subprotocol=_protocol(offered))
        await websocket.send_text(error_event(error).model_dump_json())
        await websocket.close(error.close_code, error.code)
        server_of(websocket).metrics.count_close(error.close_code)
    else:
        await websocket.send_denial_response(error_response(error))


def _protocol(offered: list[str]) -> str | None:
    """Return the one subprotocol that is answered."""
    return next((name for name in (SUBPROTOCOL, REALTIME_PROTOCOL) if name in offered), None)


def _comes_back(offered: list[str]) -> bool:
    return any(name.startswith(TICKET_PREFIX) for name in offered)


def _ticket(offered: list[str]) -> Ticket:
    (ticket, *_) = (name for name in offered if name.startswith(TICKET_PREFIX))
    return parse_ticket(ticket)
