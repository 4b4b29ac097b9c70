"""The role-play of a live session: its driver from the first audio on, and its log as the candidate may see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from audio.playout import Sink
from pipelines.events import Audience
from pipelines.log.session_log import LogEntry, LogReader
from pipelines.session.driver import SessionDriver
from server.wire.client_link import ClientLink
from server.wire.sink import LinkSink

logger = structlog.get_logger("server.wire.role_play")

MakeDriver = Callable[[int, Sink], SessionDriver]
"""Makes a session's driver, not started, for an input rate in hertz and a sink."""


class RolePlay:
    """There is no driver before `start`; `recorded` is told each record of the log from then on."""

    def __init__(self, link: ClientLink, make_driver: MakeDriver, *, recorded: Callable[[LogEntry], None]) -> None:
        self.driver: SessionDriver | None = None
        self._link = link
        self._make_driver = make_driver
        self._recorded = recorded
        self._log: LogReader | None = None
        self._began_s = 0.0
        self._echo_cancelled: bool | None = None  # as the client said

    def make(self) -> SessionDriver:
        """Return a driver that is not started."""
        return self._make_driver(self._link.wire.input_hz, LinkSink(self._link))

    def start(self, prepare: Callable[[SessionDriver], None]) -> SessionDriver:
        """Return the driver; the first call makes it, has it prepared and starts it."""
        if self.driver is None:
            driver = self.driver = self.make()
            self._began_s = _now_s()
            driver.keeps_audio = self._link.comes_back
            prepare(driver)
            self._log = driver.log.subscribe(Audience.CANDIDATE, self._recorded)
            driver.start()
            if self._echo_cancelled is not None:
                driver.echo_cancelled(self._echo_cancelled)
        return self.driver

    def go_on(self, driver: SessionDriver, *, elapsed_s: float) -> None:
        """Go on with a driver that takes up what an earlier server held."""
        self.driver = driver
        self._began_s = _now_s() - elapsed_s
        driver.keeps_audio = True
        self._log = driver.log.subscribe(Audience.CANDIDATE, self._recorded)

    def suspend(self) -> None:
        """Leave the role-play as it stands, for another server to go on with."""
        if self._log is not None:
            self._log.close()
        if self.driver is not None:
            self.driver.leave()
            self.driver.log.close()
            self.driver = None

    def elapsed_ms(self) -> float | None:
        """Return how long it has lasted, without its pauses; None before it has started."""
        if self.driver is None:
            return None
        return round((_now_s() - self._began_s - self.driver.clock.stood_still_s) * 1000.0, 3)

    def echo_cancelled(self, on: bool) -> None:
        """Note, now or for when it starts, whether the microphone is free of the patient's voice."""
        self._echo_cancelled = on
        if self.driver is not None:
            self.driver.echo_cancelled(on)

    def leave(self, reason: str) -> None:
        """End it, whatever state it is in, and record nothing more for the client."""
        if self._log is not None:
            self._log.close()
        if self.driver is not None:
            try:
                self.driver.end(reason)
            except Exception:
                # A fault of ours must not keep the connection from being ended.
                logger.exception("session_not_ended", session=self._link.wire.info.id)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
