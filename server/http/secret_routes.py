"""Short-lived secrets for pages, as OpenAI has them: a program's key in, a token for one connection out."""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.errors import ProtocolError
from server.addresses import normal_origin
from server.http.joining import CARD_PREFIX, FREE_MODEL
from server.http.requests import check_origin, check_ready, parse_json, read_body, server_of
from server.principal import Principal
from server.protocol.wire_session import SessionInfo, WireSession
from server.sessions.join_tokens import LIFE_S

# A program may send all of a session's settings, its instructions among them.
MAX_BYTES = 65_536


async def create_client_secret(request: Request) -> Response:
    """Open a practice on the card that `session.model` names; answer with a candidate's token for one connection.

    With `origin`, or asked by a page, the token is good for pages of that origin alone.
    """
    server = server_of(request)
    check_origin(request)
    check_ready(server)
    asked = parse_json(await read_body(request, max_bytes=MAX_BYTES) or b"{}", max_bytes=MAX_BYTES)
    model, origin = _model(asked), _origin(asked) or normal_origin(request.headers.get("origin", ""))
    principal: Principal = request.state.principal
    await server.sittings.check_free(principal.person_id)
    session, _ = server.registry.reserve(model.removeprefix(CARD_PREFIX), "practice", person_id=principal.person_id)
    server.registry.keep(session)
    token = server.join_tokens.mint(session.id, "candidate", origin=origin)
    settings = server.settings.session
    info = SessionInfo(session.id, session.card.id, round(time.time()) + settings.session_s)
    return JSONResponse(
        {
            "value": token,
            "expires_at": round(time.time() + LIFE_S),
            "session": WireSession(info).shown().model_dump(mode="json"),
        }
    )


def _model(asked: dict[str, Any]) -> str:
    session = asked.get("session")
    model = session.get("model") if isinstance(session, dict) else None
    if not isinstance(model, str) or not model.startswith(CARD_PREFIX):
        raise ProtocolError('name a card: send {"session": {"model": "card:ID"}}', code="session.model")
    if model == FREE_MODEL:
        raise ProtocolError(
            "a conversation without a card is for the key itself, not for a visitor's page: name a card",
            code="session.free",
            http_status=409,
        )
    return model


def _origin(asked: dict[str, Any]) -> str | None:
    if asked.get("origin") is None:
        return None
    origin = normal_origin(asked["origin"]) if isinstance(asked["origin"], str) else None
    if origin is None:
        raise ProtocolError('origin is that of a page: send {"origin": "https://NAME"}', code="session.origin")
    return origin
