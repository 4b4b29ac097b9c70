"""The HTTP and WebSocket routes; each answers for one address and raises AppError for what goes wrong."""

from __future__ import annotations

import time
from typing import Any

import structlog
from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.websockets import WebSocket

from audio.errors import AccessError, AppError, CapacityError, ProtocolError
from audio.recorder import RECORDING_NAME
from pipelines.catalogue import Choice
from pipelines.patient.card import public_view
from server.consent import read_consent
from server.host import Server
from server.paths import STATIC
from server.principal import Principal
from server.protocol.binary import SUBPROTOCOL
from server.protocol.refusal import Refused
from server.protocol.strict_json import parse_object
from server.security import origin_allowed
from server.sessions import Session, Status
from server.wire.connection import RealtimeConnection, SessionInfo, WebSocketChannel
from server.wire.inbound import error_event
from server.wire.live import LiveSession
from server.wire.ticket import PREFIX as TICKET_PREFIX
from server.wire.ticket import Ticket, parse_ticket

logger = structlog.get_logger("server.routes")

MAX_BODY_BYTES = 4_096
KEY_PROTOCOL = "openai-insecure-api-key."
REALTIME_PROTOCOL = "realtime"


def _server(connection: HTTPConnection) -> Server:
    server: Server = connection.app.state.server
    return server


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
    server = _server(request)
    models = [
        {"model": model.key, "device": model.device, "state": model.state, "memory_bytes": model.memory_bytes}
        for model in server.models.status()
    ]
    return JSONResponse(
        {"status": "ok", "env": server.settings.environment, "version": server.version, "models": models}
    )


async def ready(request: Request) -> Response:
    """Say whether sessions can be taken; 503 with the reason while not."""
    server = _server(request)
    reason = "draining" if server.registry.draining else server.not_ready
    if reason is not None:
        return JSONResponse({"status": "not ready", "reason": reason}, status_code=503)
    return JSONResponse({"status": "ready"})


async def metrics(request: Request) -> Response:
    """Serve the metrics in Prometheus' text format."""
    server = _server(request)
    if not server.settings.server.metrics_enabled:
        return Response(status_code=404)
    body, content_type = server.metrics.render()
    return Response(body, headers={"Content-Type": content_type})


async def info(request: Request) -> Response:
    """Say what this server runs on; the page shows that engines are demonstrations when they are."""
    server = _server(request)

    def engine(choice: Choice) -> dict[str, Any]:
        return {"name": choice.name, "demonstration": choice.demonstration}

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
    cards = _server(request).cards
    return JSONResponse({"cards": [public_view(card).model_dump(mode="json") for card in cards.values()]})


# ------------------------------------------------------------------ sessions


async def create_session(request: Request) -> Response:
    """Reserve a session: 201 with its id, token and address."""
    server = _server(request)
    _check_origin(request)
    _check_ready(server)
    asked = await _json_body(request)
    card, mode = asked.get("card"), asked.get("mode", "practice")
    if not isinstance(card, str) or not isinstance(mode, str):
        raise ProtocolError('send {"card": "ID", "mode": "practice" or "exam"}', code="session.fields")
    consent = read_consent(asked.get("consent"))
    session, token = server.registry.create(card, mode)
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
    session = _own_session(request)
    body: dict[str, Any] = {"id": session.id, "status": session.status.value, "mode": session.mode}
    body["card"] = public_view(session.card).model_dump(mode="json")
    if session.debrief is not None:
        body |= session.debrief.as_json(show_cues=session.mode == "practice")
    return JSONResponse(body)


async def session_recording(request: Request) -> Response:
    """Send the joined recording (FLAC: candidate left, patient right) once the session is over."""
    session = _own_session(request)
    path = session.folder / RECORDING_NAME
    if session.status is not Status.ENDED or not path.is_file():
        raise ProtocolError(
            "the recording is there once the session is over", code="session.no_recording", http_status=404
        )
    return FileResponse(path, media_type="audio/flac", filename=f"{session.card.id}.flac")


