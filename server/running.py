"""Runs the server: its listening socket, uvicorn, and an orderly end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType

import structlog
import uvicorn

from common.errors import SettingsError
from server.app import create_app
from server.door.door_config import BACKLOG, serving_config
from server.host import Server
from server.logs import setup_logging
from server.records.holder import SharedHolder
from server.records.locking import lock_folder
from server.settings.advice import production_advice
from server.settings.tree import Settings
from server.store.store import Store
from server.vault.opening import vault_faults
from server.vault.vault import Vault

logger = structlog.get_logger("server.running")

SHUTDOWN_GRACE_S = 10  # for connections to close once they were told
# Engines in threads compute while the loop has audio to send: by default it would wait up to 5 ms for its turn.
SWITCH_S = 0.0005
# Pages have so long to fetch what was said in a session that was just ended: they ask at once.
DEBRIEF_GRACE_S = 1.0


def run_server(settings: Settings, notes: Sequence[str] = ()) -> None:
    """Serve until told to end; raises AppError when it can't start. `notes` are logged: names without effect."""
    faults = settings.production_faults() + vault_faults(settings) + settings.bucket_faults()
    faults += settings.instance_faults()
    faults += settings.tracing.faults()
    if faults:
        raise SettingsError("\n".join(faults))
    sys.setswitchinterval(SWITCH_S)
    os.umask(0o077)  # what people say is for nobody else on this machine
    setup_logging(settings.log)
    for note in notes:
        logger.warning("setting_without_effect", note=note)
    for advice in production_advice(settings):
        logger.warning("setting_to_think_about", note=advice)
    app = create_app(settings)
    lock = lock_folder(settings.data_path, shared=settings.instances.name is not None)
    asyncio.run(_try_database(settings, app.state.server.vault))
    listening = listen(settings)
    host, port = listening.getsockname()[:2]
    if settings.instances.name is not None:
        app.state.server.address = settings.instances.address or f"http://{_shown(host)}:{port}"
        app.state.server.holder = SharedHolder(settings.data_path, settings.instances.name)
    base = f"http://{_shown(host)}:{port}{settings.server.root_path}"
    print(f"Interlocutor is at {base}/ (Ctrl-C ends it)", flush=True)  # noqa: T201 - for the person
    if (link := app.state.server.lab_key.link(base)) is not None:
        print(f"The latency page is at {link}", flush=True)  # noqa: T201 - a secret, for the person alone
    config = serving_config(app, settings.server, app.state.server.metrics, timeout_graceful_shutdown=SHUTDOWN_GRACE_S)
    try:
        _DrainingServer(config, app.state.server).run(sockets=[listening])
    finally:
        os.close(lock)


async def _try_database(settings: Settings, vault: Vault) -> None:
    """Bring the database to its form, or raise DatabaseError while there is still somebody to tell in one line."""
    store = Store(settings.database, settings.audit, settings.data_path, vault)
    await store.open()
    await store.stop()


class _DrainingServer(uvicorn.Server):
    """Uvicorn, which closes all connections as soon as it is told to end; role-plays may finish before that."""

    def __init__(self, config: uvicorn.Config, ours: Server) -> None:
        super().__init__(config)
        self._ours = ours
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and know the loop that a signal is to wake."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        for listening in sockets or ():
            # The system keeps more connections waiting than are accepted in a row.
            listening.listen(BACKLOG)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop taking sessions with the first SIGTERM, and let none finish with the second, or with Ctrl-C."""
        # Uvicorn would raise the signals that it has kept once more at its end, and the process would die of them.
        del frame
        self._ours.admission.draining = True
        if (self.should_exit or sig == signal.SIGINT) and self._loop is not None:
            self._loop.call_soon_threadsafe(self._ours.draining.hurry)
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, then shut down."""
        if await self._ours.draining.run():
            await asyncio.sleep(DEBRIEF_GRACE_S)
        await super().shutdown(sockets)


def _shown(host: str) -> str:
    """Return what to write for an address in a URL: one of this machine where it listens on all."""
    known = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"[{known}]" if ":" in known else known


def listen(settings: Settings) -> socket.socket:
    """Return the listening socket; raises SettingsError with what to do when the address can't be had."""
    host, port = settings.server.host, settings.server.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol must be named: asyncio turns Nagle's delay off only for sockets that say they are TCP, and with it on
    # a reply's audio waits for the client's next packet (measured: 18 ms more in every turn).
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Accepted sockets inherit this: a client that reads nothing is noticed after a second of audio, not after a minute.
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
