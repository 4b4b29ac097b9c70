"""The routes of people: logging in and out, passwords, one-time links, and what admins do with accounts."""

from __future__ import annotations

from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from common.errors import AccessError, ProtocolError
from server.host import Server
from server.http.requests import address_of, check_origin, read_json, server_of
from server.http.who import (
    check_page,
    cookie_name,
    csrf_of,
    is_safe_for_cookies,
    logged_in,
    name_of,
    network,
    principal_of,
    unknown,
)
from server.paths import STATIC
from server.principal import Principal
from server.rights import OPENING, Action, Whose, may
from server.store.people import Person


async def page(_request: Request) -> Response:
    """Serve the page on which people log in, set a password and change it; it holds nothing that is secret."""
    return FileResponse(STATIC / "account" / "index.html", headers={"Cache-Control": "no-cache"})


async def me(request: Request) -> Response:
    """Say who is logged in, which role-plays they may open, and what a page must send to change something."""
    server = server_of(request)
    oidc = server.settings.auth.oidc
    body: dict[str, Any] = {"mode": server.settings.auth_mode, "person": None, "csrf": None}
    body["exam"] = False
    body["sign_on"] = oidc.label if oidc.enabled else None
    found = await logged_in(request)
    principal = unknown(request)
    if found is not None:
        person, secret = found
        principal = principal_of(person)
        body |= {"person": person.as_json(), "csrf": csrf_of(secret)}
        if may(principal, Action.SIT_EXAM, Whose("", "exam", person.id)):
            body["exam"] = await server.schedule.is_expected(person.id)
    return JSONResponse(body | {"modes": [mode for mode, action in OPENING.items() if may(principal, action)]})


async def log_in(request: Request) -> Response:
    """Take a log-in name and a password: 200 with a cookie, the person and the page's own token."""
    server = _server_for_cookies(request)
    asked = await read_json(request)
    secret, person = await server.accounts.log_in(asked.get("login"), asked.get("password"), network(request))
    return _let_in(request, server, secret, person)


async def log_out(request: Request) -> Response:
    """End the log-in of this browser, if its own page asks."""
    server = server_of(request)
    check_origin(request)
    found = await logged_in(request)
    if found is not None:
        person, secret = found
        check_page(request, secret)
        await server.accounts.log_out(secret, person.id)
    response = JSONResponse({"person": None})
    put_cookie(response, request, cookie_name(request, server), "", max_age_s=0)
    return response


async def change_password(request: Request) -> Response:
    """Take the old password and a new one; all other log-ins of the person end."""
    server = server_of(request)
    asked = await read_json(request)
    found = await logged_in(request)
    if found is None:
        raise AccessError("log in first: a password is changed by whoever it belongs to")
    person, secret = found
    await server.accounts.change_password(
        person, asked.get("old"), asked.get("new"), token=secret, network=network(request)
    )
    return JSONResponse({"changed": True})


async def look_at_link(request: Request) -> Response:
    """Say whom a one-time link is for; it is sent in the body, so that no log has it."""
    check_origin(request)
    person = await server_of(request).accounts.invited((await read_json(request)).get("token"))
    return JSONResponse({"login": person.login, "name": person.name})


async def accept_link(request: Request) -> Response:
    """Set the password that a one-time link is for, and log in."""
    server = _server_for_cookies(request)
    asked = await read_json(request)
    secret, person = await server.accounts.accept(asked.get("token"), asked.get("password"), network(request))
    return _let_in(request, server, secret, person)


# ------------------------------------------------------------------ admins


async def list_people(request: Request) -> Response:
    """List everybody with an account."""
    everybody = await server_of(request).accounts.everybody()
    return JSONResponse({"people": [person.as_json() for person in everybody]})


async def invite(request: Request) -> Response:
    """Add somebody: 201 with them and the one-time link by which they set their password, shown this once."""
    server = server_of(request)
    asked = await read_json(request)
    person, token = await server.accounts.invite(
        _by(request), login=asked.get("login"), name=asked.get("name"), role=asked.get("role", "candidate")
    )
    return JSONResponse({"person": person.as_json(), "link": _link(request, server, token)}, status_code=201)


async def reset(request: Request) -> Response:
    """End somebody's log-ins and password; answer the one-time link to a new one."""
    server = server_of(request)
    person, token = await server.accounts.reset(_by(request), request.path_params["person_id"])
    return JSONResponse({"person": person.as_json(), "link": _link(request, server, token)})


async def change_person(request: Request) -> Response:
    """Give somebody another role, or disable or enable their account."""
    server, person_id = server_of(request), request.path_params["person_id"]
    asked = await read_json(request)
    role, enabled = asked.get("role"), asked.get("enabled")
    known = bool(asked) and asked.keys() <= {"role", "enabled"} and None not in asked.values()
    if not known or not isinstance(enabled, bool | None):
        raise ProtocolError('send {"role": "examiner"}, {"enabled": false}, or both', code="account.fields")
    person = await server.accounts.change(_by(request), person_id, role=role, enabled=enabled)
    return JSONResponse({"person": person.as_json()})


# ------------------------------------------------------------------ parts


def _by(request: Request) -> str:
    principal: Principal = request.state.principal
    return name_of(principal)


def _link(request: Request, server: Server, token: str) -> str:
    base = server.settings.auth.public_url or address_of(request, "")
    # What stands after # never leaves the browser: no server's log, and no proxy's, has the secret.
    return f"{base}/welcome#{token}"


def _server_for_cookies(request: Request) -> Server:
    check_origin(request)
    check_safe(request)
    return server_of(request)


def check_safe(request: Request) -> None:
    """Raise AccessError where a cookie or a password could be read on its way."""
    if not is_safe_for_cookies(request):
        raise AccessError(
            "a password would be readable on its way: open this page over https (proxies: pass X-Forwarded-Proto on)",
            code="access.insecure",
            http_status=403,
            close_code=4403,
        )


def _let_in(request: Request, server: Server, secret: str, person: Person) -> Response:
    response = JSONResponse({"person": person.as_json(), "csrf": csrf_of(secret)})
    set_login(response, request, server, secret)
    return response


def set_login(response: Response, request: Request, server: Server, secret: str) -> None:
    """Give a browser the cookie of a log-in."""
    name, life_s = cookie_name(request, server), round(server.settings.auth.login_hours * 3600)
    put_cookie(response, request, name, secret, max_age_s=life_s)


def put_cookie(
    response: Response,
    request: Request,
    name: str,
    value: str,
    *,
    max_age_s: int,
    same_site: Literal["strict", "lax"] = "strict",
) -> None:
    """Give a browser a cookie that no script reads; an empty one with no time to live takes it away."""
    response.set_cookie(
        name,
        value,
        max_age=max_age_s,
        path="/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite=same_site,
    )
