"""The conversation: takes signals with their media time, keeps the state, returns commands.

`receive` is the only way in. Nothing here waits, measures or computes anything heavy, so every policy (when to answer,
when to yield, what was heard, which cue counts as told) can be tested in microseconds.
"""

from __future__ import annotations

from pipelines.conversation import signals as s
from pipelines.conversation.commands import (
    Adopt,
    CloseReply,
    Command,
    Discard,
    End,
    Hold,
    Record,
    Release,
    Resume,
    Speak,
    StopReply,
)
from pipelines.conversation.echo import NOTICED_MS, TAIL_MS, EchoJudge
from pipelines.conversation.floor import Claim, judge
from pipelines.conversation.heard import Reply, same_words
from pipelines.conversation.holding import Holding
from pipelines.conversation.memory import Memory
from pipelines.conversation.segments import Segments, take_hypothesis
from pipelines.conversation.settings import ConversationSettings
from pipelines.conversation.states import State, Trigger, next_state
from pipelines.conversation.turn import Pause, Turn
from pipelines.conversation.view import ConversationView
from pipelines.conversation.weighing import Weighing
from pipelines.endpointing.policy import EndpointPolicy
from pipelines.engines import Clause, ReplyEnd, ReplyPart, RespondKind
from pipelines.events import (
    ClauseSpoken,
    DraftMade,
    Event,
    Problem,
    ReplyHeld,
    ReplyProposed,
    ReplyResumed,
    ReplyStarted,
    SpeechStarted,
    SpeechStopped,
    TranscriptPartial,
    TurnCommitted,
    TurnIgnored,
)

# The voice detector needs up to this long to tell that loud sound is speech; so long a turn's end is put off for it.
LOUD_MS = 200.0
CERTAIN_MS = 200.0  # the stop of a consonant lasts up to about 150 ms
# Speech that goes on this soon after the patient began to answer was not over: the candidate was cut off.
CUT_OFF_MS = 1_000.0


