"""The ASGI application: `create_app(settings)`; nothing happens at import."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.routing import Mount, Route, WebSocketRoute

from common.errors import AppError
from server.host import Server
from server.http import call_routes as calls
from server.http import error_answers as errors
from server.http import lab_routes as lab
from server.http import page_routes as pages
from server.http import record_routes as records
from server.http import session_routes as sessions
from server.http.realtime_routes import realtime
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
            Route("/", pages.page),
            Route("/health", pages.health),
            Route("/ready", pages.ready),
            Route("/metrics", pages.metrics),
            Route("/api/info", pages.info),
            Route("/api/cards", pages.list_cards),
            Route("/api/sessions", sessions.create_session, methods=["POST"]),
            Route("/api/sessions/{session_id}", sessions.session_debrief),
            Route("/api/sessions/{session_id}/recording", sessions.session_recording),
            Route("/api/rtc", calls.rtc_info),
            Route(calls.CALLS, calls.open_call, methods=["POST"]),
            Route(f"{calls.CALLS}/{{call_id}}", calls.renew_call, methods=["POST", "PATCH"]),
            Route(f"{calls.CALLS}/{{call_id}}", calls.hang_up, methods=["DELETE"]),
            Route(f"{calls.CALLS}/{{call_id}}/hangup", calls.hang_up, methods=["POST"]),
            Route("/api/sessions/{session_id}", records.delete_session, methods=["DELETE"]),
            Route("/api/sessions/{session_id}/record", records.session_record),
            Route("/api/sessions/{session_id}/log", records.session_log),
            Route("/api/sessions/{session_id}/problems", records.report_problem, methods=["POST"]),
            Route("/lab", lab.page),
            Route("/api/lab", lab.overview),
            Route("/api/lab/sessions", lab.create_session, methods=["POST"]),
            Route("/api/lab/sessions/{session_id}/waits", lab.waits),
            Route("/api/lab/truth", lab.read_truth, methods=["POST"]),
            Route("/api/lab/summary", lab.summary, methods=["POST"]),
            Route("/api/lab/comparison", lab.comparison, methods=["POST"]),
            Route("/api/lab/sound/{name:path}", lab.audio),
            Route("/api/lab/truth/{name:path}", lab.truth),
            WebSocketRoute("/v1/realtime", realtime),
            Mount("/static", CompressedFiles(STATIC)),
        ],
        exception_handlers={AppError: errors.app_error, Exception: errors.our_fault},
        lifespan=lifespan,
    )
    app.state.server = server
    app.add_middleware(SecurityHeaders)
    app.add_middleware(AbortableSockets)  # added last, so outermost
    return app
