"""A session as long as it lives: the stage of its client's messages, the sink of the patient's sound, its way out.

A connection is an *attachment*: it brings the channel that messages go over and the voice that sound leaves by, and
may be replaced by another. The role-play starts with the first sound, typed item or asked-for reply, so that its clock
runs from then and not from the handshake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog

from audio.errors import AudioError
from audio.frames import Pcm
from audio.playout import PlayoutChunk, Sink
from pipelines.events import Audience, SessionEnded
from pipelines.log.session_log import Reader, Record
from pipelines.session.driver import SessionDriver
from server.principal import Principal
from server.protocol import events as e
from server.protocol.client import ClientMessage
from server.protocol.session import SessionInfo, WireSession
from server.protocol.translate import Translator
from server.settings import ServerSettings
from server.wire.inbound import Inbound, error_event
from server.wire.outbox import Outbox
from server.wire.voice import MessageVoice, Voice

logger = structlog.get_logger("server.wire.live")

MakeDriver = Callable[[int, Sink], SessionDriver]
"""Makes a session's driver, not started, for an input rate in hertz and a sink."""

MAX_REFUSED_MS = 10_000.0  # sound faster than real time; by then it is no accident
TOO_FAST_EVERY_S = 1.0  # at most so often is the client told

CLOSE_CODES = {
    "ended": 1000, "time_limit": 4440, "idle": 4408, "draining": 1012, "failed": 1011, "disconnected": 1001,
}  # fmt: skip
"""Close codes by the reason of the session's end."""


class Attachment(Protocol):
    """A connection, as its session knows it."""

    @property
    def voice(self) -> Voice:
        """How the patient's sound leaves on it."""