async def realtime(websocket: WebSocket) -> None:
    """Hold a conversation over one WebSocket, or take it up again."""
    server = _server(websocket)
    offered = websocket.scope.get("subprotocols", [])
    ticket: Ticket | None = None
    protocol = next((name for name in (SUBPROTOCOL, REALTIME_PROTOCOL) if name in offered), None)  # exactly one
    back = any(name.startswith(TICKET_PREFIX) for name in offered)
    try:
        _check_origin(websocket)
        _check_ready(server)
        principal = server.registry.principal(_token(websocket, offered))
        if back:
            ticket = _ticket(offered)
            session = server.registry.resume(principal, ticket)
        else:
            session = _join(server, principal, websocket.query_params.get("model", ""))
    except AppError as error:
        logger.info("realtime_refused", code=error.code)
        if back:  # a browser is not shown the answer to a handshake; a client that comes back must know what to do
            await websocket.accept(subprotocol=protocol)
            await websocket.send_text(error_event(error).model_dump_json())
            await websocket.close(error.close_code, error.code)
            server.metrics.count_close(error.close_code)
        else:
            await websocket.send_denial_response(error_response(error))
        return
    live = session.live or _new_live(server, session, principal)
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


def _new_live(server: Server, session: Session, principal: Principal) -> LiveSession:
    session.live = LiveSession(
        principal=principal,
        session_info=SessionInfo(
            id=session.id,
            card_id=session.card.id,
            expires_at_s=round(time.time()) + server.settings.session.session_s,
        ),
        make_driver=lambda input_hz, sink: server.registry.make_driver(session, input_hz, sink),
        settings=server.settings.server,
        resume_s=server.settings.session.resume_s,
        over=lambda: server.registry.finish(session),
    )
    return session.live


# ------------------------------------------------------------------ helpers


def _join(server: Server, principal: Principal, model: str) -> Session:
    if principal.session_id is None:
        if not model.startswith("card:"):
            raise ProtocolError("a developer's key chooses a card: connect with ?model=card:ID", code="session.model")
        session, _ = server.registry.create(model.removeprefix("card:"), "practice")
    else:
        session = server.registry.get(principal.session_id)
    server.registry.join(session)
    return session


def _ticket(offered: list[str]) -> Ticket:
    (ticket, *_) = (name for name in offered if name.startswith(TICKET_PREFIX))
    return parse_ticket(ticket)


def _token(connection: HTTPConnection, offered: list[str] | None = None) -> str | None:
    """Return the bearer token, from the header or (browsers can't set one) from the subprotocol."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    for protocol in offered or ():
        if protocol.startswith(KEY_PROTOCOL):
            return protocol.removeprefix(KEY_PROTOCOL)
    return None


def _own_session(request: Request) -> Session:
    server = _server(request)
    principal = server.registry.principal(_token(request))
    session_id = request.path_params["session_id"]
    if principal.session_id not in (None, session_id):
        raise AccessError("this token is for another session", http_status=403, close_code=4403)
    return server.registry.get(session_id)


def _check_origin(connection: HTTPConnection) -> None:
    if not origin_allowed(connection.headers, tuple(_server(connection).settings.server.allowed_origins)):
        raise AccessError(
            "this page may not call this server; ask its operator to allow the origin",
            code="access.origin",
            http_status=403,
            close_code=4403,
        )


def _check_ready(server: Server) -> None:
    if server.not_ready is not None:
        raise CapacityError(
            f"the server is not ready ({server.not_ready}); try again shortly",
            retry_after_s=server.settings.server.retry_after_s,
            code="capacity.not_ready",
        )


async def _json_body(request: Request) -> dict[str, Any]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ProtocolError(f"the request is larger than {MAX_BODY_BYTES} bytes", code="protocol.too_big")
    try:
        return parse_object(bytes(body) or b"{}", max_bytes=MAX_BODY_BYTES)
    except Refused:  # its words are about messages
        why = "the request's body must be one JSON object: no key twice, no NaN, whole characters"
        raise ProtocolError(why, code="protocol.bad_json") from None
