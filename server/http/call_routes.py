"""The addresses of calls: an SDP offer in, an answer out; later offers for the same call; hanging up."""

from __future__ import annotations

import email
import email.policy
import json
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from common.errors import ProtocolError
from server.host import Server
from server.http.joining import resumed, session_of
from server.http.requests import check_origin, check_ready, parse_json, read_body, server_of, token_of, under
from server.http.standing import check_bearer
from server.http.who import joiner, limited_by, require, token_bearer, whose_is
from server.principal import Principal
from server.rights import Action
from server.rtc.call import GONE_S, Call
from server.rtc.offer import MAX_SDP_BYTES, check_offer
from server.sessions.registry import check_goes_on
from server.sessions.session import Session, Status
from server.wire.connection import RealtimeConnection
from server.wire.live import LiveSession
from server.wire.ticket import HEADER, Ticket, parse_ticket

CALLS = "/v1/realtime/calls"
SDP = "application/sdp"
FORM = "multipart/form-data"
JSON = "application/json"
MAX_FORM_BYTES = MAX_SDP_BYTES + 32_768  # a session's settings beside the offer
# After so long our page takes the WebSocket: somebody is waiting to speak.
CONNECT_WITHIN_MS = 3_000


@dataclass(frozen=True, slots=True)
class _Body:
    """What a request brought: the offer, and the session's settings as JSON if it did."""

    sdp: bytes
    session: str | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    """Who calls, whose session is called, and the ticket with which somebody comes back to it."""

    principal: Principal
    session: Session
    ticket: Ticket | None = None


async def rtc_info(request: Request) -> Response:
    """Tell a session's page whether calls are taken and through which ICE servers, with credentials for a while."""
    server = server_of(request)
    principal = await _visitor(request)
    settings = server.settings.rtc
    servers = [each.as_json() for each in server.ice_servers(principal.session_id or "developer")]
    body = {"enabled": settings.enabled, "ice_servers": servers, "connect_within_ms": CONNECT_WITHIN_MS}
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


async def open_call(request: Request) -> Response:
    """Answer an offer: 201 with the SDP answer and the call's address. The session is joined once it is connected."""
    server = _server_with_calls(request)
    check_ready(server)
    ticket = parse_ticket(text) if (text := request.headers.get(HEADER)) is not None else None
    caller = await _caller(request, back=ticket is not None)
    body = await _body(request)
    offer = check_offer(body.sdp, server.settings.rtc)
    found = await _find(server, request, caller, ticket)
    principal, session = found.principal, found.session
    server.offer_limits.ask(session.id, limited_by(principal, request))

    def make(call_id: str) -> Call:
        return Call(
            call_id,
            join=lambda: _join(server, found),
            first_messages=() if body.session is None else (_update(body.session),),
            make_connection=lambda live, peer, voice: RealtimeConnection(
                live,
                peer.channel,
                settings=server.settings.server,
                idle_s=server.settings.session.idle_s,
                quiet_s=GONE_S,
                voice=voice,
                ticket=found.ticket,
            ),
            settings=server.settings.rtc,
            servers=server.ice_servers(session.id),
        )

    def over(code: int | None) -> None:
        if code is not None:
            server.metrics.count_close(code)
        elif principal.role == "developer" and found.ticket is None:
            server.registry.finish(session)  # nobody else has a token for it

    call, answer = await server.calls.open(session.id, offer, make, over=over)
    return Response(answer, status_code=201, media_type=SDP, headers={"Location": under(request, f"{CALLS}/{call.id}")})


async def renew_call(request: Request) -> Response:
    """Answer a later offer of a call: one that changes nothing of the way, or an ICE restart."""
    call, principal = await _own_call(request)
    server_of(request).offer_limits.ask(call.id, limited_by(principal, request))
    offer = check_offer((await _body(request)).sdp, server_of(request).settings.rtc)
    return Response(await call.answer(offer), media_type=SDP)


async def hang_up(request: Request) -> Response:
    """End a call, and with it the role-play."""
    (await _own_call(request))[0].hang_up()
    return Response(status_code=204)


