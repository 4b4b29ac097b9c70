"""The HTTP and WebSocket routes; each answers for one address and raises AppError for what goes wrong."""

from __future__ import annotations

from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.websockets import WebSocket

from audio.recorder import RECORDING_NAME
from common.errors import AppError, CapacityError, ProtocolError
from pipelines.catalogue import Choice
from pipelines.patient.card import public_view
from server.http.joining import new_live, session_of
from server.http.requests import check_origin, check_ready, limited_network, own_session, read_json, server_of, token_of
from server.paths import STATIC
from server.protocol.binary import SUBPROTOCOL
from server.records.consent import read_consent
from server.sessions import Status
from server.wire.connection import RealtimeConnection, WebSocketChannel
from server.wire.inbound import error_event
from server.wire.ticket import PREFIX as TICKET_PREFIX
from server.wire.ticket import Ticket, parse_ticket

logger = structlog.get_logger("server.http.routes")

REALTIME_PROTOCOL = "realtime"


# ------------------------------------------------------------------ errors


def error_response(error: AppError) -> JSONResponse:
    """Return an error as JSON with its code, and Retry-After where it says when."""
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, CapacityError) else None
    body = {"error": {"code": error.code, "message": error.message}}
    return JSONResponse(body, status_code=error.http_status, headers=headers)


async def app_error(_request: Request, error: Exception) -> Response:
    """Answer a request that failed with an error of ours."""
    assert isinstance(error, AppError)  # noqa: S101 - registered for this type only
    return error_response(error)


async def our_fault(_request: Request, _error: Exception) -> Response:
    """Answer a request that failed by a fault of ours, without internals."""
    return error_response(AppError("something went wrong on our side; try again"))


# ------------------------------------------------------------------ pages and state


async def page(_request: Request) -> Response:
    """Serve the candidate's page."""
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


async def health(request: Request) -> Response:
    """Say that the process answers, and which models are loaded."""
    server = server_of(request)
    models = [
        {"model": model.key, "device": model.device, "state": model.state, "memory_bytes": model.memory_bytes}
        for model in server.models.status()
    ]
    return JSONResponse(
        {"status": "ok", "env": server.settings.environment, "version": server.version, "models": models}
    )


async def ready(request: Request) -> Response:
    """Say whether sessions can be taken; 503 with the reason while not."""
    server = server_of(request)
    reason = "draining" if server.registry.draining else server.not_ready
    if reason is not None:
        return JSONResponse({"status": "not ready", "reason": reason}, status_code=503)
    return JSONResponse({"status": "ready"})


async def metrics(request: Request) -> Response:
    """Serve the metrics in Prometheus' text format."""
    server = server_of(request)
    if not server.settings.server.metrics_enabled:
        return Response(status_code=404)
    body, content_type = server.metrics.render()
    return Response(body, headers={"Content-Type": content_type})


async def info(request: Request) -> Response:
    """Say what this server runs on; the page shows that engines are demonstrations when they are."""
    server = server_of(request)

    def engine(choice: Choice) -> dict[str, Any]:
        chosen = {"name": choice.name, "demonstration": choice.demonstration, "reason": choice.reason}
        return chosen | ({"model": choice.model} if choice.model else {})

    return JSONResponse(
        {
            "version": server.version,
            "env": server.settings.environment,
            "engines": {
                "recogniser": engine(server.choices.recogniser),
                "responder": engine(server.choices.responder),
                "synthesiser": engine(server.choices.synthesiser),
            },
            "limits": {
                "prepare_s": server.settings.session.prepare_s,
                "session_s": server.settings.session.session_s,
            },
        }
    )


async def list_cards(request: Request) -> Response:
    """List the candidate's side of every card."""
    cards = server_of(request).cards
    return JSONResponse({"cards": [public_view(card).model_dump(mode="json") for card in cards.values()]})


# ------------------------------------------------------------------ sessions


async def create_session(request: Request) -> Response:
    """Reserve a session: 201 with its id, token and address; for strangers, within the limits of their address."""
    server = server_of(request)
    check_origin(request)
    check_ready(server)
    asked = await read_json(request)
    card, mode = asked.get("card"), asked.get("mode", "practice")
    if not isinstance(card, str) or not isinstance(mode, str):
        raise ProtocolError('send {"card": "ID", "mode": "practice" or "exam"}', code="session.fields")
    consent = read_consent(asked.get("consent"), required=server.settings.session.consent_required)
    session, token = server.registry.create(card, mode, network=limited_network(request))
    session.consent = consent
    settings = server.settings.session
    scheme = "wss" if request.url.scheme == "https" else "ws"
    return JSONResponse(
        {
            "id": session.id,
            "token": token,
            "url": f"{scheme}://{request.headers.get('host', request.url.netloc)}/v1/realtime",
            "expires_s": settings.join_within_s,
            "prepare_s": settings.prepare_s,
            "session_s": settings.session_s,
            "card": public_view(session.card).model_dump(mode="json"),
        },
        status_code=201,
    )


async def session_debrief(request: Request) -> Response:
    """Summarise a session to the candidate who held it."""
    session = own_session(request)[1]
    body: dict[str, Any] = {"id": session.id, "status": session.status.value, "mode": session.mode}
    body["card"] = public_view(session.card).model_dump(mode="json")
    if session.debrief is not None:
        body |= session.debrief.as_json(show_cues=session.mode == "practice")
    return JSONResponse(body)


async def session_recording(request: Request) -> Response:
    """Send the joined recording (FLAC: candidate left, patient right) once the session is over."""
    session = own_session(request)[1]
    path = session.folder / RECORDING_NAME
    if session.status is not Status.ENDED or not path.is_file():
        raise ProtocolError(
            "the recording is there once the session is over", code="session.no_recording", http_status=404
        )
    return FileResponse(path, media_type="audio/flac", filename=f"{session.card.id}.flac")


async def realtime(websocket: WebSocket) -> None:
    """Hold a conversation over one WebSocket, or take it up again."""
    server = server_of(websocket)
    offered = websocket.scope.get("subprotocols", [])
    ticket: Ticket | None = None
    protocol = next((name for name in (SUBPROTOCOL, REALTIME_PROTOCOL) if name in offered), None)  # exactly one
    back = any(name.startswith(TICKET_PREFIX) for name in offered)
    try:
        check_origin(websocket)
        check_ready(server)
        principal = server.registry.principal(token_of(websocket, offered))
        if back:
            ticket = _ticket(offered)
            session = server.registry.resume(principal, ticket)
        else:
            session = session_of(server, principal, websocket.query_params.get("model", ""))
            server.registry.join(session)
    except AppError as error:
        logger.info("realtime_refused", code=error.code)
        # A browser is not shown the answer to a handshake; a client that comes back must know what to do.
        if back:
            await websocket.accept(subprotocol=protocol)
            await websocket.send_text(error_event(error).model_dump_json())
            await websocket.close(error.close_code, error.code)
            server.metrics.count_close(error.close_code)
        else:
            await websocket.send_denial_response(error_response(error))
        return
    live = session.live or new_live(server, session, principal)
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


def _ticket(offered: list[str]) -> Ticket:
    (ticket, *_) = (name for name in offered if name.startswith(TICKET_PREFIX))
    return parse_ticket(ticket)
