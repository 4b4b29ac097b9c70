"""A session's link to its client: what goes out over whatever connection there is, and how a client may come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator

from pipelines.log.session_log import LogEntry
from server.protocol import server_events as e
from server.protocol.translate import Translator
from server.protocol.wire_session import WireSession
from server.protocol.wordless import without_words
from server.wire.attachment import Attachment
from server.wire.outbox import Outbox
from server.wire.ticket import Ticket, TicketGate
from server.wire.voice_output import MessageVoice, VoiceOutput
from server.wire.wire_point import WirePoint

# Clients that may come back know by it that their connection stands.
HEARTBEAT_S = 1.0


class ClientLink:
    """The outbox, the translation and the connection of one session's client.

    `received_ms` says how much of the candidate's audio has come; `resume_s` is 0 where nobody may come back.
    """

    def __init__(
        self, wire: WireSession, *, received_ms: Callable[[], float], send_deadline_s: float, resume_s: int
    ) -> None:
        self.wire = wire
        self.outbox = Outbox(deadline_s=send_deadline_s)
        self.translator = Translator(wire)
        # Whether the client knows our own events; others take an event that they do not know for an error.
        self.knows_ours = False
        # That the role-play has begun, until it is known whether the client is to be told: a call's sound may come
        # before what the client says of itself.
        self._untold: e.RoleplayStarted | None = None
        self.acks = False  # whether the client reports what it has played
        self.code: int | None = None  # what the session's last connection is closed with
        self.attachment: Attachment | None = None
        self._received_ms = received_ms
        self._resume_s = resume_s
        self._gate = TicketGate(wire.info.id)
        self._silent: VoiceOutput = MessageVoice(self)  # while there is no connection
        self._beating: asyncio.TimerHandle | None = None

    def put(self, *events: e.ServerEvent) -> None:
        """Queue events for the client, those of our own only for a client that knows them."""
        if not self.knows_ours:
            self._untold = next((event for event in events if isinstance(event, e.RoleplayStarted)), self._untold)
        self.outbox.put(*self._seen_by_client(events))

    def learn_ours(self, answer: e.ClientConfigured) -> None:
        """Send our own events from now on: the answer, and that the role-play has begun, if the client missed it."""
        self.knows_ours = True
        self.put(answer)
        if self._untold is not None:
            self.put(self._untold)
            self._untold = None

    def _seen_by_client(self, events: Iterable[e.ServerEvent]) -> Iterable[e.ServerEvent]:
        """Return events as this client is sent them: none of ours to a stock client, no words to who sits an exam."""
        seen = events if self.knows_ours else _for_stock_client(events)
        if not self.wire.info.wordless:
            return seen
        return (told for event in seen if (told := without_words(event)) is not None)

    @property
    def voice(self) -> VoiceOutput:
        """How the patient's audio leaves now."""
        return self.attachment.voice if self.attachment is not None else self._silent

    # -------------------------------------------------------------- connections

    def attach(self, attachment: Attachment) -> Attachment | None:
        """Speak over this connection from now on; return the one that had the session until now, which is dismissed."""
        former, self.attachment = self.attachment, attachment
        if former is not None:
            # Otherwise its writer, which ends a moment later, would take what is queued for the new one.
            self.outbox.release()
            former.dismiss()
        return former

    def detach(self) -> None:
        """The connection is gone."""
        self.attachment = None
        self.stop_pulse()

    def finish(self, code: int, text: str) -> bool:
        """Close once everything is sent; return whether this was the first code, which is the one that counts."""
        if self.code is not None:
            return False
        self.code = code
        self.outbox.finish(code, text)
        return True

    # -------------------------------------------------------------- coming back

    @property
    def comes_back(self) -> bool:
        """Whether the client may come back; it sends audio or a pulse all the time then."""
        return self._gate.is_open

    @property
    def tickets(self) -> tuple[str, ...]:
        """The digests of the tickets that lead back here."""
        return self._gate.digests

    def go_on(self, point: WirePoint, records: Iterable[LogEntry]) -> None:
        """Know what an earlier server had told the client of a session, as its log has it."""
        self.acks = point.acks
        self.knows_ours = True  # it has a ticket
        self._gate.restore(point.tickets)
        before: list[e.ServerEvent] = []
        since: list[e.ServerEvent] = []
        for record in records:
            told = before if record.envelope.seq < point.seq else since
            told += self._seen_by_client(self.translator.translate(record))
        self.outbox.go_on(point.number, before, since)

    def offer_resume(self) -> e.ResumeOffer | None:
        """Return how the client may come back, where the server lets it."""
        if not self._resume_s:
            return None
        if not self.comes_back:
            self._gate.open()
            self.outbox.keep()
            self.send_heartbeat()
        return e.ResumeOffer(token=self._gate.open(), within_s=self._resume_s)

    def check(self, ticket: Ticket) -> None:
        """Raise ProtocolError or AccessError when this ticket does not lead back here."""
        self._gate.check(ticket, sent=self.outbox.number)

    def send_missed(self, seen: int, *, elapsed_ms: float | None) -> int:
        """Queue what was sent after event `seen` once more, after a word on where the session is; return how much."""
        again = self.outbox.send_again(seen)
        self.outbox.put_first(
            e.SessionResumed(
                session=self.wire.shown(),
                received_ms=self._received_ms(),
                elapsed_ms=elapsed_ms,
                complete=again.complete,
            )
        )
        return again.events

    # -------------------------------------------------------------- pulses

    def send_heartbeat(self) -> None:
        """Send a pulse now and every second, until the end or until the connection is gone."""
        self.stop_pulse()
        if self.code is not None:
            return  # nothing follows the end
        self.put(e.ServerHeartbeat(received_ms=self._received_ms()))
        self._beating = asyncio.get_running_loop().call_later(HEARTBEAT_S, self.send_heartbeat)

    def stop_pulse(self) -> None:
        """Send none any more."""
        if self._beating is not None:
            self._beating.cancel()


def _for_stock_client(events: Iterable[e.ServerEvent]) -> Iterator[e.ServerEvent]:
    """Yield the events of OpenAI's protocol; a problem is an `error` there, as somebody should know of it."""
    for event in events:
        if isinstance(event, e.ProblemMessage):
            yield e.Error(error=e.ErrorBody(type="server_error", code=event.code, message=event.message))
        elif not isinstance(event, e.OUR_OWN):
            yield event
