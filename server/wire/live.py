"""A session as long as it lives: the stage of its client's messages, the sink of the patient's sound, its way out.

A connection is an *attachment*: it brings the channel that messages go over and the voice that sound leaves by, and
may be replaced by another. The role-play starts with the first sound, typed item or asked-for reply, so that its clock
runs from then and not from the handshake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from audio.frames import Pcm
from audio.playout import PlayoutChunk, Sink
from common.errors import AudioError, ProtocolError
from pipelines.events import Audience, ConnectionLost, SessionEnded
from pipelines.log.session_log import Reader, Record
from pipelines.session.driver import SessionDriver
from server.principal import Principal
from server.protocol import events as e
from server.protocol.client import ClientMessage
from server.protocol.session import SessionInfo, WireSession
from server.protocol.translate import Translator
from server.settings.tree import ServerSettings
from server.wire.attachment import Absence, Attachment
from server.wire.endings import CLOSE_CODES, not_started
from server.wire.inbound import Inbound, error_event
from server.wire.outbox import Outbox
from server.wire.ticket import Ticket, TicketGate
from server.wire.voice import MessageVoice, Voice

logger = structlog.get_logger("server.wire.live")

MakeDriver = Callable[[int, Sink], SessionDriver]
"""Makes a session's driver, not started, for an input rate in hertz and a sink."""

MAX_REFUSED_MS = 10_000.0  # sound faster than real time; by then it is no accident
TOO_FAST_EVERY_S = 1.0  # at most so often is the client told
# Clients that may come back know by it that their connection stands.
PULSE_S = 1.0
# Whoever came back sends sound within a round trip, what was kept first; else it has none.
BACK_AFTER_S = 1.0