async def _visitor(request: Request) -> Principal:
    """Return who asks by a visit token or a key; raises AccessError unless they may take part."""
    principal = _who_may(request, await token_bearer(request))
    if principal.session_id is not None:
        server = server_of(request)
        await check_bearer(server, principal, server.registry.get(principal.session_id))
    return principal


async def _caller(request: Request, *, back: bool) -> Principal | None:
    """Return who calls; None for whoever comes `back` with a ticket alone. Raises AccessError."""
    if not back:
        return _who_may(request, await joiner(request))
    return await token_bearer(request) if token_of(request) else None


def _who_may(request: Request, principal: Principal) -> Principal:
    """Return who asks, if they may take part, be it in the one session that they are for; raises AccessError."""
    mine = None if principal.session_id is None else whose_is(server_of(request).registry.get(principal.session_id))
    require(principal, Action.TAKE_PART, mine)
    return principal


async def _find(server: Server, request: Request, caller: Principal | None, ticket: Ticket | None) -> _Found:
    """Return who calls, the session that is called, and the ticket of one that comes back; raises AppError."""
    if ticket is not None:
        session = await resumed(server, caller, ticket)
        return _Found(check_goes_on(session).principal, session, ticket)
    assert caller is not None  # noqa: S101 - only a ticket is enough without
    session = await session_of(server, caller, request.query_params.get("model", ""))
    if session.status is Status.ENDED:
        raise ProtocolError("this session is over; start a new one", code="session.over")
    return _Found(caller, session)


def _join(server: Server, found: _Found) -> LiveSession:
    """Join a session, or go on with one whose ticket was good."""
    if found.ticket is None:
        server.registry.join(found.session)
        return server.new_live(found.session, found.principal)
    return check_goes_on(found.session)


def _update(session: str) -> str:
    """Return a session's settings as the message that a client would have sent first."""
    return f'{{"type": "session.update", "session": {session}}}'


def _server_with_calls(request: Request) -> Server:
    server = server_of(request)
    check_origin(request)
    if not server.settings.rtc.enabled:
        raise ProtocolError(
            "this server takes no calls by WebRTC; connect with the WebSocket", code="rtc.disabled", http_status=404
        )
    return server


async def _own_call(request: Request) -> tuple[Call, Principal]:
    server = _server_with_calls(request)
    principal = await _visitor(request)
    return server.calls.get(request.path_params["call_id"], principal.session_id), principal


async def _body(request: Request) -> _Body:
    given = request.headers.get("content-type", "")
    kind = given.partition(";")[0].strip().lower()
    if kind not in (SDP, FORM, JSON):
        raise ProtocolError(
            f"send the offer as {SDP}, or as a field sdp of {FORM} or {JSON}", code="rtc.media_type", http_status=415
        )
    too_big = ProtocolError(
        f"the request is larger than {MAX_FORM_BYTES} bytes; offer sound and the data channel only",
        code="rtc.too_big",
        http_status=413,
    )
    body = await read_body(request, max_bytes=MAX_SDP_BYTES if kind == SDP else MAX_FORM_BYTES, too_big=too_big)
    if kind == JSON:
        return _object(body)
    return _Body(body) if kind == SDP else _fields(given, body)


def _object(body: bytes) -> _Body:
    """Return an offer that came as a field of one JSON object, with the session's settings beside it."""
    found = parse_json(body, max_bytes=MAX_FORM_BYTES)
    sdp, session = found.get("sdp"), found.get("session")
    return _Body(sdp.encode() if isinstance(sdp, str) else b"", None if session is None else json.dumps(session))


def _fields(content_type: str, body: bytes) -> _Body:
    """Return the fields of a form, as OpenAI's clients send them: `sdp`, and `session` with settings."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", errors="replace")
    form = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    found: dict[str, bytes] = {}
    for part in form.iter_parts() if form.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            found.setdefault(name, content)
    session = found.get("session")
    return _Body(found.get("sdp", b""), session.decode(errors="replace") if session is not None else None)