class Conversation(ConversationView):
    """One role-play's turn-taking.

    `auto_endpoint`, `auto_respond`, `interruptible` and `weighing.fixed_wait_ms` are the client's turn detection.
    """

    def __init__(
        self, settings: ConversationSettings, *, patient_opens: bool = False, policy: EndpointPolicy | None = None
    ) -> None:
        self.settings = settings
        self.state = State.LISTENING
        self.auto_endpoint = True
        self.auto_respond = True
        self.interruptible = True
        self.echo_cancelled = True
        self.memory = Memory()
        self.wait_ms = 0.0  # that was asked for at the last end of a turn
        self.turns_over = 0  # how often a turn was judged to be over
        self.weighing = Weighing(policy or EndpointPolicy(settings.endpointing), settings.fixed_wait_ms)
        self._patient_opens = patient_opens
        self._now_ms = 0.0
        self._busy = False
        self._loud = False
        self._away = False  # nobody is there: nothing is said, and nothing is judged
        self._voice_near = False  # sound that may become speech: neither is a turn ended nor a reply begun over it
        self._turn: Turn | None = None
        self._segments = Segments()
        self._reply: Reply | None = None
        self._draft: Reply | None = None
        self._replies = 0
        self._holding: Holding | None = None
        self._play_began_ms = 0.0  # media time at which the reply's sound would have begun, were there no holds
        self._reply_began_ms = 0.0
        self._patient_ms = 0.0  # heard of the patient in replies that are over
        self._echo = EchoJudge()
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

    def _check_segment_length(self, turn: Turn) -> None:
        _, segment = turn.last_segment()
        if self._now_ms - segment.from_ms >= self.settings.segment_max_ms:
            self._finish_segment(turn)
            self._open_segment(turn)

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
            turn.pause.certain = turn.pause.certain or paused.certain
            return
        turn.pause = Pause(paused.silent_since_ms, paused.certain)
        turn.pieces += 1
        turn.voiced_ms = max(turn.voiced_ms, paused.silent_since_ms - turn.from_ms)
        if self.state is State.HEARING:
            self._go(Trigger.PAUSE)
            self._weigh(turn, turn.pause)
        elif self.state is State.HOLDING:
            self._peek(turn, turn.pause)
            self._judge_floor()

    # -------------------------------------------------------------- the candidate pauses

    def _weigh(self, turn: Turn, pause: Pause) -> None:
        """Do what this much silence asks for: read what was said, prepare an answer, end the turn."""
        if self._away:
            return
        silent_ms = self._now_ms - pause.since_ms - pause.excused_ms
        if pause.peek is None:
            if silent_ms >= self.settings.peek_ms:
                self._peek(turn, pause)
            self._estimate(turn, pause)
        left_ms = pause.wait_ms - silent_ms
        # A segment that ends within a word is lost twice; where the end is clear, there is no time to make sure.
        certain = pause.certain or silent_ms >= CERTAIN_MS or pause.wait_ms <= CERTAIN_MS + self.settings.peek_ms
        soon = certain and self.auto_endpoint and pause.settled and left_ms <= self.settings.drafts.ahead_ms
        if soon or silent_ms >= self.settings.segment_pause_ms:
            self._finish_segment(turn)
        if soon:
            self._maybe_draft(turn, silent_ms)
        near = self._voice_near or (self._loud and left_ms > -LOUD_MS)
        if self.auto_endpoint and left_ms <= 0 and not near:
            self._turn_over(turn)

    def _estimate(self, turn: Turn, pause: Pause) -> None:
        self.weighing.estimate(turn, pause, self.memory)

    def _peek(self, turn: Turn, pause: Pause) -> None:
        self._out += self._segments.peek(turn, pause)

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

    def _maybe_draft(self, turn: Turn, silent_ms: float) -> None:
        drafts = self.settings.drafts
        if self._draft is not None or not turn.all_final() or not turn.text():
            return
        if not drafts.enabled or turn.drafts >= drafts.most or self._busy or self._closing_due or not self.auto_respond:
            return
        turn.drafts += 1
        draft = self._respond(RespondKind.REPLY, turn)
        self._record(DraftMade(turn.number, draft.revision, silent_ms))

    def _discard(self, reason: str) -> None:
        if self._draft is not None:
            draft, self._draft = self._draft, None
            self._out.append(Discard(draft.number, draft.turn, draft.revision, reason))

    # -------------------------------------------------------------- the turn ends

    def _turn_over(self, turn: Turn) -> None:
        self._finish_segment(turn)
        self._go(Trigger.TURN_OVER)
        self.turns_over += 1
        turn.over_at_ms = self._now_ms
        self.wait_ms = turn.pause.wait_ms if turn.pause is not None else 0.0
        if turn.all_final():
            self._commit(turn)

    def _commit(self, turn: Turn) -> None:
        """Put the turn into the history and answer it, or drop it when it was no speech."""
        text = turn.text()
        end_ms = turn.end_ms(self._now_ms)
        if not text and (turn.voiced_ms <= self.settings.noise_max_ms or turn.is_voiceless()):
            self._go_back_to_listening("noise")
            return
        self._record(SpeechStopped(turn.number, end_ms))
        self._record(TurnCommitted(turn.number, text, turn.from_ms, end_ms))
        self._turn = None
        self.memory.unanswered.append(turn)
        self._prompted = False
        draft = self._draft
        if self._closing_due:
            self._discard("superseded")
            self._respond(RespondKind.CLOSING)
        elif not self.auto_respond:
            self._discard("superseded")
            self._go(Trigger.NO_REPLY)
            self._listen()
        elif draft is not None and same_words(draft.question, self.memory.question()):
            self._adopt(draft)
        else:
            self._discard("different")
            self._respond(RespondKind.REPLY)

    # -------------------------------------------------------------- the patient answers

    def _respond(self, kind: RespondKind, drafted: Turn | None = None) -> Reply:
        """Ask for a reply to all that waits for one; `drafted` is a turn that may not be over yet."""
        if self.state is State.LISTENING:
            self._go(Trigger.REPLY_WANTED)
        memory = self.memory.with_turn(drafted) if drafted is not None else self.memory
        self._replies += 1
        reply = memory.new_reply(self._replies, kind, now_ms=self._now_ms, last_turn=self._segments.turns)
        if drafted is not None:
            self._draft = reply
        else:
            self._reply = reply
        self._out.append(memory.request(reply, kind, draft=drafted is not None))
        return reply

    def _adopt(self, draft: Reply) -> None:
        """The draft answers what was said: what is ready of it goes out, what was kept back is asked for."""
        self._reply, self._draft = draft, None
        draft.asked_at_ms = self._now_ms
        self._out.append(Adopt(draft.number))
        for index, clause in enumerate(draft.clauses[1:], start=1):
            self._out.append(Speak(draft.number, index, clause))
        if draft.end is not None:
            self._proposal_ended(draft, draft.end)
        if draft.prepared and self._reply is draft:
            self._release(draft)

    def _proposed(self, number: int, part: ReplyPart) -> None:
        reply, draft = self._current(number), self._drafted(number)
        if reply is not None:
            reply.moved_at_ms = self._now_ms
        if draft is not None:
            if isinstance(part, Clause):
                draft.clauses.append(part)
                if len(draft.clauses) == 1:  # the others wait for the turn's end
                    self._out.append(Speak(number, 0, part))
                return
            draft.end = part
            turn = self._turn
            if turn is not None and turn.pause is not None and self.state is State.WEIGHING:
                turn.pause.asks = part.score if part.asked else 0.0
                self._estimate(turn, turn.pause)
        elif reply is not None:
            if isinstance(part, Clause):
                reply.clauses.append(part)
                self._out.append(Speak(number, len(reply.clauses) - 1, part))
                return
            self._proposal_ended(reply, part)

    def _proposal_ended(self, reply: Reply, end: ReplyEnd) -> None:
        reply.end = end
        self._record(ReplyProposed(reply.turn, reply.number, end.intent, reply.cues(), end.reason, end.score))
        if reply.clauses:
            self._out.append(CloseReply(reply.number))
        else:
            self._finish_reply(reply, "completed", 0.0, estimated=True)
            self._to_candidate(Trigger.NO_REPLY)
            self._after_reply(reply)

    def _prepared(self, number: int) -> None:
        reply = self._current(number) or self._drafted(number)
        if reply is not None:
            reply.prepared = True
            if reply is self._reply and self.state is State.ANSWERING:
                self._release(reply)

    def _release(self, reply: Reply) -> None:
        if self._voice_near or self._away:
            return  # the patient never talks over the candidate, nor to nobody; the next tick tries again
        self._go(Trigger.RELEASED)
        reply.started = True
        self._reply_began_ms = self._play_began_ms = reply.moved_at_ms = self._now_ms
        self.memory.answered(reply)
        self._record(ReplyStarted(reply.number, reply.turn))
        self._out.append(Release(reply.number))

    def _played_out(self, reply: Reply, played_ms: float, estimated: bool) -> None:
        if self.state is State.HOLDING and (self._echo.echo or self._claim() not in (Claim.UNDECIDED, Claim.YIELD)):
            self._keep_floor()
        self._finish_reply(reply, "completed", played_ms, estimated=estimated)
        self._to_candidate(Trigger.PLAYED_OUT)
        self._after_reply(reply)

    def _to_candidate(self, trigger: Trigger) -> None:
        """The patient is silent from here on: a turn that began over its speech goes on as any other."""
        if self.state is State.HOLDING and self._turn is None:
            self._go(Trigger.FLOOR_KEPT)
        self._holding = None
        self._go(trigger)
        turn = self._turn
        if self.state is State.HEARING and turn is not None:
            if trigger is not Trigger.FLOOR_TAKEN:
                self._record_started()
            if turn.pause is not None:
                self._go(Trigger.PAUSE)
                self._estimate(turn, turn.pause)

    def _after_reply(self, reply: Reply) -> None:
        if reply.closing:
            self._end("time_limit")
        elif self.state is State.LISTENING:
            if self._closing_due:
                self._respond(RespondKind.CLOSING)
            else:
                self._listen()

    # -------------------------------------------------------------- the candidate is heard over the patient

    def _hold(self, onset_ms: float) -> None:
        reply = self._reply
        self._go(Trigger.VOICE)
        held = self.interruptible and not self.guarded
        self._holding = Holding(onset_ms, held=held, played_from_ms=self._play_began_ms)
        if reply is not None and held:
            self._pause_sound(reply)

    def _pause_sound(self, reply: Reply) -> None:
        self._out.append(Hold(reply.number))
        self._record(ReplyHeld(reply.number, reply.played_ms))

    def _claim(self) -> Claim:
        holding, turn, reply = self._holding, self._turn, self._reply
        if holding is None or turn is None or reply is None:
            return Claim.UNDECIDED
        evidence = holding.evidence(turn, reply, self._now_ms, echo=self._echo.echo, guarded=self.guarded)
        claim = judge(evidence, self.settings.floor)
        return Claim.UNDECIDED if claim is Claim.YIELD and not self.interruptible else claim

    def _judge_floor(self) -> None:
        if self._away:
            return
        match self._claim():
            case Claim.UNDECIDED:
                pass
            case Claim.YIELD:
                self._yield()
            case kept:
                if kept is Claim.ECHO:
                    self._echo.found(going_on=self._turn is not None and self._turn.pause is None)
                elif self._echo.echo is False:
                    self._echo.denied()
                self._drop_turn(kept.value)
                self._keep_floor()

    def _keep_floor(self) -> None:
        """Nobody took the floor: the patient goes on from the word where it stopped."""
        holding, reply = self._holding, self._reply
        self._holding = None
        self._go(Trigger.FLOOR_KEPT)
        if holding is not None and holding.held and reply is not None:
            from_ms = reply.resume_ms(reply.played_ms)
            self._record(ReplyResumed(reply.number, from_ms))
            self._out.append(Resume(reply.number, from_ms))
        if reply is not None:
            reply.moved_at_ms = self._now_ms

    def _yield(self) -> None:
        """The candidate takes the floor: the patient stops, and history keeps what was heard."""
        reply = self._reply
        if self._now_ms - self._reply_began_ms <= CUT_OFF_MS:
            self.weighing.policy.answered_too_early()
        self._echo.denied()
        self._record_started()  # first: stock clients stop their playback at this
        if reply is not None:
            self._stop(reply, "interrupted", heard_ms=reply.played_ms)
        self._to_candidate(Trigger.FLOOR_TAKEN)

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

    # -------------------------------------------------------------- a reply ends

    def _stop(self, reply: Reply, status: str, *, heard_ms: float) -> None:
        self._out.append(StopReply(reply.number))
        if reply.started:
            self._finish_reply(reply, status, heard_ms, estimated=True)
        else:
            self._reply = None

    def _finish_reply(self, reply: Reply, status: str, played_ms: float, *, estimated: bool) -> None:
        for event in self.memory.finish(reply, status, played_ms, estimated=estimated):
            self._record(event)
        self._patient_ms += played_ms
        if played_ms:
            self.weighing.patient_until_ms = self._now_ms
        self._reply = None

    def _reply_failed(self, number: int, message: str) -> None:
        if (reply := self._current(number)) is not None:
            self._fail(reply, message)
        elif self._drafted(number) is not None:
            self._discard("failed")  # the reply itself will be asked for when the turn is over

    def _fail(self, reply: Reply, message: str) -> None:
        self._out.append(StopReply(reply.number))
        self._record(Problem("reply.failed", message))
        self._finish_reply(reply, "failed", reply.played_ms, estimated=True)
        self._to_candidate(Trigger.NO_REPLY)
        self._after_reply(reply)

    def _truncated(self, number: int, heard_ms: float) -> None:
        """The client corrects our estimate of what was heard; a reply still playing is stopped there."""
        reply = self._current(number)
        if reply is not None and reply.started:
            self._cancel(reply, heard_ms)
            return
        for event in self.memory.correct(number, heard_ms):
            self._record(event)

    def _cancel(self, reply: Reply, heard_ms: float) -> None:
        self._stop(reply, "cancelled", heard_ms=heard_ms)
        self._to_candidate(Trigger.NO_REPLY)
        self._after_reply(reply)

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

    def _end(self, reason: str) -> None:
        self._discard("ended")
        if self._reply is not None:
            self._stop(self._reply, "cancelled", heard_ms=self._reply.played_ms)
        turn, self._turn = self._turn, None
        if turn is not None and turn.text():  # kept, though nobody will answer it
            self._record(TurnCommitted(turn.number, turn.text(), turn.from_ms, self._now_ms))
        self._go(Trigger.END)
        self._out.append(End(reason))

    # -------------------------------------------------------------- small helpers

    def _open_turn(self, voiced_from_ms: float, *, in_speech: bool = False) -> None:
        self._turn = self._segments.begin_turn(voiced_from_ms)
        self._open_segment(self._turn, in_speech=in_speech)

    def _open_segment(self, turn: Turn, *, in_speech: bool = False) -> None:
        self._out += self._segments.open(turn, self._now_ms, in_speech=in_speech)

    def _finish_segment(self, turn: Turn) -> None:
        self._out += self._segments.finish(turn)

    def _drop_turn(self, reason: str) -> None:
        self._discard("superseded")
        if self._turn is not None:
            self._out += self._segments.drop(self._turn)
            self._record(TurnIgnored(self._turn.number, reason, self._turn.text()))
            self._turn = None

    def _go_back_to_listening(self, reason: str) -> None:
        """Forget the turn: it was none."""
        self._go(Trigger.NOTHING_SAID)
        self._drop_turn(reason)
        self._listen()

    def _record_started(self) -> None:
        if self._turn is not None:
            self._record(SpeechStarted(self._turn.number, self._turn.from_ms))

    def _listen(self) -> None:
        self._listening_since_ms = self._now_ms

    def _current(self, number: int) -> Reply | None:
        return self._reply if self._reply is not None and self._reply.number == number else None

    def _drafted(self, number: int) -> Reply | None:
        return self._draft if self._draft is not None and self._draft.number == number else None

    def _record(self, event: Event) -> None:
        self._out.append(Record(event))

    def _go(self, trigger: Trigger) -> None:
        self.state = next_state(self.state, trigger)
