"""Short-lived secrets for pages, as OpenAI has them: a program's key in, a token for one connection out."""

from __future__ import annotations

import json
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.errors import ProtocolError
from server.addresses import normal_origin
from server.http.joining import CARD_PREFIX, FREE_MODEL
from server.http.requests import check_origin, check_ready, parse_json, read_body, server_of
from server.principal import Principal
from server.protocol.client_events import SessionFields, SessionUpdate, parse_client_message
from server.protocol.refusal import Refused
from server.protocol.support import without, without_refused
from server.protocol.wire_session import SessionInfo, WireSession
from server.sessions.join_tokens import LIFE_S
from server.wire.formats import unfit_formats

# A program may send all of a session's settings, its instructions among them.
MAX_BYTES = 65_536
# From when a secret's life counts, in OpenAI's words; there is no other.
ANCHOR = "created_at"


async def create_client_secret(request: Request) -> Response:
    """Open a practice on the card that `session.model` names; answer with a candidate's token for one connection.

    With `origin`, or asked by a page, the token is good for pages of that origin alone. The answer has the session as
    it will be when somebody connects, and why each setting that is not in force was `refused`.
    """
    server = server_of(request)
    check_origin(request)
    check_ready(server)
    asked = parse_json(await read_body(request, max_bytes=MAX_BYTES) or b"{}", max_bytes=MAX_BYTES)
    model, origin = _model(asked), _origin(asked) or normal_origin(request.headers.get("origin", ""))
    times = server.settings.session
    life_s = _life_s(asked, most_s=times.join_within_s)
    principal: Principal = request.state.principal
    card_id = model.removeprefix(CARD_PREFIX)
    wished, refused = _settings(asked["session"], principal, SessionInfo("", card_id, 0))
    await server.sittings.check_free(principal.person_id)
    session, _ = server.registry.reserve(card_id, "practice", person_id=principal.person_id)
    session.wished = wished
    server.registry.keep(session)
    token = server.join_tokens.mint(session.id, "candidate", origin=origin, life_s=life_s)
    wire = WireSession(SessionInfo(session.id, session.card.id, round(time.time()) + times.session_s))
    wire.update(wished)
    return JSONResponse(
        {
            "value": token,
            "expires_at": round(time.time() + life_s),
            "session": wire.shown().model_dump(mode="json"),
            "refused": [{"code": one.code, "param": one.param, "message": one.message} for one in refused],
        }
    )


def _settings(asked: dict[str, Any], principal: Principal, info: SessionInfo) -> tuple[SessionFields, list[Refused]]:
    """Return a program's settings that can be in force, and why each of the others can't; raises ProtocolError."""
    text = json.dumps({"type": "session.update", "session": asked})
    try:
        message = parse_client_message(text, max_bytes=2 * MAX_BYTES)
        assert isinstance(message, SessionUpdate)  # noqa: S101 - its type says so
        wanted, refused = without_refused(message, principal, info)
    except Refused as error:
        raise ProtocolError(error.message, code="session.fields") from None
    refused = [*message.misunderstood, *refused]
    if unfit := unfit_formats(wanted, WireSession(info), begun=False):
        wanted = without(wanted, [one.param or "" for one in unfit])
        refused += unfit
    return wanted.session, refused


def _life_s(asked: dict[str, Any], *, most_s: int) -> int:
    """Return for how many seconds the token is good, at most as long as its session waits; raises ProtocolError."""
    wished = asked.get("expires_after")
    if wished is None:
        return LIFE_S
    seconds = wished.get("seconds", LIFE_S) if isinstance(wished, dict) else None
    anchor = wished.get("anchor", ANCHOR) if isinstance(wished, dict) else None
    if not isinstance(seconds, int) or isinstance(seconds, bool) or not 10 <= seconds <= 7_200 or anchor != ANCHOR:
        raise ProtocolError(
            'send {"expires_after": {"anchor": "created_at", "seconds": 10 to 7200}}', code="session.fields"
        )
    return min(seconds, most_s)


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
