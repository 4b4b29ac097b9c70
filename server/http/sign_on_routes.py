"""The routes of single sign-on: to the issuer, and back with what it says."""

from __future__ import annotations

import re
from urllib.parse import quote

import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from common.errors import AppError, ProtocolError
from server.accounts.single_sign_on import PENDING_S, SingleSignOn
from server.host import Server
from server.http.account_routes import check_safe, put_cookie, set_login
from server.http.requests import address_of, server_of, under
from server.http.who import cookie_name, network
from server.settings.oidc import CALLBACK

logger = structlog.get_logger("server.http.sign_on_routes")

# Of this site alone: two slashes, or a slash and a backslash, would lead to another.
_THEN = re.compile(r"/(?![/\\])[\w\-./?=&%]*", re.ASCII)


async def begin(request: Request) -> Response:
    """Send a browser to the issuer, with a cookie by which it is known when it comes back."""
    try:
        server, sign_on = _attempt(request)
        then = request.query_params.get("next", "/")
        address, browser = await sign_on.begin(
            then=then if _THEN.fullmatch(then) else "/", redirect_uri=_redirect_uri(request, server)
        )
    except AppError as error:
        return _problem(request, error)
    response = RedirectResponse(address, status_code=303)
    _set_cookie(response, request, server, browser, max_age_s=round(PENDING_S))
    return response


async def finish(request: Request) -> Response:
    """Log in whoever comes back from the issuer, and lead them on."""
    try:
        server, sign_on = _attempt(request)
    except AppError as error:
        # Nobody's log-in was looked at, so the audit gets no line: else anybody could fill it.
        return _problem(request, error)
    browser = request.cookies.get(_cookie(request, server), "")
    try:
        person, then = await sign_on.finish(
            request.query_params, browser=browser, redirect_uri=_redirect_uri(request, server)
        )
        secret = await server.accounts.let_in(person, network(request))
        then = under(request, then)
    except AppError as error:
        return await _failed(request, error)
    # A page of ours leads on: a redirect would still be the issuer's doing, and would not bring the strict cookie.
    response = HTMLResponse(
        f'<!doctype html><meta charset="utf-8"><title>Interlocutor</title>'
        f'<meta http-equiv="refresh" content="0;url={then}"><p><a href="{then}">Go on</a></p>',
        headers={"Cache-Control": "no-store"},
    )
    set_login(response, request, server, secret)
    _set_cookie(response, request, server, "", max_age_s=0)
    return response


def _attempt(request: Request) -> tuple[Server, SingleSignOn]:
    """Take note of a try from this address; raises AppError where nobody logs in this way, or must wait."""
    server = server_of(request)
    check_safe(request)
    if server.sign_on is None:
        raise ProtocolError("nobody logs in that way here; use your password", code="oidc.off", http_status=404)
    server.accounts.limits.attempt(network(request))
    return server, server.sign_on


async def _failed(request: Request, error: AppError) -> Response:
    server = server_of(request)
    try:
        await server.store.append("login.failed", network=network(request), why=error.code)
    except AppError as unwritten:
        logger.warning("login_failed_unwritten", error=unwritten.message)
    return _problem(request, error)


def _problem(request: Request, error: AppError) -> Response:
    """Lead back to the log-in page, which has words for what went wrong."""
    return RedirectResponse(under(request, f"/login?problem={quote(error.code)}"), status_code=303)


def _redirect_uri(request: Request, server: Server) -> str:
    base = server.settings.auth.public_url or address_of(request, "")
    return base + CALLBACK


def _cookie(request: Request, server: Server) -> str:
    return f"{cookie_name(request, server)}-sign-on"


def _set_cookie(response: Response, request: Request, server: Server, value: str, *, max_age_s: int) -> None:
    # The issuer's page leads back here: a strict cookie would stay behind.
    put_cookie(response, request, _cookie(request, server), value, max_age_s=max_age_s, same_site="lax")
