"""A session as long as it lives: the stage of its client's messages, from the first connection to the last.

A connection is an *attachment*: it brings the channel that messages go over and the voice that audio leaves by, and
may be replaced by another. The role-play starts with the first audio, typed item or asked-for reply, so that its clock
runs from then and not from the handshake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from audio.frames import Pcm
from common.errors import AudioError, ProtocolError
from pipelines.events import ServerStopping, SessionEnded
from pipelines.log.session_log import LogEntry
from pipelines.session.driver import SessionDriver
from pipelines.session.past import Past
from server.principal import Principal
from server.protocol import server_events as e
from server.protocol.client_events import ClientMessage
from server.protocol.translate import STOPPING
from server.protocol.wire_session import SessionInfo, WireSession
from server.settings.tree import ServerSettings
from server.wire.attachment import Attachment
from server.wire.attendance import Attendance
from server.wire.candidate_sound import CandidateAudio
from server.wire.client_link import ClientLink
from server.wire.client_messages import Inbound, error_event
from server.wire.endings import CLOSE_CODES, gave_way, not_started
from server.wire.presence import Happened, Presence
from server.wire.role_play import MakeDriver, RolePlay
from server.wire.ticket import Ticket
from server.wire.wire_point import WirePoint


class LiveSession:
    """One session and its client, over whatever connection there is."""

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
        offered: Callable[[], None] = lambda: None,
    ) -> None:
        self.principal = principal
        self.wire = WireSession(session_info)
        self._audio = CandidateAudio(self.wire)
        self.link = ClientLink(
            self.wire,
            received_ms=self._audio.received_ms,
            send_deadline_s=settings.send_deadline_s,
            resume_s=resume_s,
        )
        self._role_play = RolePlay(self.link, make_driver, recorded=self._recorded)
        self._attendance = Attendance(
            self.link, self._role_play, resume_s=resume_s, left=partial(self._leave, "disconnected")
        )
        self._inbound = Inbound(stage=self, link=self.link, principal=principal)
        self._over = over
        self._offered = offered
        self._restored = False  # its client has to be told how much time is left
        self._received_ms = 0.0  # of the candidate's audio, when no turn was open
        self._told = (0, 0)  # the last event's number when the log had so many events
        self._start_within_s = start_within_s
        self._starting: asyncio.TimerHandle | None = None  # ends a session whose role-play does not begin

    @property
    def id(self) -> str:
        """The session's id."""
        return self.wire.info.id

    @property
    def driver(self) -> SessionDriver | None:
        """The session's driver, once the role-play has started."""
        return self._role_play.driver

    @property
    def code(self) -> int | None:
        """What the session's last connection is closed with, once that is known."""
        return self.link.code

    def put(self, *events: e.ServerEvent) -> None:
        """Queue events for the client."""
        self.link.put(*events)

    # -------------------------------------------------------------- connections come and go

    def attach(self, attachment: Attachment, ticket: Ticket | None = None) -> None:
        """Speak to the client over this connection from now on; with a ticket it is sent what it missed.

        A connection that stands is dismissed: the newer one has the session.
        """
        former = self.link.attach(attachment)
        if ticket is None:
            self._attendance.note(Happened.ATTACHED)
            self.put(e.SessionCreated(session=self.wire.shown()))
            self._starting = asyncio.get_running_loop().call_later(self._start_within_s, self._not_started)
            return
        self._attendance.note(Happened.RESUMED, (former or attachment).transport)
        self._attendance.sent_again(self.link.send_missed(ticket.seen, elapsed_ms=self._role_play.elapsed_ms()))
        if self._restored and (driver := self.driver) is not None:
            # Its clock stood still while there was no server.
            left_ms = round(1000.0 * driver.clock.left_s)
            self.put(e.RoleplayPaused(paused=driver.clock.paused, left_ms=left_ms))
        self._restored = False
        if ticket.reply is not None:
            self.played(ticket.reply, ticket.played_ms)
        self.link.send_heartbeat()

    def detach(self, attachment: Attachment, *, goodbye: bool = False) -> None:
        """The connection is gone, or was never made; does nothing for one that was replaced.

        The session waits for a client that may come back, unless it said goodbye.
        """
        if self.link.attachment is not attachment and self._attendance.state is not Presence.EXPECTED:
            return
        self.link.detach()
        if self.comes_back and not goodbye and self.code is None:
            self._attendance.note(Happened.LOST, attachment.transport)
            return
        if not self.away:
            self._attendance.fall_silent()
        self._leave("disconnected")

    def check(self, ticket: Ticket) -> None:
        """Raise ProtocolError or AccessError when this ticket does not lead back to the session."""
        if self._attendance.state is Presence.GONE or self.code is not None:
            raise ProtocolError("this session is over; start a new one", code="session.over", close_code=4404)
        self.link.check(ticket)

    @property
    def away(self) -> bool:
        """Whether a session that goes on waits for its client."""
        return self._attendance.state.absent

    @property
    def waits(self) -> bool:
        """Whether the role-play has not begun, and may."""
        return self.driver is None and self.code is None

    @property
    def comes_back(self) -> bool:
        """Whether the client may come back; it sends audio or a pulse all the time then."""
        return self.link.comes_back

    def quiet_s(self) -> float:
        """Return for how long no audio came."""
        return _now_s() - self._audio.last_s

    def unheard(self) -> None:
        """Nothing comes over a connection that still stands: the patient waits until audio does, if it may come."""
        if self.comes_back and self.link.attachment is not None:
            self._attendance.note(Happened.UNHEARD, self.link.attachment.transport)

    # -------------------------------------------------------------- from one server to the next

    def checkpoint(self) -> WirePoint | None:
        """Return what another server needs to go on; None for a client that can't come back."""
        if not self.comes_back or self.code is not None:
            return None
        driver, detection = self.driver, self.wire.turn_detection
        if driver is None or not driver.core.in_turn:
            # What was said of an open turn is asked for again, as its text is nowhere.
            self._received_ms = self._audio.received_ms()
        if self.link.outbox.is_empty:
            self._told = (self.link.outbox.number, driver.log.next_seq if driver is not None else 0)
        return WirePoint(
            role=self.principal.role,
            key_id=self.principal.name,
            tickets=self.link.tickets,
            input_hz=self.wire.input_hz,
            input_encoding=self.wire.input_encoding,
            output_encoding=self.wire.output_encoding,
            turn_detection=detection.model_dump(mode="json") if detection is not None else None,
            instructions=self.wire.instructions,
            acks=self.link.acks,
            received_ms=self._received_ms,
            number=self._told[0],
            seq=self._told[1],
            left_ms=round(1000.0 * driver.clock.left_s) if driver is not None else None,
            paused=driver is not None and driver.clock.paused,
        )

    def go_on(self, point: WirePoint, past: Past | None, *, left_s: float) -> None:
        """Go on with what an earlier server held; the client has the usual time to come back."""
        self.wire.input_hz, self.wire.input_encoding = point.input_hz, point.input_encoding
        self.wire.output_encoding = point.output_encoding
        detection = point.turn_detection
        self.wire.turn_detection = e.TurnDetection.model_validate(detection) if detection is not None else None
        self.wire.instructions = point.instructions
        self._audio.go_on(point.received_ms)
        self.link.go_on(point, past.records if past is not None else ())
        self._restored = True
        if past is not None:
            driver = self._role_play.make()
            self._inbound.apply_settings(driver)
            self._role_play.go_on(driver, elapsed_s=past.session_s - left_s)
            driver.go_on(past, left_s=left_s, paused=point.paused)
        self._attendance.note(Happened.ATTACHED)
        self._attendance.note(Happened.LOST, "server")

    def suspend(self) -> bool:
        """Stop as it stands, for another server to go on with; False where the client could not come back to it."""
        if not self.comes_back or self.code is not None:
            return False
        self._attendance.note(Happened.LEFT)
        self.link.stop_pulse()
        self._cancel_starting()
        self._role_play.suspend()
        self.link.finish(CLOSE_CODES["draining"], "draining")
        return True

    # -------------------------------------------------------------- the stage of messages

    def start(self) -> SessionDriver:
        """Return the driver; the first call makes it and starts the role-play."""
        driver = self._role_play.start(self._inbound.apply_settings)
        self._cancel_starting()
        return driver

    def take_message(self, message: ClientMessage) -> None:
        """Carry out a client's message; raises Refused."""
        self._inbound.take_message(message)

    def hear(self, samples: Pcm, *, late_ms: float | None = None, event_id: str | None = None) -> None:
        """Take the candidate's audio, int16 mono at the session's input rate; the first starts the role-play.

        `late_ms`: it was captured so long ago, and could not be sent. A client that sends faster than real time is told
        now and then; one that never slows down is let go. `event_id` is its own id of the message the audio came in.
        """
        if self.code is not None:
            return
        driver = self.start()
        self._audio.count_received(len(samples), _now_s())
        if late_ms is None:
            self._attendance.note(Happened.HEARD)
        else:
            self._attendance.came_late(len(samples))
        try:
            driver.receive_audio(samples, late_ms=late_ms)
        except AudioError as error:
            driver.refuse_audio(error)
            if self._audio.refuse(len(samples), _now_s()):
                body = error_event(error).error.model_copy(update={"event_id": event_id, "param": "audio"})
                self.put(e.Error(error=body))
            if self._audio.hopeless:
                self.abandon(1008, error.code)

    def heartbeat(self) -> None:
        """The client is there, and has no audio to send."""
        self._attendance.note(Happened.HEARD)
        if self.driver is not None:
            self.driver.audio_paused()

    def played(self, reply: int, played_ms: float) -> None:
        """Take the client's acknowledgement."""
        self.link.voice.acknowledged(reply, played_ms)
        if self.driver is not None:
            self.driver.playout.acknowledge(reply, played_ms)

    def playout_delay(self, delay_ms: float) -> None:
        """Take the client's word for how long audio waits there before it is heard."""
        self.link.voice.delayed(delay_ms)

    def echo_cancelled(self, on: bool) -> None:
        """Tell the session, now or when it starts, whether the microphone is free of the patient's voice."""
        self._role_play.echo_cancelled(on)

    def offer_resume(self) -> e.ResumeOffer | None:
        """Return how the client may come back, where the server lets it."""
        offer = self.link.offer_resume()
        if offer is not None and self.driver is not None:
            self.driver.keeps_audio = True
        self._offered()
        return offer

    def _recorded(self, record: LogEntry) -> None:
        self.put(*self.link.translator.translate(record))
        self._inbound.recorded(record)
        if isinstance(record.event, SessionEnded):
            self._finish(CLOSE_CODES.get(record.event.reason, 1011), record.event.reason)

    # -------------------------------------------------------------- the end

    def end(self, reason: str) -> None:
        """End the session; the connection is closed once the client was told."""
        if self.driver is not None:
            self.driver.end(reason)
        else:
            self.put(e.RoleplayEnded(reason=reason))
        self._finish(CLOSE_CODES.get(reason, 1011), reason)

    def tell_of_stop(self, within_s: float) -> None:
        """Tell the client that the server stops, and that the role-play may go on for so long."""
        if self.driver is not None:
            self.driver.log.append(ServerStopping(within_s))
        else:
            self.put(e.ServerStoppingMessage(within_s=within_s, message=STOPPING))

    def abandon(self, close_code: int, text: str) -> None:
        """End the session for what its client did or a fault of ours, closing with `close_code`."""
        self._finish(close_code, text)
        if self.driver is not None:
            self._leave("failed" if close_code == 1011 else "disconnected")

    def _not_started(self) -> None:
        """Give the place up: whoever is there keeps the connection alive, and does not begin."""
        self.put(not_started(self._start_within_s))
        self.end("not_started")

    def give_way(self) -> None:
        """Give the place to somebody else who asks, since the role-play has not begun."""
        self.put(gave_way())
        self.end("not_started")

    def _finish(self, code: int, text: str) -> None:
        """Close once everything is sent."""
        # There may be no connection whose end would end it all.
        if self.link.finish(code, text) and self._attendance.state is Presence.AWAY:
            asyncio.get_running_loop().call_soon(self._leave, "disconnected")

    def _leave(self, reason: str) -> None:
        """End the session, whatever state it is in."""
        first = self._attendance.state is not Presence.GONE
        self._attendance.note(Happened.LEFT)
        self.link.stop_pulse()
        self._cancel_starting()
        self._role_play.leave(reason)
        if first:
            self._over()

    def _cancel_starting(self) -> None:
        if self._starting is not None:
            self._starting.cancel()
            self._starting = None


def _now_s() -> float:
    return asyncio.get_running_loop().time()