class LiveSession:
    """One session and its client, over whatever connection there is; it is also the sink of the patient's sound."""

    def __init__(
        self,
        *,
        principal: Principal,
        session_info: SessionInfo,
        make_driver: MakeDriver,
        settings: ServerSettings,
        resume_s: int = 0,
        start_within_s: float = 300.0,
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
        self._resume_s = resume_s
        self._start_within_s = start_within_s
        self._starting: asyncio.TimerHandle | None = None  # ends a session whose role-play does not begin
        self._gate = TicketGate()
        self._absence: Absence | None = None  # nobody is attached, or nothing was heard of the new connection yet
        self._gone: asyncio.TimerHandle | None = None  # ends a session that nobody comes back to
        self._returning: asyncio.TimerHandle | None = None
        self._pulsing: asyncio.TimerHandle | None = None
        self._began_s: float | None = None
        self._heard_at_s = 0.0  # when something last came of the client
        self._received = 0  # samples of the candidate's sound
        self._refused_ms = 0.0
        self._told_too_fast_s = float("-inf")

    @property
    def id(self) -> str:
        """The session's id."""
        return self.wire.info.id

    # -------------------------------------------------------------- connections come and go

    def attach(self, attachment: Attachment, ticket: Ticket | None = None) -> None:
        """Speak to the client over this connection from now on; with a ticket it is sent what it missed.

        A connection that stands is dismissed: the newer one has the session.
        """
        former, self._attachment = self._attachment, attachment
        if ticket is None:
            self.put(e.SessionCreated(session=self.wire.shown()))
            self._starting = asyncio.get_running_loop().call_later(self._start_within_s, self._not_started)
            return
        if former is not None:
            # Otherwise its writer, which ends a moment later, would take what is queued below.
            self.outbox.release()
            former.dismiss()
        absence = self._lose((former or attachment).transport)
        self._cancel(self._gone)
        again = self.outbox.send_again(ticket.seen)
        absence.replayed += again.events
        now_s = _now_s()
        paused_s = self._driver.clock.stood_still_s if self._driver is not None else 0.0
        elapsed_ms = round((now_s - self._began_s - paused_s) * 1000.0, 3) if self._began_s is not None else None
        self.outbox.put_first(
            e.SessionResumed(
                session=self.wire.shown(),
                received_ms=self._received_ms(),
                elapsed_ms=elapsed_ms,
                complete=again.complete,
            )
        )
        if ticket.reply is not None:
            self.played(ticket.reply, ticket.played_ms)
        self._returning = asyncio.get_running_loop().call_later(BACK_AFTER_S, self._back)
        self._pulse()

    def detach(self, attachment: Attachment, *, goodbye: bool = False) -> None:
        """The connection is gone, or was never made; does nothing for one that was replaced.

        The session waits for a client that may come back, unless it said goodbye.
        """
        if self._attachment is not attachment and (self._attachment is not None or self._absence is not None):
            return
        self._attachment = None
        self._cancel(self._pulsing)
        waits = self.comes_back and not goodbye and self.code is None
        self._lose(attachment.transport, waits=waits)
        if not waits:
            self._leave("disconnected")
        else:
            self._gone = asyncio.get_running_loop().call_later(self._resume_s, self._leave, "disconnected")

    def check(self, ticket: Ticket) -> None:
        """Raise ProtocolError or AccessError when this ticket does not lead back to the session."""
        if self._left or self.code is not None:
            raise ProtocolError("this session is over; start a new one", code="session.over", close_code=4404)
        self._gate.check(ticket, sent=self.outbox.number)

    def gave(self, ticket: Ticket) -> bool:
        """Return whether the ticket is for this session."""
        return self._gate.knows(ticket)

    @property
    def away(self) -> bool:
        """Whether a session that goes on waits for its client."""
        return self._absence is not None and not self._left

    @property
    def comes_back(self) -> bool:
        """Whether the client may come back; it sends sound or a pulse all the time then."""
        return self._gate.token is not None

    def quiet_s(self) -> float:
        """Return for how long no sound came."""
        return _now_s() - self._heard_at_s

    def offer_resume(self) -> e.ResumeOffer | None:
        """Return how the client may come back, where the server lets it."""
        if not self._resume_s:
            return None
        if not self.comes_back:
            self._gate.open()
            self.outbox.keep()
            self._pulse()
        if self._driver is not None:
            self._driver.keeps_sound = True
        return e.ResumeOffer(token=self._gate.open(), within_s=self._resume_s)

    def _lose(self, transport: str, *, waits: bool = True) -> Absence:
        """Nobody is there: the patient falls silent. Those that the session waits for are missed in the log."""
        self._cancel(self._returning)
        if self._absence is None:
            self._absence = Absence(_now_s())
            self.outbox.drop_all_audio()
            if self._driver is not None and self.comes_back:
                self._driver.lost()
                if waits and self.code is None:
                    self._driver.log.append(ConnectionLost(transport))
        return self._absence

    def _back(self) -> None:
        """Somebody is there again, and what they kept has been heard: the patient goes on."""
        self._cancel(self._returning)
        absence, attachment = self._absence, self._attachment
        if absence is None or attachment is None:
            return
        self._absence = None
        if self._driver is not None:
            if self.code is None:
                self._driver.log.append(absence.over(attachment.transport, _now_s(), input_hz=self.wire.input_hz))
            self._driver.back()

    def unheard(self) -> None:
        """Nothing comes over a connection that still stands: the patient waits until sound does, if it may come."""
        if self.comes_back and self._attachment is not None:
            self._lose(self._attachment.transport)

    def pulse(self) -> None:
        """The client is there, and has no sound to send."""
        self._back()
        if self._driver is not None:
            self._driver.sound_paused()

    def _pulse(self) -> None:
        self._cancel(self._pulsing)
        if self.code is not None:
            return  # nothing follows the end
        self.put(e.Pulse(received_ms=self._received_ms()))
        self._pulsing = asyncio.get_running_loop().call_later(PULSE_S, self._pulse)

    def _received_ms(self) -> float:
        return round(1000.0 * self._received / self.wire.input_hz, 3)

    @staticmethod
    def _cancel(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()

    def _leave(self, reason: str) -> None:
        """End the session, whatever state it is in."""
        for timer in (self._starting, self._gone, self._returning, self._pulsing):
            self._cancel(timer)
        if self._log is not None:
            self._log.close()
        if self._driver is not None:
            try:
                self._driver.end(reason)
            except Exception:
                # A fault of ours must not keep the connection from being ended.
                logger.exception("session_not_ended", session=self.id)
        if not self._left:
            self._left = True
            self._over()

    def _not_started(self) -> None:
        """Give the place up: whoever is there keeps the connection alive, and does not begin."""
        self.put(not_started(self._start_within_s))
        self.end("not_started")

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
            self._cancel(self._starting)
            self._began_s = _now_s()
            driver.keeps_sound = self.comes_back
            self._inbound.apply_turn_detection(driver)
            self._log = driver.log.subscribe(Audience.CANDIDATE, self._recorded)
            driver.start()
            if self._echo_cancelled is not None:
                driver.echo_cancelled(self._echo_cancelled)
        return self._driver

    def take(self, message: ClientMessage) -> None:
        """Carry out a client's message; raises Refused."""
        self._inbound.take(message)

    def hear(self, samples: Pcm, *, late_ms: float | None = None, event_id: str | None = None) -> None:
        """Take the candidate's sound, int16 mono at the session's input rate; the first starts the role-play.

        `late_ms`: it was captured so long ago, and could not be sent. A client that sends faster than real time is told
        now and then; one that never slows down is let go. `event_id` is its own id of the message the sound came in.
        """
        if self.code is not None:
            return
        driver = self.start()
        self._received += len(samples)
        self._heard_at_s = _now_s()
        if self._absence is not None:
            if late_ms is None:
                self._back()
            else:
                self._absence.late += len(samples)
        try:
            driver.receive_audio(samples, late_ms=late_ms)
        except AudioError as error:
            driver.refuse_audio(error)
            self._too_fast(error, len(samples), event_id)

    def _too_fast(self, error: AudioError, samples: int, event_id: str | None) -> None:
        self._refused_ms += 1000.0 * samples / self.wire.input_hz
        now_s = _now_s()
        if now_s - self._told_too_fast_s >= TOO_FAST_EVERY_S:
            self._told_too_fast_s = now_s
            body = error_event(error).error.model_copy(update={"event_id": event_id, "param": "audio"})
            self.put(e.Error(error=body))
        if self._refused_ms > MAX_REFUSED_MS:
            self.abandon(1008, error.code)

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
        self._finish(close_code, text)
        if self._driver is not None:
            self._leave("failed" if close_code == 1011 else "disconnected")

    def played(self, reply: int, played_ms: float) -> None:
        """Take the client's acknowledgement."""
        self._voice.acknowledged(reply, played_ms)
        if self._driver is not None:
            self._driver.playout.acknowledge(reply, played_ms)

    def playout_delay(self, delay_ms: float) -> None:
        """Take the client's word for how long sound waits there before it is heard."""
        self._voice.delayed(delay_ms)

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
            # There may be no connection whose end would end it all.
            if self._attachment is None and self._absence is not None:
                asyncio.get_running_loop().call_soon(self._leave, "disconnected")

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

    def restart(self, reply: int, from_ms: float) -> None:
        """Have the client drop what it has of the reply's sound; what is sent from now on begins at `from_ms`."""
        self._voice.restart(reply, from_ms)

    def lead_ms(self) -> float:
        """Return how far ahead of this client its sound should be."""
        return self._voice.lead_ms()

    def acknowledges(self) -> bool:
        """Return whether the client reports what it has played."""
        return self._voice.acknowledges()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