class LiveSession:
    """One session and its client, over whatever connection there is; it is also the sink of the patient's sound."""

    def __init__(
        self,
        *,
        principal: Principal,
        session_info: SessionInfo,
        make_driver: MakeDriver,
        settings: ServerSettings,
        over: Callable[[], None] = lambda: None,
    ) -> None:
        self.acks = False
        self.wire = WireSession(session_info)
        self.translator = Translator(session_info.id)
        self.outbox = Outbox(deadline_s=settings.send_deadline_s)
        self.code: int | None = None  # what the session's last connection is closed with
        self._make_driver = make_driver
        self._over = over
        self._inbound = Inbound(stage=self, wire=self.wire, translator=self.translator, principal=principal)
        self._silent: Voice = MessageVoice(self)  # while there is no connection
        self._attachment: Attachment | None = None
        self._echo_cancelled: bool | None = None  # as the client said
        self._driver: SessionDriver | None = None
        self._log: Reader | None = None
        self._left = False
        self._refused_ms = 0.0
        self._told_too_fast_s = float("-inf")

    @property
    def id(self) -> str:
        """The session's id."""
        return self.wire.info.id

    # -------------------------------------------------------------- connections come and go

    def attach(self, attachment: Attachment) -> None:
        """Speak to the client over this connection from now on."""
        self._attachment = attachment
        self.put(e.SessionCreated(session=self.wire.shown()))

    def detach(self, attachment: Attachment) -> None:
        """The connection is gone, or was never made; does nothing for one that was replaced."""
        if self._attachment in (attachment, None):
            self._attachment = None
            self._leave("disconnected")

    def _leave(self, reason: str) -> None:
        """End the session, whatever state it is in."""
        if self._log is not None:
            self._log.close()
        if self._driver is not None:
            try:
                self._driver.end(reason)
            except Exception:  # a fault of ours must not keep the connection from being ended
                logger.exception("session_not_ended", session=self.id)
        if not self._left:
            self._left = True
            self._over()

    # -------------------------------------------------------------- the stage of messages

    @property
    def driver(self) -> SessionDriver | None:
        """The session's driver, once the role-play has started."""
        return self._driver

    def start(self) -> SessionDriver:
        """Return the driver; the first call makes it and starts the role-play."""
        if self._driver is None:
            driver = self._make_driver(self.wire.input_hz, self)
            self._driver = driver
            self._inbound.apply_turn_detection(driver)
            self._log = driver.log.subscribe(Audience.CANDIDATE, self._recorded)
            driver.start()
            if self._echo_cancelled is not None:
                driver.echo_cancelled(self._echo_cancelled)
        return self._driver

    def take(self, message: ClientMessage) -> None:
        """Carry out a client's message; raises Refused."""
        self._inbound.take(message)

    def hear(self, samples: Pcm, *, event_id: str | None = None) -> None:
        """Take the candidate's sound, int16 mono at the session's input rate; the first starts the role-play.

        A client that sends it faster than real time is told now and then; one that never slows down is let go.
        `event_id` is the client's own id of the message it came in.
        """
        if self.code is not None:
            return
        driver = self.start()
        try:
            driver.receive_audio(samples)
        except AudioError as error:
            driver.refuse_audio(error)
            self._too_fast(error, len(samples), event_id)

    def _too_fast(self, error: AudioError, samples: int, event_id: str | None) -> None:
        self._refused_ms += 1000.0 * samples / self.wire.input_hz
        now_s = asyncio.get_running_loop().time()
        if now_s - self._told_too_fast_s >= TOO_FAST_EVERY_S:
            self._told_too_fast_s = now_s
            body = error_event(error).error.model_copy(update={"event_id": event_id, "param": "audio"})
            self.put(e.Error(error=body))
        if self._refused_ms > MAX_REFUSED_MS:
            self._abandon(1008, error.code)

    def put(self, *events: e.ServerEvent) -> None:
        """Queue events for the client."""
        self.outbox.put(*events)

    def end(self, reason: str) -> None:
        """End the session; the connection is closed once the client was told."""
        if self._driver is not None:
            self._driver.end(reason)
        else:
            self.put(e.RoleplayEnded(reason=reason))
        self._finish(CLOSE_CODES.get(reason, 1011), reason)

    def stop(self, reason: str, *, code: int, text: str = "") -> None:
        """End the session for a reason of the server's, closing with `code`."""
        self._finish(code, text or reason)
        self.end(reason)

    def abandon(self, close_code: int, text: str) -> None:
        """End the session for what its client did or a fault of ours, closing with `close_code`."""
        self._abandon(close_code, text)

    def _abandon(self, close_code: int, text: str) -> None:
        self._finish(close_code, text)
        if self._driver is not None:
            self._leave("failed" if close_code == 1011 else "disconnected")

    def played(self, reply: int, played_ms: float) -> None:
        """Take the client's acknowledgement."""
        self._voice.acknowledged(reply, played_ms)
        if self._driver is not None:
            self._driver.playout.acknowledge(reply, played_ms)

    def echo_cancelled(self, on: bool) -> None:
        """Tell the session, now or when it starts, whether the microphone is free of the patient's voice."""
        self._echo_cancelled = on
        if self._driver is not None:
            self._driver.echo_cancelled(on)

    def _recorded(self, record: Record) -> None:
        self.put(*self.translator.translate(record))
        self._inbound.recorded(record)
        if isinstance(record.event, SessionEnded):
            self._finish(CLOSE_CODES.get(record.event.reason, 1011), record.event.reason)

    def _finish(self, code: int, text: str) -> None:
        """Close once everything is sent; the first code counts."""
        if self.code is None:
            self.code = code
            self.outbox.finish(code, text)

    # -------------------------------------------------------------- the patient's sound (Sink)

    @property
    def _voice(self) -> Voice:
        return self._attachment.voice if self._attachment is not None else self._silent

    def play(self, chunk: PlayoutChunk) -> None:
        """Send a chunk of the patient's sound."""
        self.translator.sound_sent(chunk)
        self._voice.play(chunk)

    def clear(self, reply: int, heard_ms: float) -> None:
        """Have the client drop the reply's sound that it has not played."""
        self._voice.clear(reply, heard_ms)

    def hold(self, reply: int) -> None:
        """Have the client pause the reply's sound."""
        self._voice.hold(reply)

    def resume(self, reply: int, from_ms: float) -> None:
        """Have the client go on with the reply's sound."""
        self._voice.resume(reply, from_ms)

    def lead_ms(self) -> float:
        """Return how far ahead of this client its sound should be."""
        return self._voice.lead_ms()

    def acknowledges(self) -> bool:
        """Return whether the client reports what it has played."""
        return self._voice.acknowledges()
