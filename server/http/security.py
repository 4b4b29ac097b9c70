"""Browser safety: security headers on every page, and who may call from which origin."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.addresses import is_same_host, normal_origin, parse_host


def content_policy(host: str) -> str:
    """Return the content security policy for pages served from `host`: nothing from anywhere else."""
    # 'self' does not cover ws:// in every browser in use, so the socket's address is named. A policy has no way to name
    # an address of IPv6; the browsers that people reach one with take 'self' for it.
    known = parse_host(host)
    sockets = f" ws://{host} wss://{host}" if known is not None and not known.is_ipv6 else ""
    return (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; "
        f"worker-src 'self'; connect-src 'self'{sockets}; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


def add_security_headers(headers: MutableHeaders, host: str, path: str) -> None:
    """Add the headers that every answer has."""
    headers["Content-Security-Policy"] = content_policy(host)
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Permissions-Policy"] = "microphone=(self), camera=(), geolocation=()"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if path.startswith("/api/"):
        # What people said, and who they are, is for whoever asked alone.
        headers["Cache-Control"] = "no-store"


class SecurityHeaders:
    """Adds the headers to every HTTP response; pure ASGI, so streaming is untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_security_headers(MutableHeaders(scope=message), host, path_of(scope))
            await send(message)

        await self._app(scope, receive, send_with_headers)


def path_of(scope: Scope) -> str:
    """Return the path of a request without the prefix that a proxy serves us under."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def origin_allowed(headers: Headers, allowed: tuple[str, ...]) -> bool:
    """Return whether the request's Origin is this host or one of `allowed`; without an Origin it is no browser."""
    origin = headers.get("origin")
    if origin is None:
        return True
    return normal_origin(origin) in allowed or is_same_host(origin, headers.get("host"))


class UnderPath:
    """Serves the application below a path of its host, whether the proxy takes that path away or passes it on."""

    def __init__(self, app: ASGIApp, root_path: str) -> None:
        self._app = app
        self._root = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with the path that ASGI wants: with the prefix, and the prefix beside it."""
        if scope["type"] in ("http", "websocket"):
            path: str = scope["path"]
            if not path.startswith(f"{self._root}/"):
                path = self._root + ("/" if path == self._root else path)
            scope = {**scope, "path": path, "root_path": self._root}
        await self._app(scope, receive, send)
