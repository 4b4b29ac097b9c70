"""A real server on a real socket in the test's own process, for tests that look inside it or give it engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from pydantic import SecretStr

from pipelines.conversation.settings import ConversationSettings
from pipelines.engine_settings import EngineSettings
from pipelines.models.settings import ModelSettings
from server.app import create_app
from server.door.door_config import serving_config
from server.host import Server
from server.running import listen
from server.settings.recordings import RecordingsSettings
from server.settings.rtc import RtcSettings
from server.settings.store import AuditSettings, AuthMode, AuthSettings
from server.settings.tree import ServerSettings, SessionSettings, Settings

KEY = "a-developers-key-for-tests-0123456789"
PATIENCE_S = 60.0


@asynccontextmanager
async def serving(
    folder: Path,
    *,
    engines: EngineSettings | None = None,
    models: ModelSettings | None = None,
    ready: bool = True,
    rtc: dict[str, Any] | None = None,
    session: dict[str, Any] | None = None,
    turn_secret: str | None = None,
    auth: AuthMode | None = None,
    recordings: RecordingsSettings | None = None,
    audit: AuditSettings | None = None,
    **server: Any,
) -> AsyncIterator[tuple[str, Server]]:
    """Serve on loopback, with scripted engines unless told; yield the address without its scheme, and the server.

    With `ready` false it does so once loading has ended, with or without success.
    """
    server.setdefault("reservations", {"per_minute": 0})  # tests open more sessions than a person does
    settings = Settings(
        server=ServerSettings.model_validate({"port": 0, "max_sessions": 16, **server}),
        engines=engines or EngineSettings(backend="mock"),
        models=models or ModelSettings(path=folder / "models"),
        rtc=RtcSettings.model_validate(rtc or {}),
        session=SessionSettings.model_validate(session or {}),
        # A busy machine answers late, and that is no fault.
        conversation=ConversationSettings(respond_timeout_ms=int(PATIENCE_S * 1000)),
        turn_secret=SecretStr(turn_secret) if turn_secret is not None else None,
        data_path=folder,
        recordings=recordings or RecordingsSettings(),
        audit=audit or AuditSettings(),
        auth=AuthSettings(mode=auth),
        developer_key=SecretStr(KEY),
    )
    app = create_app(settings)
    listening = listen(settings)
    config = serving_config(app, settings.server, app.state.server.metrics, timeout_graceful_shutdown=2)
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve(sockets=[listening]))
    try:
        ours: Server = app.state.server
        await until(lambda: ours.not_ready is None or (not ready and ours.not_ready != "engines are loading"))
        yield f"127.0.0.1:{listening.getsockname()[1]}", ours
    finally:
        running.should_exit = True
        await task
        listening.close()


async def until(ready: Callable[[], bool]) -> None:
    """Return once `ready()`; raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while not ready():  # noqa: ASYNC110 - the server tells nobody of these
            await asyncio.sleep(0.01)
