"""Which requests another server answers: about what it holds, what it alone counts, and what it has room for."""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from typing import Any

import jwt
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from common.errors import AppError, CapacityError
from server.host import Server
from server.http.error_answers import error_response
from server.http.realtime_routes import refuse
from server.http.requests import KEY_PROTOCOL
from server.http.security import path_of
from server.instances.membership import Membership
from server.instances.peer_relay import PeerRelay, Unreachable
from server.protocol.desk_messages import TICKET_PREFIX as DESK_TICKET
from server.records.holder import moving
from server.rtc.calls import PREFIX as CALL_PREFIX
from server.session_tags import SESSION_ID, session_named_by
from server.sessions.access import VISIT_PREFIX
from server.sessions.join_tokens import PREFIX as JOIN_PREFIX
from server.settings.oidc import CALLBACK
from server.wire.ticket import HEADER as TICKET_HEADER
from server.wire.ticket import PREFIX as TICKET_PREFIX

# Guesses and openings of one network are counted by one server, whoever is asked.
AT_LEADER = frozenset(
    {
        ("POST", "/api/login"),
        ("POST", "/api/password"),
        ("POST", "/api/invitation"),
        ("POST", "/api/invitation/accept"),
        ("POST", "/api/sessions"),
        ("GET", "/login/oidc"),
        ("GET", CALLBACK),
    }
)
# By their tokens; a key names no session, and opens one.
_BY_SECRET = ("/v1/realtime", "/v1/desk", "/api/rtc")
_OPENING = ("/v1/realtime", "/v1/realtime/calls", "/v1/realtime/client_secrets")
_HELD = re.compile(r"/api/(?:sessions|exams)/(sess_[0-9a-f]{20}|exam_[\w-]{1,64})(?:/|$)", re.ASCII)
_CALL = re.compile(rf"/v1/realtime/calls/{CALL_PREFIX}([^/]+)")
# Who holds what is asked of the data folder once a second at most.
_FRESH_S, _MOST = 1.0, 4_096


class PassingOn:
    """ASGI middleware, to be the innermost: passes on what another server answers."""

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app = app
        self._server = server
        # By what they hold: when that was read, and their names.
        self._holders: dict[str, tuple[float, str]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer here, or pass on."""
        membership = self._server.membership
        asks = scope["type"] in ("http", "websocket")
        if membership is None or not asks or membership.relay.hops_of(HTTPConnection(scope)):
            await self._app(scope, receive, send)
            return
        try:
            if not await self._passed_on(membership, scope, receive, send):
                await self._app(scope, receive, send)
        except ClientDisconnect:
            return  # it went before its request was whole
        except AppError as error:
            if scope["type"] == "websocket":
                await refuse(WebSocket(scope, receive, send), error)
            else:
                await error_response(error)(scope, receive, send)

    async def _passed_on(self, membership: Membership, scope: Scope, receive: Receive, send: Send) -> bool:
        held = held_thing(scope)
        address = await self._holder(membership, held) if held is not None else self._chosen(membership, scope)
        if address is None:
            return False
        try:
            if scope["type"] == "websocket":
                await membership.relay.pass_socket_on(scope, receive, send, address)
            else:
                await membership.relay.pass_on(scope, receive, send, address)
        except Unreachable:
            if held is not None:
                raise moving() from None
            return False
        return True

    async def _holder(self, membership: Membership, held: str) -> str | None:
        """Return where the server is that holds something; None: this one, or none. Raises CapacityError."""
        # It is being taken over: known here already, but not running yet.
        if held in membership.arriving:
            raise moving()
        if self._server.holds(held):
            return None
        name = await self._holder_of(membership, held)
        if name is None:
            return None
        address = membership.directory.address_of(name)
        if address is None:
            raise moving()
        return address

    async def _holder_of(self, membership: Membership, held: str) -> str | None:
        now_s = time.monotonic()
        read_s, known = self._holders.get(held, (-math.inf, None))
        if now_s - read_s < _FRESH_S:
            return known
        name = await asyncio.to_thread(membership.holder.holder_of, held)
        if len(self._holders) >= _MOST:
            self._holders.clear()
        self._holders.pop(held, None)
        if name is not None:
            self._holders[held] = now_s, name
        return name

    def _chosen(self, membership: Membership, scope: Scope) -> str | None:
        """Return where a server is that is to answer though it holds nothing of it; None: this one."""
        path, method = path_of(scope), scope.get("method", "GET")
        if (method, path) in AT_LEADER:
            leader = None if membership.leads else membership.directory.leader()
            return leader.address if leader is not None else None
        if path in _OPENING and self._server.room() <= 0:
            roomiest = membership.directory.roomiest()
            return roomiest.address if roomiest is not None else None
        return None


def held_thing(scope: Scope) -> str | None:
    """Return the id of the session or exam that a request is about, by its path or the secrets it brings."""
    path, headers = path_of(scope), Headers(scope=scope)
    if (found := _HELD.match(path)) is not None:
        return found[1]
    if (found := _CALL.match(path)) is not None:
        return session_named_by(found[1])
    if not path.startswith(_BY_SECRET):
        return None
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    secrets = [bearer.strip()] if scheme.lower() == "bearer" else []
    secrets += [headers[TICKET_HEADER]] if TICKET_HEADER in headers else []
    secrets += scope.get("subprotocols", [])
    return next((session for one in secrets if (session := _session_of(one)) is not None), None)


def _session_of(secret: str) -> str | None:
    secret = secret.removeprefix(KEY_PROTOCOL)
    for prefix in (VISIT_PREFIX, TICKET_PREFIX, DESK_TICKET):
        if secret.startswith(prefix):
            return session_named_by(secret.removeprefix(prefix))
    if secret.startswith(JOIN_PREFIX):
        try:
            # Whether it is good is for the server to say that minted it.
            claims = jwt.decode(secret.removeprefix(JOIN_PREFIX), options={"verify_signature": False})
        except jwt.PyJWTError:
            return None
        named = claims.get("sub")
        return named if isinstance(named, str) and SESSION_ID.fullmatch(named) else None
    return None


async def opened_elsewhere(request: Request, server: Server, network: str | None) -> Response | None:
    """Have the server with the most room open a session; None: that is this one.

    Raises RateError: openings of one network are counted here, whichever server opens.
    """
    membership = server.membership
    # One that was passed on twice, or once and not to the leader, was sent here by who chose.
    if membership is None or membership.relay.hops_of(request) > (1 if membership.leads else 0):
        return None
    roomiest = membership.directory.roomiest()
    if roomiest is None:
        return None
    server.admission.check_rate(network)
    try:
        answer = await membership.relay.ask(request, roomiest.address)
    except Unreachable:
        return None
    if answer.status_code == 201:
        membership.directory.sent(roomiest.name)
        server.admission.admitted_elsewhere(network)
    return answer


async def gathered(request: Request, server: Server) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what each other server answers to this request, and the names of those that do not."""
    membership = server.membership
    if membership is None or membership.relay.hops_of(request):
        return [], []
    others = membership.directory.alive()
    asked = await asyncio.gather(*(_told(membership.relay, request, one.address) for one in others))
    answers = [answer for answer in asked if answer is not None]
    return answers, [one.name for one, answer in zip(others, asked, strict=True) if answer is None]


async def _told(relay: PeerRelay, request: Request, address: str) -> dict[str, Any] | None:
    """Return what another server answers, None where it does not."""
    try:
        told = json.loads(bytes((await relay.ask(request, address)).body))
    except (Unreachable, CapacityError, ValueError):
        return None
    return told if isinstance(told, dict) else None
