"""What a client's messages do: each is checked, then carried out on the session's driver, or refused with a code."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

from audio.frames import Pcm, pcm_from_bytes
from common.errors import AppError
from pipelines import events as log
from pipelines.conversation import signals as s
from pipelines.log.session_log import LogEntry
from pipelines.patient.free import USUAL_INSTRUCTIONS
from pipelines.session.driver import SessionDriver
from server.principal import Principal
from server.protocol import client_events as c
from server.protocol import server_events as e
from server.protocol.refusal import Code, Refused
from server.protocol.support import check, without, without_refused
from server.protocol.translate import patient_item, response_id
from server.wire.client_link import ClientLink
from server.wire.formats import unfit_formats

logger = structlog.get_logger("server.wire.client_messages")


class Stage(Protocol):
    """What messages need of their session."""

    @property
    def driver(self) -> SessionDriver | None:
        """The session's driver, once the role-play has started."""

    def start(self) -> SessionDriver:
        """Return the driver; the first call starts the role-play."""

    def end(self, reason: str) -> None:
        """End the session."""

    def hear(self, samples: Pcm, *, late_ms: float | None = None, event_id: str | None = None) -> None:
        """Take the candidate's audio, from the message with the client's own id; the first starts the role-play."""

    def played(self, reply: int, played_ms: float) -> None:
        """Take the client's word for how much of a reply it played."""

    def playout_delay(self, delay_ms: float) -> None:
        """Take the client's word for how long a call's audio waits there before it is heard."""

    def offer_resume(self) -> e.ResumeOffer | None:
        """Return how the client may come back, where the server lets it."""

    def heartbeat(self) -> None:
        """The client is there, and has no audio to send."""

    def echo_cancelled(self, on: bool) -> None:
        """Take the client's word on whether its microphone is free of the patient's voice."""


