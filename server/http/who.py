"""Who asks, and whether they may: what stands before every route."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from common.errors import AccessError
from server.accounts.accounts import LOGIN_PREFIX
from server.addresses import is_loopback, normal_origin
from server.host import Server
from server.http.requests import check_origin, server_of, token_of
from server.http.standing import check_bearer
from server.principal import UNKNOWN_ROLES, Principal
from server.rights import Action, Whose, is_public, may
from server.sessions.access import VISIT_PREFIX
from server.sessions.join_tokens import HOW
from server.sessions.join_tokens import PREFIX as JOIN_PREFIX
from server.sessions.rate_limit import network_of
from server.sessions.session import Session
from server.store import audit, exams
from server.store.people import Person

CSRF_HEADER = "X-CSRF-Token"
READING = ("GET", "HEAD", "OPTIONS")

Handler = Callable[[Request], Awaitable[Response]]
Gate = Callable[[Request], Principal | None]
ActionOf = Action | Callable[[Session], Action]


def guarded(handler: Handler, action: ActionOf, *, about_session: bool = False, gate: Gate | None = None) -> Handler:
    """Return a handler that is called only for whoever may; raises AccessError otherwise.

    It finds the principal, and with `about_session` the session of the path, in the request's state. `gate` is asked
    first: it may refuse, or say who somebody is that brings nothing.
    """

    async def checked(request: Request) -> Response:
        known = gate(request) if gate is not None else None
        if known is None and isinstance(action, Action) and is_public(action):
            # Whoever it is may, so nobody is looked up: these work without a database too.
            known = unknown(request)
        principal = known or await who(request)
        if principal.session_id is not None and isinstance(action, Action) and may(unknown(request), action):
            # A session's token says nothing of the rest of the server: what anybody may, its bearer may as anybody.
            principal = unknown(request)
        request.state.principal = principal
        whose = None
        needed = action if isinstance(action, Action) else None
        if about_session:
            session = await _session(request, principal)
            request.state.session = session
            whose = whose_is(session)
            needed = needed or action(session)  # type: ignore[operator]
        assert needed is not None  # noqa: S101 - only what is about a session may depend on one
        require(principal, needed, whose)
        return await handler(request)

    return checked


def whose_is(session: Session) -> Whose:
    """Return of which session something is asked."""
    return session.whose


def require(principal: Principal, action: Action, whose: Whose | None = None) -> None:
    """Raise AccessError unless somebody may do this."""
    if may(principal, action, whose):
        return
    if not principal.is_known:
        raise AccessError("log in first, or send a token or a key as bearer")
    if action is Action.DELETE_EXAM and principal.role == "candidate":
        raise AccessError(
            "the record of an exam is kept for its examiners; ask whoever holds the exam to have it deleted",
            code="session.exam_record",
            http_status=403,
            close_code=4403,
        )
    raise AccessError(
        "you may not do this here; ask an admin if you need to",
        http_status=403,
        close_code=4403,
    )


async def who(connection: HTTPConnection) -> Principal:
    """Return who asks: by a bearer token, or else by the cookie of a log-in; raises AccessError for a bad token.

    With a cookie, whoever wants to change something sends the page's own token too.
    """
    if token_of(connection) is not None:
        return await token_bearer(connection)
    found = await logged_in(connection)
    if found is not None:
        person, secret = found
        if isinstance(connection, Request) and connection.method not in READING:
            check_page(connection, secret)
        return principal_of(person)
    return unknown(connection)


def principal_of(person: Person) -> Principal:
    """Return what somebody may be here who is logged in."""
    return Principal(person.role, None, person_id=person.id)  # type: ignore[arg-type]


async def token_bearer(connection: HTTPConnection, offered: list[str] | None = None) -> Principal:
    """Return who asks by a visit token or a key, for what no cookie is enough; raises AccessError."""
    server = server_of(connection)
    token = token_of(connection, offered) or ""
    if token.startswith(JOIN_PREFIX):
        raise AccessError("a join token opens one connection and nothing else; send the session's own token here")
    known = await server.key_ring.principal(token)
    try:
        return known or server.access.principal(token)
    except AccessError:
        # The token of a role-play opens what is left of it, for as long as that is kept.
        session_id = connection.path_params.get("session_id", "")
        if not token or server.registry.find(session_id) is not None:
            raise
        past = await server.past.bearer(session_id, token)
        if past is None:
            raise
        return past


async def joiner(connection: HTTPConnection, offered: list[str] | None = None) -> Principal:
    """Return who connects, by a join token, which is used up by this, or by a key; raises AccessError."""
    server = server_of(connection)
    token = token_of(connection, offered) or ""
    if token.startswith(VISIT_PREFIX):
        raise AccessError(f"the session's own token opens no connection, a join token does; {HOW}", code="join.needed")
    if token.startswith(JOIN_PREFIX):
        return server.join_tokens.redeem(token, origin=normal_origin(connection.headers.get("origin", "")))
    return await token_bearer(connection, offered)


async def logged_in(connection: HTTPConnection) -> tuple[Person, str] | None:
    """Return who is logged in by cookie, and the cookie's secret; None where nobody is."""
    server = server_of(connection)
    secret = connection.cookies.get(cookie_name(connection, server), "")
    if not secret.startswith(LOGIN_PREFIX):
        return None
    person = await server.accounts.who(secret)
    return None if person is None else (person, secret)


