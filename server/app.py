"""The ASGI application: `create_app(settings)`; nothing happens at import."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect
from starlette.routing import Mount, Route, WebSocketRoute

from common.errors import AppError
from server.host import Server
from server.http import error_answers as errors
from server.http.allowed_hosts import AllowedHosts
from server.http.desk_routes import desk
from server.http.passing_on import PassingOn
from server.http.realtime_routes import realtime
from server.http.routes import ROUTES
from server.http.security import SecurityHeaders, UnderPath
from server.http.static_files import CompressedFiles
from server.paths import STATIC
from server.settings.tree import Settings
from server.wire.channel import AbortableSockets


def create_app(settings: Settings) -> Starlette:
    """Return the application for `settings`; engines are loaded in its lifespan.

    Raises CardError, EngineError or SettingsError when it could not work.
    """
    server = Server(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await server.start()
        try:
            yield
        finally:
            await server.stop()

    app = Starlette(
        routes=[
            *(Route(one.path, one.handler(), methods=list(one.methods)) for one in ROUTES),
            WebSocketRoute("/v1/realtime", realtime),
            WebSocketRoute("/v1/desk", desk),
            Mount("/static", CompressedFiles(STATIC)),
        ],
        exception_handlers={
            AppError: errors.app_error,
            ClientDisconnect: errors.client_gone,
            Exception: errors.our_fault,
        },
        lifespan=lifespan,
    )
    app.state.server = server
    app.add_middleware(PassingOn, server=server)  # added first, so innermost
    origins, hosts = settings.server.allowed_origins, settings.server.allowed_hosts
    if origins:
        # Tokens go in headers, and the cookie of a log-in is for our own pages alone: no credentials. Stock clients
        # say who they are in headers of their own, which change from version to version, and no header opens anything.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=tuple(sorted({method for one in ROUTES for method in one.methods})),
            allow_headers=("*",),
            expose_headers=("Location", "Retry-After"),
        )
    app.add_middleware(SecurityHeaders)
    if hosts:
        app.add_middleware(AllowedHosts, allowed=hosts)
    if settings.server.root_path:
        app.add_middleware(UnderPath, root_path=settings.server.root_path)
    app.add_middleware(AbortableSockets)  # added last, so outermost
    return app