class Inbound:
    """Carries out the messages of one session's client."""

    def __init__(self, *, stage: Stage, link: ClientLink, principal: Principal) -> None:
        self._stage = stage
        self._link = link
        self._wire = link.wire
        self._translator = link.translator
        self._principal = principal
        self._reply_wanted: c.CreateResponse | None = None  # until the final text of the turn has come

    def take_message(self, message: c.ClientMessage) -> None:
        """Carry out a message; raises Refused."""
        if not isinstance(message, c.SessionUpdate):  # of those, single fields are refused
            check(message, self._principal, self._wire.info)
        try:
            self._carry_out(message)
        except Refused as refused:
            refused.client_event_id = message.event_id
            raise

    def _carry_out(self, message: c.ClientMessage) -> None:
        match message:
            case c.AppendAudio():
                self._append(message)
            case c.PlayoutAcknowledged():
                self._played(message)
            case c.PlayoutDelay():
                self._stage.playout_delay(message.delay_ms)
            case c.SessionUpdate():
                self._update(message)
            case c.CommitAudio():
                self._commit()
            case c.ClearAudio():
                self._clear()
            case c.CreateItem():
                self._create_item(message)
            case c.TruncateItem():
                self._truncate(message)
            case c.RetrieveItem():
                self._retrieve(message)
            case c.DeleteItem():
                raise AssertionError("support.check refuses every deletion")
            case c.CreateResponse():
                self._create_response(message)
            case c.CancelResponse():
                self._cancel(message)
            case c.ClearOutput():
                self._clear_output()
            case c.ConfigureClient():
                self._configure(message)
            case c.ClientHeartbeat():
                self._stage.heartbeat()
            case c.PauseSession():
                self._pause(message)
            case c.EndSession():
                self._stage.end("ended")

    def recorded(self, record: LogEntry) -> None:
        """Take a record of the session's log: some requests wait for one."""
        match record.event:
            case log.TurnCommitted() | log.TurnIgnored() if self._reply_wanted is not None:
                # Only after the core's commands were carried out: this record comes between them.
                asyncio.get_running_loop().call_soon(self._ask_late, self._reply_wanted)
                self._reply_wanted = None

    # -------------------------------------------------------------- settings

    def _configure(self, message: c.ConfigureClient) -> None:
        self._link.acks = message.playout_acks
        if message.echo_cancellation is not None:
            self._stage.echo_cancelled(message.echo_cancellation)
        answer = e.ClientConfigured(
            playout_acks=message.playout_acks,
            echo_cancellation=message.echo_cancellation,
            resume=self._stage.offer_resume() if message.resume else None,
        )
        self._link.learn_ours(answer)

    def _update(self, message: c.SessionUpdate) -> None:
        """Change what can be changed, and refuse the rest field by field."""
        wanted, refused = without_refused(message, self._principal, self._wire.info)
        refused = [*message.misunderstood, *refused]
        if unfit := unfit_formats(wanted, self._wire, begun=self._stage.driver is not None):
            wanted = without(wanted, [one.param or "" for one in unfit])
            refused += unfit
        if not refused or wanted.session.model_fields_set - {"type"}:
            self._wire.update(wanted.session)
            if self._stage.driver is not None:
                self.apply_settings(self._stage.driver)
            self._link.put(e.SessionUpdated(session=self._wire.shown()))
        self._link.put(*(error_event(one) for one in refused))

    def apply_settings(self, driver: SessionDriver) -> None:
        """Have the conversation take turns, and a free one be led, as the client asked for."""
        if self._wire.info.free:
            driver.instruct(self._wire.instructions or USUAL_INSTRUCTIONS)
        detection = self._wire.turn_detection
        silence_ms = detection.silence_duration_ms if detection is not None else None
        driver.signal(
            s.TurnDetectionSet(
                auto_endpoint=detection is not None,
                auto_respond=detection is not None and detection.create_response,
                interruptible=detection is None or detection.interrupt_response,
                fixed_wait_ms=driver.settings.fixed_wait_ms if silence_ms is None else silence_ms,
            )
        )

    def _pause(self, message: c.PauseSession) -> None:
        driver = self._stage.driver
        if driver is not None and driver.spec.mode == "exam":
            raise Refused("in an exam the clock does not stop; end it, or go on", code=Code.NOT_ALLOWED, param="type")
        if driver is None or not driver.pause(message.paused):
            raise Refused(
                "the role-play can't be paused now: its time is over, or was paused long enough; go on, or end it",
                code=Code.TOO_LATE,
                param="type",
            )

    # -------------------------------------------------------------- the candidate's turn

    def _append(self, message: c.AppendAudio) -> None:
        self._stage.hear(pcm_from_bytes(message.audio), late_ms=message.late_ms, event_id=message.event_id)

    def _commit(self) -> None:
        driver = self._stage.driver
        if driver is None or not driver.core.can_commit:
            raise Refused("nothing was said since the last turn; there is nothing to commit", code=Code.COMMIT_EMPTY)
        driver.signal(s.CommitAsked())

    def _clear(self) -> None:
        if self._stage.driver is not None:
            self._stage.driver.signal(s.ClearAsked())
        self._link.put(e.Cleared())

    def _create_item(self, message: c.CreateItem) -> None:
        item = message.item
        parts = [part.text.strip() for part in item.content or () if part.text is not None]
        text = " ".join(part for part in parts if part)
        if not text or len(text) > c.MAX_TEXT_CHARS:
            wrong = "has no text" if not text else f"is longer than {c.MAX_TEXT_CHARS} characters"
            raise Refused(
                f"item.content {wrong}; send one input_text part with what is said",
                code=Code.INVALID_FIELD,
                param="item.content",
            )
        self._check_id(item.id)
        self._check_previous(message.previous_item_id)
        driver = self._stage.start()
        self._translator.name_typed(item.id)
        driver.signal(s.Typed(text))

    def _check_id(self, item_id: str | None) -> None:
        if item_id is None:
            return
        if item_id in self._translator.items:
            raise Refused("an item of this id exists; choose another id", code=Code.ITEM_EXISTS, param="item.id")
        if item_id.startswith("item_"):
            raise Refused(
                'ids that begin with "item_" are given by the server; choose another id, or none',
                code=Code.INVALID_FIELD,
                param="item.id",
            )

    def _check_previous(self, item_id: str | None) -> None:
        last = self._translator.last_item_id
        if item_id is None or item_id == last or (item_id == "root" and last is None):
            return
        raise Refused(
            "an item can only be added at the end: leave previous_item_id out, or name the last item",
            code=Code.UNSUPPORTED if item_id in self._translator.items else Code.ITEM_NOT_FOUND,
            param="previous_item_id",
        )

    # -------------------------------------------------------------- items

    def _retrieve(self, message: c.RetrieveItem) -> None:
        item = self._translator.items.get(message.item_id)
        if item is None:
            raise _no_item()
        self._link.put(e.ItemRetrieved(item=item))

    def _truncate(self, message: c.TruncateItem) -> None:
        reply, driver = self._translator.reply_of(message.item_id), self._stage.driver
        if reply is None or driver is None:
            raise _no_item()
        if message.audio_end_ms > self._translator.sent_ms[reply] + 1.0:  # the client counts whole milliseconds
            raise Refused(
                f"only {self._translator.sent_ms[reply]:.0f} ms of this item were sent; send no more than was played",
                code=Code.INVALID_FIELD,
                param="audio_end_ms",
            )
        if not driver.core.can_truncate(reply):
            raise Refused(
                "this item can't be truncated any more: the conversation has gone on",
                code=Code.TOO_LATE,
                param="item_id",
            )
        driver.signal(s.Truncated(reply, float(message.audio_end_ms)))

    # -------------------------------------------------------------- the patient's replies

    def _create_response(self, message: c.CreateResponse) -> None:
        first = self._stage.driver is None
        core = self._stage.start().core
        response = message.response
        metadata = response.metadata if response is not None else None
        if core.reply_number is not None:
            if first:
                # The card has the patient begin: this is what was asked for.
                self._translator.name_reply(metadata)
                return
            raise Refused(
                "the patient is answering already; wait for response.done, or cancel", code=Code.RESPONSE_ACTIVE
            )
        if core.can_commit:
            raise Refused(
                "the candidate's turn is not over; commit it first, or wait for its end", code=Code.TURN_IN_PROGRESS
            )
        if self._reply_wanted is not None:
            raise Refused("a reply was asked for already; wait for response.created", code=Code.RESPONSE_ACTIVE)
        if core.is_answering:
            self._reply_wanted = message
        elif core.can_reply:
            self._translator.name_reply(metadata)
            if self._wire.info.free and response is not None and response.instructions:
                self._stage.start().instruct_once(response.instructions)
            self._stage.start().signal(s.ReplyAsked())

    def _ask_late(self, message: c.CreateResponse) -> None:
        try:
            self._create_response(message)
        except Refused as refused:
            refused.client_event_id = message.event_id
            self._link.put(error_event(refused))

    def _cancel(self, message: c.CancelResponse) -> None:
        driver = self._stage.driver
        if self._reply_wanted is not None and message.response_id is None:
            self._reply_wanted = None
            return
        reply = driver.core.reply_number if driver is not None else None
        if driver is None or reply is None or message.response_id not in (None, response_id(reply)):
            raise Refused("no such reply is under way; there is nothing to cancel", code=Code.CANCEL_NOT_ACTIVE)
        driver.signal(s.CancelAsked(driver.played_ms()))
        if self._translator.last_reply != reply:
            self._link.put(*self._translator.cancelled_unheard(reply))

    def _clear_output(self) -> None:
        driver, reply = self._stage.driver, self._translator.last_reply
        if driver is None or reply is None:
            raise Refused("the patient has not spoken; there is nothing to clear", code=Code.CANCEL_NOT_ACTIVE)
        if driver.core.reply_number == reply:
            driver.signal(s.CancelAsked(driver.played_ms()))
        self._link.put(e.OutputCleared(response_id=response_id(reply)))

    def _played(self, message: c.PlayoutAcknowledged) -> None:
        if not self._link.acks:
            raise Refused(
                "acknowledgements were not agreed on; send interlocutor.client.configure with playout_acks first",
                code=Code.NOT_CONFIGURED,
                param="type",
            )
        reply = self._translator.last_reply
        if reply is not None and message.item_id == patient_item(reply):
            self._stage.played(reply, message.played_ms)


def error_event(error: AppError) -> e.Error:
    """Return the `error` event for a refusal or another error of ours."""
    refused = error if isinstance(error, Refused) else None
    return e.Error(
        error=e.ErrorBody(
            code=error.code,
            message=error.message,
            param=refused.param if refused is not None else None,
            event_id=refused.client_event_id if refused is not None else None,
        )
    )


def _no_item() -> Refused:
    return Refused("there is no such item in this conversation", code=Code.ITEM_NOT_FOUND, param="item_id")
