"""The conversation: takes signals with their media time, keeps the state, returns commands.

`receive` is the only way in: here it is said what a signal means in which state. What is done then is written where it
belongs: replies in `replies.py`, the candidate's turns in `turns.py`, what passes between the two in `exchange.py`.
Nothing here waits, measures or computes anything heavy, so every policy (when to answer, when to yield, what was heard,
which cue counts as told) can be tested in microseconds.
"""

from __future__ import annotations

from pipelines.conversation import signals as s
from pipelines.conversation.commands import Command, Resume
from pipelines.conversation.echo import NOTICED_MS, TAIL_MS
from pipelines.conversation.exchange import FloorExchange
from pipelines.conversation.heard import Reply
from pipelines.conversation.segments import take_hypothesis
from pipelines.conversation.states import State, Trigger
from pipelines.conversation.turn import Pause, Turn
from pipelines.engines import RespondKind
from pipelines.events import ClauseSpoken, ReplyHeld, ReplyResumed, TranscriptPartial, TurnCommitted


class Conversation(FloorExchange):
    """One role-play's turn-taking.

    `auto_endpoint`, `auto_respond`, `interruptible` and `weighing.fixed_wait_ms` are the client's turn detection.
    """

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
            case s.Tick():
                self._tick(signal)
            case s.VoiceHinted(voiced_from_ms=voiced_from_ms):
                self._voice_hinted(voiced_from_ms)
            case s.VoiceDenied():
                self._voice_denied()
            case s.VoiceStarted(voiced_from_ms=voiced_from_ms):
                self._voice_started(voiced_from_ms)
            case s.VoicePaused():
                self._voice_paused(signal)
            case s.Understood():
                self._understood(signal)
            case s.Proposed(reply=number, part=part):
                self._proposed(number, part)
            case s.Prepared(reply=number):
                self._prepared(number)
            case s.ReplyFailed(reply=number, message=message):
                self._reply_failed(number, message)
            case s.ClauseStarted(reply=number, clause=clause, from_ms=from_ms):
                if (reply := self._current(number)) is not None:
                    self._record(ClauseSpoken(number, reply.clauses[clause].text, from_ms))
            case s.WordsTimed(reply=number):
                if (reply := self._current(number) or self._drafted(number)) is not None:
                    reply.time_words(signal.clause, signal.words, last=signal.last)
                    reply.moved_at_ms = self._now_ms
            case s.PlayedOut(reply=number, played_ms=played_ms, estimated=estimated):
                if (reply := self._current(number)) is not None and reply.started:
                    self._played_out(reply, played_ms, estimated)
            case s.Truncated(reply=number, heard_ms=heard_ms):
                self._truncated(number, heard_ms)
            case s.EchoCancelled(on=on):
                self.echo_cancelled = on
            case s.Lost(played_ms=played_ms):
                self._lost(played_ms)
            case s.Back(played_ms=played_ms):
                self._back(played_ms)
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

    # -------------------------------------------------------------- time goes on

    def _tick(self, tick: s.Tick) -> None:
        turn, reply = self._turn, self._reply
        self._busy, self._loud = tick.busy, tick.loud
        if tick.missing_ms:
            self._excuse(tick)
        if reply is not None and reply.started:
            reply.played(tick.played_ms, self._now_ms)
            if self._holding is None or not self._holding.held:
                self._play_began_ms = self._now_ms - tick.played_ms
        if tick.echo is not None:
            self._echo.take(tick.echo, self._now_ms)
            self._heed_echo()
            turn = self._turn
        if self.state is State.HEARING and turn is not None and not tick.awaited:
            self._check_segment_length(turn)
        elif self.state is State.WEIGHING and turn is not None and turn.pause is not None:
            self._weigh(turn, turn.pause)
        elif self.state is State.HOLDING:
            self._judge_floor()
        elif self.state is State.ANSWERING:
            self._check_answering(turn, reply)
        elif self.state is State.SPEAKING and reply is not None:
            self._check_speaking(reply)
        elif self.state is State.LISTENING:
            if self._echo.going_on and self.weighing.patient_quiet_ms(self._now_ms) >= TAIL_MS:
                self._voice_in_echo()
            self._check_silence()

    def _excuse(self, tick: s.Tick) -> None:
        """Sound that did not come is nobody's silence: for a while, or for as long as it may still come."""
        pause = self._turn.pause if self._turn is not None else None
        if pause is not None and (tick.awaited or pause.excused_ms < self.settings.excused_ms):
            pause.excused_ms += tick.missing_ms
        if tick.awaited:
            if self._holding is not None:
                self._holding.onset_ms += tick.missing_ms
            if self._listening_since_ms is not None:
                self._listening_since_ms += tick.missing_ms

    def _heed_echo(self) -> None:
        """Act on what the likeness says, but in HOLDING, where it is judged with the words."""
        holding, reply = self._holding, self._reply
        if self._echo.going_on and self._echo.echo is False:
            self._voice_in_echo()
        elif holding is not None and reply is not None:
            if self._echo.echo is False and not holding.held and self.interruptible:
                holding.held = True
                self._pause_sound(reply)
        elif self._echo.echo and not self._echo.going_on and self.state in (State.HEARING, State.WEIGHING):
            going_on = self.state is State.HEARING
            self._go_back_to_listening("echo")
            self._echo.found(going_on=going_on)

    def _voice_in_echo(self) -> None:
        """Somebody has begun to speak into the patient's echo, which the voice detector can't tell."""
        self._echo.going_on = False
        if self.state in (State.LISTENING, State.ANSWERING, State.SPEAKING):
            self._voice_started(self._now_ms - NOTICED_MS, in_echo=True)

    def _check_answering(self, turn: Turn | None, reply: Reply | None) -> None:
        if turn is not None and turn.over_at_ms is not None:
            if self._now_ms - turn.over_at_ms >= self.settings.recognise_timeout_ms:
                self._commit(turn)  # the last partial has to do
        elif reply is not None and reply.prepared:
            self._release(reply)
        elif reply is not None and self._now_ms - reply.asked_at_ms >= self.settings.respond_timeout_ms:
            self._fail(reply, "the patient could not answer in time; please go on")

    def _check_speaking(self, reply: Reply) -> None:
        """A mind or a voice that hangs in the midst of a reply must not keep the floor."""
        if not self._away and reply.stuck_ms(self._now_ms) >= self.settings.reply_stall_ms:
            self._fail(reply, "the patient lost the thread; please go on")

    def _check_silence(self) -> None:
        since_ms = self._listening_since_ms
        wait_ms = self.settings.silence_prompt_ms
        if since_ms is None or not wait_ms or self._prompted or not self.auto_respond or self._voice_near or self._away:
            return
        if self._now_ms - since_ms >= wait_ms:
            self._prompted = True
            self._respond(RespondKind.SILENCE)

    # -------------------------------------------------------------- the candidate speaks

    def _voice_hinted(self, voiced_from_ms: float) -> None:
        self._voice_near = True
        if self.state is State.SPEAKING and self.interruptible and not self.guarded:
            self._echo.begin()
            self._hold(voiced_from_ms)

    def _voice_denied(self) -> None:
        self._voice_near = False
        if self.state is State.HOLDING and self._turn is None:
            self._keep_floor()

    def _voice_started(self, voiced_from_ms: float, *, in_echo: bool = False) -> None:
        self._voice_near = False
        if not in_echo and self.state in (State.LISTENING, State.SPEAKING):
            self._echo.begin()
        turn = self._turn
        if self.state is State.LISTENING:
            self._go(Trigger.VOICE)
            self._open_turn(voiced_from_ms, in_speech=in_echo)
            self._record_started()
        elif self.state is State.WEIGHING and turn is not None:
            self._resume_in_pause(turn, voiced_from_ms)
        elif self.state is State.ANSWERING:
            self._go(Trigger.VOICE)
            self._resume_answered(voiced_from_ms)
        elif self.state is State.SPEAKING:
            self._hold(voiced_from_ms)
            self._open_turn(voiced_from_ms, in_speech=in_echo)
        elif self.state is State.HOLDING and turn is None:
            self._open_turn(voiced_from_ms)
        if self._turn is not None:
            self._turn.pause = None
            self._turn.begin_piece(voiced_from_ms)

    def _resume_in_pause(self, turn: Turn, voiced_from_ms: float) -> None:
        self._discard("resumed")
        if turn.pause is not None:
            self.weighing.resumed(turn.pause, voiced_from_ms)
        self._go(Trigger.VOICE)
        if turn.last_segment()[1].asked:
            self._open_segment(turn)

    def _resume_answered(self, voiced_from_ms: float) -> None:
        """Go on hearing a candidate who was thought to be done; what was being prepared is discarded."""
        self.weighing.policy.answered_too_early()
        self._discard("resumed")
        if self._reply is not None:
            self._stop(self._reply, "cancelled", heard_ms=0.0)
        if self._turn is not None:  # its final text had not come yet: the turn goes on
            self._turn.over_at_ms = None
            self._open_segment(self._turn)
        else:
            self._open_turn(voiced_from_ms)
            self._record_started()

    def _voice_paused(self, paused: s.VoicePaused) -> None:
        self._echo.going_on = False
        turn = self._turn
        if turn is None or turn.over_at_ms is not None:
            return
        if turn.pause is not None and self.state is not State.HEARING:
            return
        turn.pause = Pause(paused.silent_since_ms)
        turn.pieces += 1
        turn.voiced_ms = max(turn.voiced_ms, paused.silent_since_ms - turn.from_ms)
        if self.state is State.HEARING:
            self._go(Trigger.PAUSE)
            self._weigh(turn, turn.pause)
        elif self.state is State.HOLDING:
            self._peek(turn, turn.pause)
            self._judge_floor()

    # -------------------------------------------------------------- the candidate is understood

    def _understood(self, heard: s.Understood) -> None:
        turn = self._turn
        more = take_hypothesis(turn, heard) if turn is not None else None
        if turn is None or more is None:
            return
        if more and self.state is not State.HOLDING and (heard.text or heard.final):
            self._record(TranscriptPartial(turn.number, turn.text(), turn.stable_words()))
        pause = turn.pause
        if self.state is State.WEIGHING and pause is not None and pause.settled:
            self._estimate(turn, pause)
            self._weigh(turn, pause)
        elif self.state is State.HOLDING:
            self._judge_floor()
        elif self.state is State.ANSWERING and turn.over_at_ms is not None and turn.all_final():
            self._commit(turn)

    # -------------------------------------------------------------- the candidate's connection

    def _lost(self, played_ms: float) -> None:
        """Nobody is there, for a while perhaps: the patient is silent, and what was begun is kept."""
        reply = self._reply
        self._away = True
        if reply is not None and reply.started and (self._holding is None or not self._holding.held):
            self._record(ReplyHeld(reply.number, played_ms))

    def _back(self, played_ms: float) -> None:
        """The patient goes on with the word that broke off, unless the candidate has begun to speak over it."""
        reply, self._away = self._reply, False
        if reply is None or not reply.started:
            return
        reply.played_ms, reply.moved_at_ms = played_ms, self._now_ms
        if self._holding is None or not self._holding.held:
            from_ms = reply.repeat_ms(played_ms)
            self._record(ReplyResumed(reply.number, from_ms))
            self._out.append(Resume(reply.number, from_ms))

    # -------------------------------------------------------------- what is told of replies

    def _reply_failed(self, number: int, message: str) -> None:
        if (reply := self._current(number)) is not None:
            self._fail(reply, message)
        elif self._drafted(number) is not None:
            self._discard("failed")  # the reply itself will be asked for when the turn is over

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
            self._respond(RespondKind.OPENING)

    def _typed(self, text: str) -> None:
        turn = self._segments.typed_turn(text, self._now_ms)
        self._record(TurnCommitted(turn.number, text, self._now_ms, self._now_ms, typed=True))
        self.memory.unanswered.append(turn)
        self._prompted = False

    def _commit_asked(self) -> None:
        if self.can_commit and self._turn is not None:
            turn = self._turn
            turn.voiced_ms = max(turn.voiced_ms, self._now_ms - turn.from_ms)
            self._turn_over(turn)

    def _clear_asked(self) -> None:
        if self.can_commit:
            self._go_back_to_listening("cleared")

    def _reply_asked(self) -> None:
        if not self.can_reply:
            return
        if self.memory.unanswered:
            self._respond(RespondKind.REPLY)
        else:
            self._respond(RespondKind.SILENCE if self.memory.history else RespondKind.OPENING)

    def _cancel_asked(self, played_ms: float) -> None:
        if self._reply is not None:
            self._cancel(self._reply, max(played_ms, self._reply.played_ms))

    def _time_up(self) -> None:
        self._closing_due = True
        if self.state is State.LISTENING:
            self._respond(RespondKind.CLOSING)
