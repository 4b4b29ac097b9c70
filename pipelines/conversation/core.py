"""The conversation: takes signals with their media time, keeps the state, returns commands.

`receive` is the only way in. Nothing here waits, measures or computes anything heavy, so every policy (when to answer,
when to yield, what was heard, which cue counts as told) can be tested in microseconds.
"""

from __future__ import annotations

from pipelines.conversation import signals as s
from pipelines.conversation.commands import (
    CloseReply,
    Command,
    DropSegment,
    End,
    FinishSegment,
    OpenSegment,
    Record,
    Release,
    Respond,
    Speak,
    StopReply,
)
from pipelines.conversation.heard import Reply
from pipelines.conversation.memory import Memory
from pipelines.conversation.settings import ConversationSettings
from pipelines.conversation.states import State, Trigger, next_state
from pipelines.conversation.turn import Segment, Turn
from pipelines.engines import Clause, ReplyPart, RespondKind
from pipelines.events import (
    ClauseSpoken,
    Event,
    Problem,
    ReplyProposed,
    ReplyStarted,
    SpeechStarted,
    SpeechStopped,
    TranscriptPartial,
    TurnCommitted,
    TurnIgnored,
)


class Conversation:
    """One role-play's turn-taking. `auto_endpoint` and `auto_respond` are the client's turn detection settings."""

    def __init__(self, settings: ConversationSettings, *, patient_opens: bool = False) -> None:
        self.settings = settings
        self.state = State.LISTENING
        self.auto_endpoint = True
        self.auto_respond = True
        self.memory = Memory()
        self._patient_opens = patient_opens
        self._now_ms = 0.0
        self._turn: Turn | None = None
        self._turns = 0
        self._segments = 0
        self._reply: Reply | None = None
        self._replies = 0
        self._revision = 0
        self._listening_since_ms: float | None = None
        self._prompted = False
        self._closing_due = False
        self._out: list[Command] = []

    # -------------------------------------------------------------- the way in

    def receive(self, signal: s.Signal, media_ms: float) -> list[Command]:
        """Take a signal at a media time (milliseconds, never decreasing); return what is to be done, in order."""
        self._now_ms = max(self._now_ms, media_ms)
        self._out = []
        if self.state is not State.ENDED:
            self._take(signal)
        return self._out

    def _take(self, signal: s.Signal) -> None:
        match signal:
            case s.Tick(played_ms=played_ms, missing_ms=missing_ms):
                self._tick(played_ms, missing_ms)
            case s.VoiceStarted(voiced_from_ms=voiced_from_ms):
                self._voice_started(voiced_from_ms)
            case s.VoicePaused(silent_since_ms=silent_since_ms):
                self._voice_paused(silent_since_ms)
            case s.Understood():
                self._understood(signal)
            case s.Proposed(reply=number, part=part):
                if (reply := self._current(number)) is not None:
                    self._proposed(reply, part)
            case s.Prepared(reply=number):
                if (reply := self._current(number)) is not None and self.state is State.ANSWERING:
                    self._release(reply)
            case s.ReplyFailed(reply=number, message=message):
                if (reply := self._current(number)) is not None:
                    self._fail(reply, message)
            case s.ClauseStarted(reply=number, clause=clause, from_ms=from_ms):
                if (reply := self._current(number)) is not None:
                    self._record(ClauseSpoken(number, reply.clauses[clause].text, from_ms))
            case s.WordsTimed(reply=number, clause=clause, words=words):
                if (reply := self._current(number)) is not None:
                    reply.words.setdefault(clause, []).extend(words)
            case s.PlayedOut(reply=number, played_ms=played_ms, estimated=estimated):
                if (reply := self._current(number)) is not None:
                    self._played_out(reply, played_ms, estimated)
            case s.Truncated(reply=number, heard_ms=heard_ms):
                self._truncated(number, heard_ms)
            case s.Begin():
                self._begin()
            case s.Typed(text=text):
                self._typed(text)
            case s.CommitAsked():
                self._commit_asked()
            case s.ClearAsked():
                self._clear_asked()
            case s.ReplyAsked():
                self._reply_asked()
            case s.CancelAsked(played_ms=played_ms):
                self._cancel_asked(played_ms)
            case s.TimeUp():
                self._time_up()
            case s.EndAsked(reason=reason):
                self._end(reason)

    # -------------------------------------------------------------- what a client may ask when

    @property
    def can_commit(self) -> bool:
        """Whether there is an unfinished candidate's turn."""
        return self.state in (State.HEARING, State.WEIGHING)

    @property
    def can_reply(self) -> bool:
        """Whether a reply may be asked for now."""
        return self.state is State.LISTENING

    @property
    def reply_number(self) -> int | None:
        """The reply under way."""
        return self._reply.number if self._reply is not None else None

    @property
    def reply_turn(self) -> int:
        """The turn that the last reply answers."""
        reply = self._reply or self.memory.last_reply
        return reply.turn if reply is not None else 0

    @property
    def turn_number(self) -> int:
        """The last turn that was begun."""
        return self._turns

    # -------------------------------------------------------------- the candidate speaks

    def _voice_started(self, voiced_from_ms: float) -> None:
        if self.state is State.LISTENING:
            self._go(Trigger.VOICE)
            self._open_turn(voiced_from_ms)
            self._record_started()
        elif self.state is State.WEIGHING and self._turn is not None:
            self._go(Trigger.VOICE)
            if self._asked(self._turn):
                self._open_segment(self._turn)
        elif self.state is State.ANSWERING:
            self._go(Trigger.VOICE)
            self._resume_turn(voiced_from_ms)
        elif self.state is State.SPEAKING:
            self._go(Trigger.VOICE)
            self._open_turn(voiced_from_ms)
        if self._turn is not None:
            self._turn.silent_since_ms = None
            self._turn.excused_ms = 0.0

    def _resume_turn(self, voiced_from_ms: float) -> None:
        """Go on hearing a candidate who was thought to be done; what was being prepared is discarded."""
        if self._reply is not None:
            self._stop(self._reply, "cancelled", heard_ms=0.0)
        if self._turn is not None:  # its final text had not come yet: the turn goes on
            self._turn.over_at_ms = None
            self._open_segment(self._turn)
        else:
            self._open_turn(voiced_from_ms)
            self._record_started()

    def _voice_paused(self, silent_since_ms: float) -> None:
        turn = self._turn
        if turn is None:
            return
        turn.silent_since_ms = silent_since_ms
        turn.voiced_ms = max(turn.voiced_ms, silent_since_ms - turn.from_ms)
        if self.state is State.HEARING:
            self._go(Trigger.PAUSE)
        elif self.state is State.HOLDING:
            self._go(Trigger.BACKCHANNEL)
            self._drop_turn("backchannel")

    def _tick(self, played_ms: float, missing_ms: float) -> None:
        turn, reply = self._turn, self._reply
        if turn is not None and missing_ms and turn.excused_ms < self.settings.excused_ms:
            turn.excused_ms += missing_ms
        if reply is not None and reply.started:
            reply.played_ms = max(reply.played_ms, played_ms)
        if self.state is State.WEIGHING and turn is not None and turn.silent_since_ms is not None:
            silent_ms = self._now_ms - turn.silent_since_ms - turn.excused_ms
            if silent_ms >= self.settings.segment_pause_ms:
                self._finish_segment(turn)
            if self.auto_endpoint and silent_ms >= self.settings.endpoint_wait_ms:
                self._turn_over(turn, turn.silent_since_ms)
        elif self.state is State.HOLDING and turn is not None:
            if self._now_ms - turn.from_ms >= self.settings.yield_after_ms:
                self._yield()
        elif self.state is State.ANSWERING:
            self._check_answering(turn, reply)
        elif self.state is State.LISTENING:
            self._check_silence()

    def _check_answering(self, turn: Turn | None, reply: Reply | None) -> None:
        if turn is not None and turn.over_at_ms is not None:
            if self._now_ms - turn.over_at_ms >= self.settings.recognise_timeout_ms:
                self._commit(turn)  # the last partial has to do
        elif reply is not None and self._now_ms - reply.asked_at_ms >= self.settings.respond_timeout_ms:
            self._fail(reply, "the patient could not answer in time; please go on")

    def _check_silence(self) -> None:
        since_ms = self._listening_since_ms
        wait_ms = self.settings.silence_prompt_ms
        if since_ms is None or not wait_ms or self._prompted or not self.auto_respond:
            return
        if self._now_ms - since_ms >= wait_ms:
            self._prompted = True
            self._respond(RespondKind.SILENCE, "")

    def _understood(self, heard: s.Understood) -> None:
        turn = self._turn
        if turn is None or heard.segment not in turn.segments:
            return  # of a turn that is over or was dropped
        segment = turn.segments[heard.segment]
        if segment.final:
            return
        segment.text, segment.words = heard.text, heard.words
        segment.stable_words, segment.final = heard.stable_words, heard.final
        if self.state is not State.HOLDING and (heard.text or heard.final):
            self._record(TranscriptPartial(turn.number, turn.text(), turn.stable_words()))
        if self.state is State.ANSWERING and turn.over_at_ms is not None and turn.all_final():
            self._commit(turn)

    # -------------------------------------------------------------- the turn ends

    def _turn_over(self, turn: Turn, over_since_ms: float) -> None:
        self._finish_segment(turn)
        self._go(Trigger.TURN_OVER)
        turn.over_at_ms = self._now_ms
        turn.silent_since_ms = over_since_ms
        if turn.all_final():
            self._commit(turn)

    def _commit(self, turn: Turn) -> None:
        """Put the turn into the history and ask for a reply, or drop it when it was no speech."""
        text = turn.text()
        end_ms = turn.silent_since_ms if turn.silent_since_ms is not None else self._now_ms
        if not text and turn.voiced_ms <= self.settings.noise_max_ms:
            self._go(Trigger.NOTHING_SAID)
            self._drop_turn("noise")
            self._listen()
            return
        self._record(SpeechStopped(turn.number, end_ms))
        self._record(TurnCommitted(turn.number, text, turn.from_ms, end_ms))
        self._turn = None
        self.memory.unanswered.append(turn)
        self._prompted = False
        if self._closing_due:
            self._respond(RespondKind.CLOSING, text)
        elif self.auto_respond:
            self._respond(RespondKind.REPLY, self.memory.question())
        else:
            self._go(Trigger.NO_REPLY)
            self._listen()

    # -------------------------------------------------------------- the patient answers

    def _respond(self, kind: RespondKind, text: str) -> None:
        if self.state is State.LISTENING:
            self._go(Trigger.REPLY_WANTED)
        self._replies += 1
        self._revision += 1
        self._reply = Reply(
            self._replies, self._turns, self._revision, self._now_ms, closing=kind is RespondKind.CLOSING
        )
        self._out.append(
            Respond(
                reply=self._replies,
                turn=self._turns,
                revision=self._revision,
                kind=kind,
                text=text,
                words=self.memory.question_words(),
                history=tuple(self.memory.history),
                told=tuple(self.memory.told),
            )
        )

    def _proposed(self, reply: Reply, part: ReplyPart) -> None:
        if isinstance(part, Clause):
            reply.clauses.append(part)
            self._out.append(Speak(reply.number, len(reply.clauses) - 1, part))
            return
        reply.complete = True
        self._record(ReplyProposed(reply.turn, reply.number, part.intent, reply.cues(), part.reason, part.score))
        if reply.clauses:
            self._out.append(CloseReply(reply.number))
        else:
            self._finish_reply(reply, "completed", 0.0, estimated=True)
            self._go(Trigger.NO_REPLY)
            self._after_reply(reply)

    def _release(self, reply: Reply) -> None:
        self._go(Trigger.RELEASED)
        reply.started = True
        self.memory.answered()
        self._record(ReplyStarted(reply.number, reply.turn))
        self._out.append(Release(reply.number))

    def _played_out(self, reply: Reply, played_ms: float, estimated: bool) -> None:
        self._finish_reply(reply, "completed", played_ms, estimated=estimated)
        self._go(Trigger.PLAYED_OUT)
        if self.state is State.HEARING:
            self._record_started()
            if self._turn is not None and self._turn.silent_since_ms is not None:
                self._go(Trigger.PAUSE)
        self._after_reply(reply)

    def _after_reply(self, reply: Reply) -> None:
        if reply.closing:
            self._end("time_limit")
        elif self.state is State.LISTENING:
            if self._closing_due:
                self._respond(RespondKind.CLOSING, "")
            else:
                self._listen()

    def _yield(self) -> None:
        """The candidate takes the floor: the patient stops, and history keeps what was heard."""
        reply = self._reply
        self._go(Trigger.FLOOR_TAKEN)
        self._record_started()  # first: stock clients stop their playback at this
        if reply is not None:
            self._stop(reply, "interrupted", heard_ms=reply.played_ms)

    def _stop(self, reply: Reply, status: str, *, heard_ms: float) -> None:
        self._out.append(StopReply(reply.number))
        if reply.started:
            self._finish_reply(reply, status, heard_ms, estimated=True)
        else:
            self._reply = None

    def _finish_reply(self, reply: Reply, status: str, played_ms: float, *, estimated: bool) -> None:
        for event in self.memory.finish(reply, status, played_ms, estimated=estimated):
            self._record(event)
        self._reply = None

    def _fail(self, reply: Reply, message: str) -> None:
        self._out.append(StopReply(reply.number))
        self._record(Problem("reply.failed", message))
        self._finish_reply(reply, "failed", reply.played_ms, estimated=True)
        self._go(Trigger.NO_REPLY)
        self._after_reply(reply)

    def _truncated(self, number: int, heard_ms: float) -> None:
        """The client corrects our estimate of what was heard; a reply still playing is stopped there."""
        reply = self._current(number)
        if reply is not None and reply.started:
            self._cancel(reply, heard_ms)
            return
        for event in self.memory.correct(number, heard_ms):
            self._record(event)

    # -------------------------------------------------------------- what clients ask

    def _begin(self) -> None:
        self._listen()
        if self._patient_opens:
            self._respond(RespondKind.OPENING, "")

    def _typed(self, text: str) -> None:
        self._turns += 1
        turn = Turn(self._turns, self._now_ms)
        turn.segments[-1] = Segment(text=text, final=True)
        self._record(TurnCommitted(turn.number, text, self._now_ms, self._now_ms, typed=True))
        self.memory.unanswered.append(turn)
        self._prompted = False

    def _commit_asked(self) -> None:
        if self.can_commit and self._turn is not None:
            turn = self._turn
            turn.voiced_ms = max(turn.voiced_ms, self._now_ms - turn.from_ms)
            self._turn_over(turn, turn.silent_since_ms if turn.silent_since_ms is not None else self._now_ms)

    def _clear_asked(self) -> None:
        if self.can_commit:
            self._go(Trigger.NOTHING_SAID)
            self._drop_turn("cleared")
            self._listen()

    def _reply_asked(self) -> None:
        if not self.can_reply:
            return
        if self.memory.unanswered:
            self._respond(RespondKind.REPLY, self.memory.question())
        else:
            self._respond(RespondKind.SILENCE if self.memory.history else RespondKind.OPENING, "")

    def _cancel_asked(self, played_ms: float) -> None:
        if self._reply is not None:
            self._cancel(self._reply, max(played_ms, self._reply.played_ms))

    def _cancel(self, reply: Reply, heard_ms: float) -> None:
        self._stop(reply, "cancelled", heard_ms=heard_ms)
        self._go(Trigger.NO_REPLY)
        if self.state is State.HEARING:
            self._record_started()
        self._after_reply(reply)

    def _time_up(self) -> None:
        self._closing_due = True
        if self.state is State.LISTENING:
            self._respond(RespondKind.CLOSING, "")

    def _end(self, reason: str) -> None:
        if self._reply is not None:
            self._stop(self._reply, "cancelled", heard_ms=self._reply.played_ms)
        if self._turn is not None:
            self._keep_unfinished(self._turn)
        self._go(Trigger.END)
        self._out.append(End(reason))

    def _keep_unfinished(self, turn: Turn) -> None:
        """What was said before the end is kept, though nobody will answer it."""
        if turn.text():
            self._record(TurnCommitted(turn.number, turn.text(), turn.from_ms, self._now_ms))
        self._turn = None

    # -------------------------------------------------------------- small helpers

    def _open_turn(self, voiced_from_ms: float) -> None:
        self._turns += 1
        self._turn = Turn(self._turns, voiced_from_ms)
        self._open_segment(self._turn)

    def _open_segment(self, turn: Turn) -> None:
        self._segments += 1
        turn.segments[self._segments] = Segment()
        self._out.append(OpenSegment(self._segments))

    def _finish_segment(self, turn: Turn) -> None:
        number, segment = next(reversed(turn.segments.items()))
        if not segment.asked:
            segment.asked = True
            self._out.append(FinishSegment(number))

    def _drop_turn(self, reason: str) -> None:
        if self._turn is not None:
            number, segment = next(reversed(self._turn.segments.items()))
            if not segment.asked:
                self._out.append(DropSegment(number))
            self._record(TurnIgnored(self._turn.number, reason))
            self._turn = None

    def _record_started(self) -> None:
        if self._turn is not None:
            self._record(SpeechStarted(self._turn.number, self._turn.from_ms))

    def _listen(self) -> None:
        self._listening_since_ms = self._now_ms

    def _asked(self, turn: Turn) -> bool:
        return next(reversed(turn.segments.values())).asked

    def _current(self, number: int) -> Reply | None:
        return self._reply if self._reply is not None and self._reply.number == number else None

    def _record(self, event: Event) -> None:
        self._out.append(Record(event))

    def _go(self, trigger: Trigger) -> None:
        self.state = next_state(self.state, trigger)
