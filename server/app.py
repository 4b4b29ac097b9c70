"""The ASGI application: `create_app(settings)`; nothing happens at import."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.routing import Mount, Route, WebSocketRoute

from common.errors import AppError
from server.host import Server
from server.http import routes
from server.http.security import SecurityHeaders
from server.http.static_files import CompressedFiles
from server.lab import routes as lab
from server.paths import STATIC
from server.records import routes as records
from server.rtc import routes as rtc
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
            Route("/", routes.page),
            Route("/health", routes.health),
            Route("/ready", routes.ready),
            Route("/metrics", routes.metrics),
            Route("/api/info", routes.info),
            Route("/api/cards", routes.list_cards),
            Route("/api/sessions", routes.create_session, methods=["POST"]),
            Route("/api/sessions/{session_id}", routes.session_debrief),
            Route("/api/sessions/{session_id}/recording", routes.session_recording),
            Route("/api/rtc", rtc.rtc_info),
            Route(rtc.CALLS, rtc.open_call, methods=["POST"]),
            Route(f"{rtc.CALLS}/{{call_id}}", rtc.renew_call, methods=["POST", "PATCH"]),
            Route(f"{rtc.CALLS}/{{call_id}}", rtc.hang_up, methods=["DELETE"]),
            Route(f"{rtc.CALLS}/{{call_id}}/hangup", rtc.hang_up, methods=["POST"]),
            Route("/api/sessions/{session_id}", records.delete_session, methods=["DELETE"]),
            Route("/api/sessions/{session_id}/record", records.session_record),
            Route("/api/sessions/{session_id}/log", records.session_log),
            Route("/api/sessions/{session_id}/problems", records.report_problem, methods=["POST"]),
            Route("/lab", lab.page),
            Route("/api/lab", lab.overview),
            Route("/api/lab/sessions", lab.create_session, methods=["POST"]),
            Route("/api/lab/truth", lab.read_truth, methods=["POST"]),
            Route("/api/lab/sound/{name:path}", lab.sound),
            Route("/api/lab/truth/{name:path}", lab.truth),
            WebSocketRoute("/v1/realtime", routes.realtime),
            Mount("/static", CompressedFiles(STATIC)),
        ],
        exception_handlers={AppError: routes.app_error, Exception: routes.our_fault},
        lifespan=lifespan,
    )
    app.state.server = server
    app.add_middleware(SecurityHeaders)
    app.add_middleware(AbortableSockets)  # added last, so outermost
    return app
