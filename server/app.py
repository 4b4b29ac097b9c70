"""The ASGI application: `create_app(settings)`; nothing happens at import."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.routing import Mount, Route, WebSocketRoute

from common.errors import AppError
from server.host import Server
from server.http import error_answers as errors
from server.http.desk_routes import desk
from server.http.realtime_routes import realtime
from server.http.routes import ROUTES
from server.http.security import SecurityHeaders
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
    app.add_middleware(SecurityHeaders)
    app.add_middleware(AbortableSockets)  # added last, so outermost
    return app
