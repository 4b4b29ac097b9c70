"""One realtime connection: the client's messages in, the session's events and the patient's sound out.

The role-play starts with the first sound, typed item or asked-for reply, so that its clock runs from then and not from
the handshake. However the connection ends, its session is ended and no task is left behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from audio.errors import AppError, AudioError
from audio.frames import pcm_from_bytes
from audio.playout import PlayoutChunk, Sink
from pipelines.events import Audience, SessionEnded
from pipelines.log.session_log import Reader, Record
from pipelines.session.driver import SessionDriver
from server.principal import Principal
from server.protocol import events as e
from server.protocol.client import AppendAudio, ClientMessage, parse_client_message
from server.protocol.refusal import Code, Refused
from server.protocol.session import SessionInfo, WireSession
from server.protocol.translate import Translator, patient_item
from server.settings import ServerSettings
from server.wire.channel import Channel, ChannelClosed, WebSocketChannel
from server.wire.inbound import Inbound, error_event
from server.wire.outbox import Outbox
from server.wire.round_trip import RoundTrip

__all__ = ["MakeDriver", "RealtimeConnection", "SessionInfo", "WebSocketChannel"]

logger = structlog.get_logger("server.wire.connection")

MakeDriver = Callable[[int, Sink], SessionDriver]
"""Makes a session's driver, not started, for an input rate in hertz and a sink."""

MESSAGES_PER_S = 200.0  # a live client sends 50 frames and 10 acknowledgements a second
MESSAGES_BURST = 400.0  # what gathers in two seconds of a stalled network
MAX_BAD = 20  # messages that could not be understood; a client that sends more is broken
MAX_BINARY = 3
MAX_REFUSED_MS = 10_000.0  # sound faster than real time; by then it is no accident
TOO_FAST_EVERY_S = 1.0  # at most so often is the client told

CLOSE_CODES = {
    "ended": 1000, "time_limit": 4440, "idle": 4408, "draining": 1012, "failed": 1011, "disconnected": 1001,
}  # fmt: skip
"""Close codes by the reason of the session's end."""


