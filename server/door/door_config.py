"""How uvicorn serves an application of ours: behind the door, with the limits of its settings."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from server.door.http_connection import HttpConnection
from server.door.socket_connection import SocketConnection
from server.door.visitors import Visitors
from server.metrics import Metrics
from server.settings.tree import ServerSettings

BACKLOG = 128  # connections that wait to be accepted
# So many are accepted in a row before anything else is done: a flood of them is not to hold audio up.
ACCEPTS_AT_ONCE = 8


def serving_config(app: ASGIApp, settings: ServerSettings, metrics: Metrics, **given: Any) -> uvicorn.Config:
    """Return uvicorn's configuration for an application behind the door; `given` are further fields of it."""
    visitors = Visitors(settings.limits, trusted=settings.trusted_proxies, cut=metrics.count_cut)
    metrics.connections.set_function(lambda: len(visitors))
    # Uvicorn only calls these with keywords; a class of its own is not asked for.
    http = cast("Any", partial(HttpConnection, visitors=visitors))
    socket = cast("Any", partial(SocketConnection, visitors=visitors))
    return uvicorn.Config(
        app,
        http=http,
        ws=socket,
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=ACCEPTS_AT_ONCE,
        ws_max_size=settings.message_max_bytes * 2,  # larger ones are answered by an error event first
        # Base64 of audio hardly shrinks, and each connection would cost 64 KiB.
        ws_per_message_deflate=False,
        proxy_headers=True,
        forwarded_allow_ips=list(settings.trusted_proxies),
        **given,
    )
