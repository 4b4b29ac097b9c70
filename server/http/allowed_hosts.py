"""Under which names a server answers."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from common.errors import AccessError
from server.addresses import is_one_of
from server.http.error_answers import error_response
from server.http.security import path_of

# What watches a server asks for it by its address.
PROBES = ("/health", "/ready", "/metrics")


class AllowedHosts:
    """Refuses requests that name another host than the server's own, where those are set.

    A page from elsewhere can have its own name lead to this machine, and is then of one origin with us. Probes ask by
    address, and learn nothing of anybody.
    """

    def __init__(self, app: ASGIApp, allowed: tuple[str, ...]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 421."""
        asks = scope["type"] in ("http", "websocket") and path_of(scope) not in PROBES
        if not asks or is_one_of(Headers(scope=scope).get("host"), self._allowed):
            await self._app(scope, receive, send)
            return
        refused = AccessError(
            "this server does not answer under this name; ask its operator to add it to server.allowed_hosts",
            code="access.host",
            http_status=421,
        )
        await error_response(refused)(scope, receive, send)