class RealtimeConnection:
    """One client's connection to one session; it is also the sink of the patient's sound."""

    def __init__(
        self,
        *,
        channel: Channel,
        principal: Principal,
        session_info: SessionInfo,
        make_driver: MakeDriver,
        settings: ServerSettings,
        idle_s: float = 120.0,
    ) -> None:
        self.acks = False
        self._channel = channel
        self._make_driver = make_driver
        self._settings = settings
        self._idle_s = idle_s
        self._wire = WireSession(session_info)
        self._translator = Translator(session_info.id)
        self._inbound = Inbound(stage=self, wire=self._wire, translator=self._translator, principal=principal)
        self._outbox = Outbox(channel, deadline_s=settings.send_deadline_s)
        self._round_trip = RoundTrip()
        self._echo_cancelled: bool | None = None  # as the client said
        self._driver: SessionDriver | None = None
        self._log: Reader | None = None
        self._code: int | None = None  # what we close with
        self._tokens = MESSAGES_BURST
        self._tokens_at_s: float | None = None
        self._bad = 0
        self._binary = 0
        self._refused_ms = 0.0
        self._told_too_fast_s = float("-inf")

    # -------------------------------------------------------------- life

    async def run(self) -> int:
        """Serve until the session is over or the connection gone; return the close code."""
        self.put(e.SessionCreated(session=self._wire.shown()))
        writer = asyncio.create_task(self._outbox.run(), name="realtime-writer")
        reader = asyncio.create_task(self._read(), name="realtime-reader")
        try:
            await asyncio.wait((writer, reader), return_when=asyncio.FIRST_COMPLETED)
            return self._over(writer, reader)
        finally:
            for task in (writer, reader):
                task.cancel()
            self._leave("disconnected")
            await asyncio.gather(writer, reader, return_exceptions=True)

    def _over(self, writer: asyncio.Task[None], reader: asyncio.Task[None]) -> int:
        """Return the close code once one of the tasks is done."""
        error = (writer if writer.done() else reader).exception()
        match error:
            case None if self._code is not None:
                return self._code
            case ChannelClosed(code=code):
                return self._code or code
            case TimeoutError():
                logger.warning("client_too_slow", session=self._wire.info.id)
            case _:
                logger.error("connection_failed", session=self._wire.info.id, exc_info=error)
        self._channel.abort()
        return self._code or 1006

    def _leave(self, reason: str) -> None:
        """End the session, whatever state it is in."""
        if self._log is not None:
            self._log.close()
        if self._driver is not None:
            try:
                self._driver.end(reason)
            except Exception:  # a fault of ours must not keep the tasks from being ended
                logger.exception("session_not_ended", session=self._wire.info.id)

    def stop(self, reason: str, *, code: int, text: str = "") -> None:
        """End the session for a reason of the server's, closing with `code` (e.g. 4409 when it was opened anew)."""
        self._finish(code, text or reason)
        self.end(reason)

    # -------------------------------------------------------------- the stage of messages

    @property
    def driver(self) -> SessionDriver | None:
        """The session's driver, once the role-play has started."""
        return self._driver

    def start(self) -> SessionDriver:
        """Return the driver; the first call makes it and starts the role-play."""
        if self._driver is None:
            driver = self._make_driver(self._wire.input_hz, self)
            self._driver = driver
            self._inbound.apply_turn_detection(driver)
            self._log = driver.log.subscribe(Audience.CANDIDATE, self._recorded)
            driver.start()
            if self._echo_cancelled is not None:
                driver.echo_cancelled(self._echo_cancelled)
        return self._driver

    def put(self, *events: e.ServerEvent) -> None:
        """Queue events for the client."""
        self._outbox.put(*events)

    def end(self, reason: str) -> None:
        """End the session; the connection is closed once the client was told."""
        if self._driver is not None:
            self._driver.end(reason)
        else:
            self.put(e.RoleplayEnded(reason=reason))
        self._finish(CLOSE_CODES.get(reason, 1011), reason)

    def played(self, reply: int, played_ms: float) -> None:
        """Take the client's acknowledgement."""
        self._round_trip.acknowledged(reply, played_ms, self._now_s() * 1000.0)
        if self._driver is not None:
            self._driver.playout.acknowledge(reply, played_ms)

    def echo_cancelled(self, on: bool) -> None:
        """Tell the session, now or when it starts, whether the microphone is free of the patient's voice."""
        self._echo_cancelled = on
        if self._driver is not None:
            self._driver.echo_cancelled(on)

    def _recorded(self, record: Record) -> None:
        self.put(*self._translator.translate(record))
        self._inbound.recorded(record)
        if isinstance(record.event, SessionEnded):
            self._finish(CLOSE_CODES.get(record.event.reason, 1011), record.event.reason)

    def _finish(self, code: int, text: str) -> None:
        """Close once everything is sent; the first code counts."""
        if self._code is None:
            self._code = code
            self._outbox.finish(code, text)

    # -------------------------------------------------------------- messages in

    async def _read(self) -> None:
        """Take messages until the channel is closed; after our own close they are read and dropped."""
        while True:
            try:
                async with asyncio.timeout(self._idle_s):
                    message = await self._channel.receive()
            except TimeoutError:
                if self._code is None:
                    self.end("idle")
                continue
            if self._code is None:
                self._receive(message)

    def _receive(self, message: str | bytes) -> None:
        if not self._allowed():
            self._give_up(4429, Code.TOO_MANY_MESSAGES, f"more than {MESSAGES_PER_S:.0f} messages a second; send fewer")
            return
        try:
            if isinstance(message, bytes):
                self._take_binary()
            else:
                self._take(message)
        except AppError as error:  # an engine that is gone, a folder that can't be written
            self.put(e.Problem(code=error.code, message=error.message))
            self._abandon(error.close_code, error.code)
        except Exception:
            logger.exception("message_failed", session=self._wire.info.id)
            self.put(e.Problem(code="internal", message="something went wrong on our side; start again"))
            self._abandon(1011, "internal")

    def _take(self, text: str) -> None:
        try:
            message = parse_client_message(text, max_bytes=self._settings.message_max_bytes)
        except Refused as refused:
            self._bad += 1
            self.put(error_event(refused))
            if self._bad > MAX_BAD:
                self._give_up(1008, Code.TOO_MANY_ERRORS, f"more than {MAX_BAD} messages were not understood")
            return
        try:
            self._inbound.take(message)
        except Refused as refused:
            self.put(error_event(refused))
        except AudioError as error:
            self._too_fast(error, message)

    def _take_binary(self) -> None:
        self._binary += 1
        refused = Refused("messages are text frames of JSON; send sound as base64 in them", code=Code.BINARY)
        self.put(error_event(refused))
        if self._binary >= MAX_BINARY:
            self._abandon(1003, Code.BINARY.value)

    def _too_fast(self, error: AudioError, message: ClientMessage) -> None:
        """Tell the client now and then; a client that never slows down is let go."""
        if isinstance(message, AppendAudio):
            self._refused_ms += 1000.0 * len(pcm_from_bytes(message.audio)) / self._wire.input_hz
        now_s = self._now_s()
        if now_s - self._told_too_fast_s >= TOO_FAST_EVERY_S:
            self._told_too_fast_s = now_s
            refused = error_event(error).error.model_copy(update={"event_id": message.event_id, "param": "audio"})
            self.put(e.Error(error=refused))
        if self._refused_ms > MAX_REFUSED_MS:
            self._abandon(1008, error.code)

    def _allowed(self) -> bool:
        """Take a token of the bucket, or say that there is none."""
        now_s = self._now_s()
        since_s = now_s - self._tokens_at_s if self._tokens_at_s is not None else 0.0
        self._tokens = min(MESSAGES_BURST, self._tokens + since_s * MESSAGES_PER_S)
        self._tokens_at_s = now_s
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

    def _give_up(self, close_code: int, code: Code, message: str) -> None:
        self.put(error_event(Refused(message, code=code)))
        self._abandon(close_code, code.value)

    def _abandon(self, close_code: int, text: str) -> None:
        """Close with a code of our own and end the session."""
        self._finish(close_code, text)
        if self._driver is not None:
            self._leave("failed" if close_code == 1011 else "disconnected")

    # -------------------------------------------------------------- the patient's sound (Sink)

    def play(self, chunk: PlayoutChunk) -> None:
        """Queue a chunk of the patient's sound."""
        self._round_trip.sent(chunk.reply, self._now_s() * 1000.0)
        self.put(*self._translator.audio(chunk))

    def clear(self, reply: int, heard_ms: float) -> None:
        """Drop the reply's sound that was not sent, and have the client drop what it has not played."""
        self._outbox.drop_audio(patient_item(reply))
        self.put(*self._translator.cleared(reply, heard_ms))

    def hold(self, reply: int) -> None:
        """Have the client pause the reply's sound, which then tells nothing of the network."""
        self._round_trip.forget(reply)
        self._outbox.overtake(patient_item(reply), self._translator.held(reply))

    def resume(self, reply: int, from_ms: float) -> None:
        """Have the client go on with the reply's sound."""
        self._outbox.overtake(patient_item(reply), self._translator.resumed(reply, from_ms))

    def lead_ms(self) -> float:
        """Return how far ahead of this client its sound should be."""
        return self._round_trip.lead_ms()

    def acknowledges(self) -> bool:
        """Return whether the client reports what it has played."""
        return self.acks

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
