"""Runs the server: its listening socket, uvicorn, and an orderly end."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import structlog
import uvicorn

from audio.errors import SettingsError
from server.app import create_app
from server.logs import setup_logging
from server.settings import Settings

logger = structlog.get_logger("server.serve")

BACKLOG = 128
SHUTDOWN_GRACE_S = 10  # for connections to close once they were told


def run_server(settings: Settings, notes: Sequence[str] = ()) -> None:
    """Serve until told to end; raises AppError when it can't start. `notes` are logged: names without effect."""
    faults = settings.production_faults()
    if faults:
        raise SettingsError("\n".join(faults))
    setup_logging(settings.log)
    for note in notes:
        logger.warning("setting_without_effect", note=note)
    app = create_app(settings)
    listening = listen(settings)
    host, port = listening.getsockname()[:2]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    print(f"Interlocutor is at http://{shown}:{port}/ (Ctrl-C ends it)", flush=True)  # noqa: T201 - for the person
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="websockets-sansio",
        ws_max_size=settings.server.message_max_bytes * 2,  # larger ones are answered by an error event first
        ws_per_message_deflate=False,  # base64 of sound hardly shrinks, and each connection would cost 64 KiB
        timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
    )
    uvicorn.Server(config).run(sockets=[listening])


def listen(settings: Settings) -> socket.socket:
    """Return the listening socket; raises SettingsError with what to do when the address can't be had."""
    host, port = settings.server.host, settings.server.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol must be named: asyncio turns Nagle's delay off only for sockets that say they are TCP, and with it on
    # a reply's sound waits for the client's next packet (measured: 18 ms more in every turn).
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted sockets inherit this: a client that reads nothing is noticed after a second of sound, not after a minute.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, settings.server.socket_send_buffer_bytes)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"server.port: can't listen on {host}:{port} ({error.strerror}); choose another with --port"
        ) from None
    return listening