def check_page(connection: HTTPConnection, secret: str) -> None:
    """Raise AccessError unless our own page asks: it alone knows what to send besides the cookie's secret."""
    check_origin(connection)
    if not hmac.compare_digest(connection.headers.get(CSRF_HEADER, "").encode(), csrf_of(secret).encode()):
        raise AccessError(
            "this request did not come from our page; load the page again",
            code="access.csrf",
            http_status=403,
            close_code=4403,
        )


def csrf_of(secret: str) -> str:
    """Return what a page must send besides the cookie: known to whoever may read our answers, so to our pages alone."""
    return hmac.new(secret.encode(), b"interlocutor csrf", hashlib.sha256).hexdigest()


def cookie_name(connection: HTTPConnection, server: Server) -> str:
    """Return the cookie's name: over https one that no other host and no plain page can set."""
    name = f"interlocutor-{server.store.instance}"
    return f"__Host-{name}" if connection.url.scheme in ("https", "wss") else name


def is_safe_for_cookies(connection: HTTPConnection) -> bool:
    """Return whether a cookie can't be read on its way: over https, or on this machine."""
    return connection.url.scheme == "https" or is_loopback(connection.url.hostname or "")


def name_of(principal: Principal) -> str:
    """Return who acts, for the audit: a person's or a key's id, or what else let them in."""
    if principal.person_id is not None:
        return principal.person_id
    return principal.name or ("developer key" if principal.session_id is None else "session token")


def limited_by(principal: Principal, connection: HTTPConnection) -> str | None:
    """Return whose limits hold: a person's own, or their network's; None for developers."""
    if principal.role == "developer" and principal.session_id is None:
        return None
    if principal.person_id is not None:
        return f"person {principal.person_id}"
    return network(connection)


def network(connection: HTTPConnection) -> str:
    """Return the network that somebody asks from."""
    return network_of(connection.client.host if connection.client is not None else None)


def own_session(request: Request) -> tuple[Principal, Session]:
    """Return who asks and the session of the path, once `guarded` has found both."""
    return request.state.principal, request.state.session


def note_reading(request: Request, action: str) -> None:
    """Have the audit know that somebody reads or hears a session, unless it is the candidate's own."""
    principal, session = own_session(request)
    own = principal.person_id is not None and principal.person_id == session.person_id
    if own or (principal.session_id is not None and principal.role == "candidate"):
        return
    line = partial(audit.append, action=action, by=name_of(principal), session=session.id)
    server_of(request).store.ledger.note(f"{action} {session.id}", line)


def unknown(connection: HTTPConnection) -> Principal:
    """Return what somebody is here who brings nothing."""
    return Principal(UNKNOWN_ROLES[server_of(connection).settings.auth_mode], None)


async def _session(request: Request, principal: Principal) -> Session:
    session_id = request.path_params["session_id"]
    if principal.session_id not in (None, session_id):
        raise AccessError("this token is for another session", http_status=403, close_code=4403)
    if not principal.is_known:
        raise AccessError("a token is needed: create a session first and send its token as bearer")
    server = server_of(request)
    session = server.registry.find(session_id) or await server.past.get(session_id)
    await check_bearer(server, principal, session)
    if session.mode == "exam":
        async with server.store.database.reading() as connection:
            session.examiners = await exams.examiners_of_session(connection, session.id)
    return session
