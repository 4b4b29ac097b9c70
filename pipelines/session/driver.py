"""The session driver: joins the conversation core with its ear, its voice, the transport, the log and the recorder.

It owns the clocks of one session. Audio comes in through `receive_audio`, what happens goes out through the log, the
patient's audio through playout. All calls are made on the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import structlog

from audio.clock import Clock
from audio.conditioning import AudioSettings
from audio.frames import FRAME_MS, Frame, FrameKind, Pcm
from audio.intake import Intake
from audio.playout import Playout, PlayoutChunk, Sink
from audio.sound_check import SoundFinding
from audio.speech import SpeechDetector
from common.errors import AppError, AudioError, StorageError, WorkerHung
from pipelines.conversation import commands as c
from pipelines.conversation import signals as s
from pipelines.conversation.core import Conversation
from pipelines.conversation.settings import ConversationSettings
from pipelines.endpointing.policy import EndpointPolicy
from pipelines.engines import Clause, Hypothesis, RespondKind, StreamSpec
from pipelines.events import (
    AnswersTimed,
    DistressNoticed,
    DraftDiscarded,
    EngineIncident,
    InstructionsGiven,
    MediaGap,
    Problem,
    ReplyFinished,
    SegmentHeard,
    SessionEnded,
    SessionPaused,
    SessionRestored,
    SessionStarted,
    SoundAdvice,
    SynthesisBehind,
    TextRejected,
    TurnCommitted,
)
from pipelines.intent.exemplars import denials
from pipelines.lanes.answer_times import AnswerTimes, PastAnswers
from pipelines.lanes.decodes import RecogniserHandle, RecogniserLane
from pipelines.lanes.jobs import JobLane
from pipelines.lanes.speech_lane import SpeechLane
from pipelines.lanes.timed_jobs import TimedJobs
from pipelines.log.session_log import SessionLog
from pipelines.patient.card import Card
from pipelines.patient.disclosure import Disclosure
from pipelines.patient.free import disclosure_of
from pipelines.session.candidate_audio import Hearing
from pipelines.session.end_of_turns import EndOfTurns
from pipelines.session.interpreting import Interpreting
from pipelines.session.latency import LatencyWatch
from pipelines.session.past import Past
from pipelines.session.patient_audio import Speaking
from pipelines.session.recording import SessionRecorder
from pipelines.session.role_play_clock import RolePlayClock

logger = structlog.get_logger("pipelines.session")

# Missing audio is logged once a second, not once a frame.
GAP_REPORT_MS = 1_000.0


@dataclass(frozen=True, slots=True)
class Engines:
    """The lanes a session runs on, shared by all sessions; without a turn detector it goes by text alone."""

    recogniser: RecogniserLane
    interpreter: JobLane
    responder: JobLane
    synthesiser: SpeechLane
    turn_detector: JobLane | None = None

    @property
    def lanes(self) -> tuple[RecogniserLane | JobLane, ...]:
        """All of them."""
        lanes = (self.recogniser, self.interpreter, self.responder, self.synthesiser, self.turn_detector)
        return tuple(lane for lane in lanes if lane is not None)


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """What a session is made from."""

    id: str
    card: Card
    mode: str
    session_s: int
    seed: int
    input_hz: int
    # This is false where the client is our own replay under virtual time.
    paced: bool = True
    speaker_state: str | None = None
    # Whether the candidate agreed that what is said goes to the remote mind that is configured.
    may_leave: bool = False
    # The session is replayed: answers come when they came then.
    past: PastAnswers | None = None


class SessionDriver:
    """One session from its first audio to its end."""

    def __init__(
        self,
        spec: SessionSpec,
        *,
        engines: Engines,
        settings: ConversationSettings,
        detector: SpeechDetector,
        clock: Clock,
        sink: Sink,
        conditioning: AudioSettings | None = None,
        make_log: Callable[[Callable[[], float]], SessionLog],
        make_recorder: Callable[[int], SessionRecorder] | None = None,
        policy: EndpointPolicy | None = None,
    ) -> None:
        self.spec = spec
        self.settings = settings
        self.ended = asyncio.Event()
        self._times = AnswerTimes(self._answer_ms, spec.past)
        ends = TimedJobs(engines.turn_detector, self._times) if engines.turn_detector is not None else None
        self._ends = EndOfTurns(ends, engines.recogniser, self.signal)
        self.core = Conversation(
            settings,
            patient_opens=spec.card.opening is not None,
            patient_name=spec.card.patient.name,
            listens=self._ends.is_there,
            policy=policy,
            disclose=disclosure_of(spec.card, Disclosure(spec.card, spec.seed, denials)),
        )
        self._interpreting = Interpreting(spec.card, TimedJobs(engines.interpreter, self._times), self.signal)
        self._clock = clock
        self._engines = engines
        self._intake = Intake(rate_hz=spec.input_hz, paced=spec.paced)
        self.log = make_log(lambda: self._intake.clock.now_ms)
        self._recorder = make_recorder(spec.input_hz) if make_recorder is not None else None
        self._hearing = Hearing(
            rate_hz=spec.input_hz,
            detector=detector,
            now_ms=clock.now_ms,
            conditioning=conditioning,
            remembers=self._ends.is_there,
        )
        self.playout = Playout(clock=clock, sink=sink, listener=self)
        self._speaking = Speaking(
            session_id=spec.id,
            card=spec.card,
            seed=spec.seed,
            responder=TimedJobs(engines.responder, self._times),
            synthesiser=TimedJobs(engines.synthesiser, self._times),
            playout=self.playout,
            signal=self.signal,
            note=self.log.append,
            may_leave=spec.may_leave,
        )
        self._stream: RecogniserHandle | None = None
        self._unlisten: list[Callable[[], None]] = []  # undoes what `start` asked the lanes to tell
        self._media_timer: asyncio.TimerHandle | None = None
        self._frame_at_ms = clock.now_ms()  # session time of the last frame
        self._closing: asyncio.TimerHandle | None = None  # the time is over: the end comes by itself
        self.clock = RolePlayClock(over=self._time_up, tired=partial(self.pause, False))
        self._latency = LatencyWatch()
        # An earlier server's role-play goes on once its client is there.
        self._awaited = False
        self._left = False  # to another server
        self.keeps_audio = False  # the client sends what it could not send, late
        self._late_in_turn = False
        self._media_ahead_ms = 0.0  # of session time, when the reply under way began
        self._reported = (0.0, 0.0, 0.0)
        self._reported_at_ms = 0.0

    # -------------------------------------------------------------- life

    def start(self) -> None:
        """Open the recogniser stream and begin the role-play."""
        self._open()
        self.log.append(SessionStarted(self.spec.id, self.spec.mode, self.spec.session_s))
        self._intake.clock.start(self._clock.now_ms())
        self.clock.start(self.spec.session_s)
        self.signal(s.Begin())
        self._media_tick()

    def go_on(self, past: Past, *, left_s: float, paused: bool = False) -> None:
        """Take up what an earlier server held, in place of `start`; nothing is said before the client is there.

        `left_s` is what is left of the role-play, whose clock runs from now on, unless it is `paused`.
        """
        self._open()
        self._intake.go_on(past.media_ms, self._clock.now_ms())
        past.give_to(self.core)
        self.log.append(SessionRestored(round(1000.0 * left_s)))
        if past.cut_off is not None:
            reply, turn = past.cut_off
            self.log.append(ReplyFinished(reply, turn, "interrupted", "", 0.0, estimated=True))
        self.clock.start(left_s)
        if paused:
            self.clock.pause()
        self._awaited = True
        self._media_tick()

    def leave(self) -> None:
        """Stop where it stands, without an end: another server goes on with the log and the recording."""
        if self.core.is_over or self._left:
            return
        self._left = True
        self._stop()
        self._note_times()
        self.log.sync()
        if self._recorder is not None:
            self._recorder.leave()

    def _open(self) -> None:
        """Have the engines ready for this session."""
        words = (*self.spec.card.vocabulary, self.spec.card.patient.name)
        spec = StreamSpec(self.spec.id, vocabulary=words, speaker_state=self.spec.speaker_state)
        self._stream = self._engines.recogniser.open(spec, self._hypothesis, self._times)
        self._hearing.attach(self._stream)
        self._interpreting.prepare()
        self._speaking.prepare()
        for lane in self._engines.lanes:
            listener = partial(self._incident, lane.name)
            lane.on_incident.append(listener)
            self._unlisten.append(partial(lane.on_incident.remove, listener))

    def end(self, reason: str) -> None:
        """End the session; safe to call twice."""
        if not self.core.is_over:
            self.signal(s.EndAsked(reason))

    def _finish(self, reason: str) -> None:
        self._stop()
        self._note_times()
        self.log.append(SessionEnded(reason))
        self.log.sync()
        if self._recorder is not None:
            self._recorder.close()
        self.ended.set()

    def _stop(self) -> None:
        """Let go of timers, engines and playout."""
        self.clock.cancel()
        for timer in (self._media_timer, self._closing):
            if timer is not None:
                timer.cancel()
        self.playout.shut()
        self._report_gaps()
        self._ends.cancel()
        self._interpreting.cancel()
        self._speaking.cancel()
        if self._stream is not None:
            self._stream.close()
        while self._unlisten:
            self._unlisten.pop()()

    # -------------------------------------------------------------- audio in

    def receive_audio(self, samples: Pcm, *, late_ms: float | None = None) -> None:
        """Take int16 mono at the session's input rate; raises AudioError when it comes faster than real time.

        `late_ms`: it was captured so long ago, and kept while there was no connection.
        """
        if self.core.is_over:
            return
        self._hearing.awaits_missing = self.keeps_audio
        for frame in self._intake.receive_audio(samples, self._clock.now_ms(), late_ms=late_ms):
            self._frame(frame)

    def instruct(self, text: str) -> None:
        """Have the speaker of a free conversation be and do from now on what a program says."""
        if not self._speaking.instruct(text):
            return
        self.log.append(InstructionsGiven(text))
        if self._stream is not None:
            self._speaking.prepare()

    def instruct_once(self, text: str) -> None:
        """Have the next reply of a free conversation alone follow these instructions."""
        self._speaking.instruct_once(text)
        self.log.append(InstructionsGiven(text, once=True))

    @property
    def missing_ms(self) -> float:
        """How much silence was inserted in all where no audio came."""
        return self._intake.missing_ms

    def audio_paused(self) -> None:
        """The client is there and has no audio to send: what does not come now will not come late."""
        self._hearing.awaits_missing = False

    def lost(self) -> None:
        """The client's connection is gone, and may come back: the patient falls silent at what was heard."""
        if self.core.is_over:
            return
        # While the clock is paused the patient is silent already, but what the client had of the reply may be gone.
        if self.clock.paused:
            self.playout.lose()
            return
        if (reply := self.core.reply_number) is not None:
            self._cut_audio(reply)
        self.playout.lose()
        self._latency.forget()
        self._hearing.awaits_missing = True
        self.signal(s.Lost(self.played_ms()))

    def back(self) -> None:
        """The client is there again, and its audio comes: what it kept meanwhile was received before."""
        if not self.clock.paused:
            self._talk_again()

    def _talk_again(self) -> None:
        """Nothing stands in the patient's way any more."""
        self.signal(s.Back(self.played_ms()))
        if self._awaited:
            self._awaited = False
            self.signal(s.Begin())

    def pause(self, on: bool) -> bool:
        """Have the role-play stand still, or go on; return whether it does so now.

        Meanwhile the patient is silent, nothing of the candidate is heard or recorded, and no time passes. It can't be
        paused once its time is over, nor for more than ten minutes in all: then it goes on by itself.
        """
        if self.core.is_over or on == self.clock.paused:
            return on == self.clock.paused
        if on:
            if not self.clock.pause():
                return False
            if (reply := self.core.reply_number) is not None:
                self._cut_audio(reply)
                self.playout.hold(reply)
            self._latency.forget()
            left_s = self.clock.left_s
            self.signal(s.Lost(self.played_ms()))
        else:
            left_s = self.clock.left_s  # as long as it stands still: what follows takes time
            self.clock.go_on()
            self._talk_again()
        self.log.append(SessionPaused(on, round(1000.0 * left_s)))
        return True

    def _media_tick(self) -> None:
        """Keep media time going where nothing comes."""
        if self.core.is_over:
            return
        for frame in self._intake.fill(self._clock.now_ms()):
            self._frame(frame)
        self._report_gaps(GAP_REPORT_MS)
        self._media_timer = asyncio.get_running_loop().call_later(FRAME_MS / 1000.0, self._media_tick)

    def _frame(self, frame: Frame) -> None:
        if self.core.is_over:
            return
        media_ms = self._intake.clock.now_ms
        self._frame_at_ms = self._clock.now_ms()
        if self.clock.paused:
            if frame.kind is FrameKind.LATE:
                return
            frame = Frame(np.zeros_like(frame.samples), frame.rate_hz, FrameKind.MISSING)
        if self._recorder is not None and frame.kind is FrameKind.LATE:
            self._recorder.candidate_late(frame)
        elif self._recorder is not None:
            self._recorder.candidate(frame)
        audio = self._hearing.condition(frame)  # after the recorder, which keeps what came
        for signal in self._hearing.hear(frame, audio, media_ms):
            self.signal(signal)
        if frame.kind is not FrameKind.MISSING and not self.core.patient_is_heard:
            # What comes over the patient's voice may be that voice: nothing is learnt from it of the candidate's.
            self._advise(self._hearing.judge_audio(audio))
        if frame.kind is not FrameKind.LATE:
            tick = self._hearing.tick(
                frame,
                audio,
                media_ms,
                core=self.core,
                played_ms=self.played_ms(),
                busy=self._busy(),
                awaited=self.clock.paused,
            )
            self.signal(tick)
        elif frame.at_ms is not None and self.core.in_turn:
            self._late_in_turn = True

    def _advise(self, findings: Iterable[SoundFinding]) -> None:
        """Tell the candidate what would let the patient hear them better."""
        for found in findings:
            above_db = found.above_room_db
            self.log.append(
                SoundAdvice(
                    str(found.fault),
                    round(found.speech_dbfs, 1),
                    None if above_db is None else round(above_db, 1),
                    round(found.clipped_share, 4),
                )
            )

    def _hypothesis(self, hypothesis: Hypothesis) -> None:
        understood = self._hearing.understood(hypothesis)
        if understood is None:
            return
        if (rejected := hypothesis.rejected) is not None:
            self.log.append(TextRejected(self.core.turn_number, understood.segment, rejected.reason, rejected.text))
        self.signal(understood)

    # -------------------------------------------------------------- the core's signals and commands

    def played_ms(self) -> float:
        """How much of the reply under way has been heard."""
        return self.playout.played_ms(self.core.reply_number or 0)

    def _busy(self) -> bool:
        """Whether other sessions wait for the engines that a draft would need."""
        return self._engines.responder.waiting > 0 or self._engines.synthesiser.waiting > 0

    def echo_cancelled(self, on: bool) -> None:
        """Take the client's word on whether its microphone is free of the patient's voice."""
        self.signal(s.EchoCancelled(on))

    def signal(self, signal: s.Signal) -> None:
        """Give the core a signal and carry out what it commands."""
        if self._left:
            return
        before = self.core.turns_over
        self._mark(signal)
        if isinstance(signal, s.Understood) and signal.final:
            self.log.append(
                SegmentHeard(
                    self.core.turn_number, signal.segment, signal.text, signal.words, round(signal.latency_ms, 3)
                )
            )
        commands = self.core.receive_signal(signal, self._intake.clock.now_ms)
        if self.core.turns_over > before:
            self._latency.turn_over(
                self._clock.now_ms(),
                media_ms=self._intake.clock.now_ms,
                last_voiced_media_ms=self._hearing.last_voiced_ms,
                wait_ms=self.core.wait_ms,
            )
            if self._late_in_turn:
                self._latency.forget()
            self._late_in_turn = False
        for command in commands:
            self._do(command)
        if any(isinstance(x, c.Record) and isinstance(x.event, TurnCommitted | ReplyFinished) for x in commands):
            self._note_times()
            # The log has the cues that were told; what was just queued for the client has not left yet.
            self.log.sync()

    def _do(self, command: c.Command) -> None:
        match command:
            case c.OpenSegment(segment=segment, in_speech=in_speech):
                self._hearing.open_segment(segment, in_speech=in_speech)
            case c.AskInterim(segment=segment, number=number):
                self._hearing.interim(segment, number)
            case c.AskEndOfTurn(number=number, from_ms=from_ms):
                self._ends.ask(number, self._hearing.audio_since(from_ms))
            case c.FinishSegment(segment=segment):
                self._hearing.finish_segment(segment)
            case c.DropSegment(segment=segment):
                self._hearing.drop_segment(segment)
            case c.Interpret():
                self._interpreting.ask(command)
            case c.Respond():
                if command.kind in (RespondKind.SILENCE, RespondKind.OPENING):
                    # It answers no turn, not even one before it that was left without an answer.
                    self._latency.forget()
                self._latency.asked(self._clock.now_ms(), command.reply, draft=command.draft)
                self._speaking.respond(command)
            case c.Adopt(reply=reply):
                self._latency.committed(self._clock.now_ms(), reply)
            case c.Discard():
                self._discard(command)
            case c.Speak():
                self._speaking.speak(command)
            case c.CloseReply(reply=reply):
                self._speaking.close(reply)
            case c.ReleaseReply(reply=reply):
                self._latency.released(self._clock.now_ms(), reply)
                self.playout.release(reply)
            case c.Hold(reply=reply):
                self._cut_audio(reply)
                self.playout.hold(reply)
            case c.Resume(reply=reply, from_ms=from_ms):
                self.playout.resume(reply, from_ms)
            case c.StopReply(reply=reply):
                self._cut_audio(reply)
                self._speaking.stop(reply)
            case c.Record(event=event):
                self.log.append(event)
                if isinstance(event, DistressNoticed):
                    self._care()
            case c.End(reason=reason):
                self._finish(reason)

    def _care(self) -> None:
        """Say where to get help; in practice the role-play stands still, in an exam nothing does."""
        self.log.append(Problem("safety.distress", self.settings.help_message))
        if self.spec.mode != "exam":
            # Not at once: what the core has commanded comes first.
            asyncio.get_running_loop().call_soon(self.pause, True)

    def _discard(self, draft: c.Discard) -> None:
        cost_ms = round(self._speaking.stop(draft.reply), 3)
        self._latency.discarded(cost_ms)
        self.log.append(DraftDiscarded(draft.turn, draft.revision, draft.reason, cost_ms))

    def _time_up(self) -> None:
        self.signal(s.TimeUp())
        grace_s = self.settings.closing_grace_s
        self._closing = asyncio.get_running_loop().call_later(grace_s, self.end, "time_limit")

    # -------------------------------------------------------------- audio out (what playout tells)

    def chunk_placed(self, chunk: PlayoutChunk, at_session_ms: float) -> None:
        """Record a chunk where it is heard, and note the reply's first audible sample."""
        if chunk.from_ms == 0:
            # Once a reply: media time moves in steps of a frame, and its chunks must not drift against each other.
            self._media_ahead_ms = self._intake.clock.now_ms - self._clock.now_ms()
        self._hearing.echo.add_played(chunk.samples, at_session_ms + self._media_ahead_ms)
        if self._recorder is not None:
            self._recorder.patient(at_session_ms + self._media_ahead_ms, chunk.samples)
        told = self._latency.chunk_placed(
            chunk, at_session_ms, turn=self.core.reply_turn, inserted_ms=self._intake.inserted_ms
        )
        for event in told or ():
            self.log.append(event)

    def clause_started(self, reply: int, clause: int, from_ms: float) -> None:
        """Tell the core that a clause is being heard."""
        self.signal(s.ClauseStarted(reply, clause, from_ms))

    def fell_behind(self, reply: int, clause: int, late_ms: float) -> None:
        """Note that the voice was slower than its own audio."""
        self.log.append(SynthesisBehind(reply, clause, round(late_ms, 1)))

    def played_out(self, reply: int, played_ms: float, estimated: bool) -> None:
        """Tell the core that a reply was heard to its end."""
        self.signal(s.PlayedOut(reply, played_ms, estimated))

    def _cut_audio(self, reply: int) -> None:
        """What was placed beyond the sample that is heard now will not be heard there."""
        heard_at_ms = self.playout.placed_at_ms(reply, self.playout.played_ms(reply)) + self._media_ahead_ms
        self._hearing.echo.cut_played(heard_at_ms)
        if self._recorder is not None:
            self._recorder.patient_cut(heard_at_ms)

    # -------------------------------------------------------------- latency

    def _mark(self, signal: s.Signal) -> None:
        match signal:
            case s.VoiceStarted(voiced_from_ms=from_ms) if not self.core.in_turn:
                self._hearing.new_turn(from_ms)
            case s.VoicePaused() if self.core.pause_since_ms is None:
                self._latency.paused(self._clock.now_ms())
            case s.Understood() if signal.final or signal.interim is not None:
                self._latency.transcribed(self._clock.now_ms())
            case s.Proposed(reply=reply, part=Clause()):
                self._latency.clause_ready(self._clock.now_ms(), reply)
            case s.Prepared(reply=reply):
                self._latency.audio_ready(self._clock.now_ms(), reply)

    def _answer_ms(self) -> float:
        """Return the media time of an answer that comes now: after the last frame, and before the next."""
        since_ms = min(max(self._clock.now_ms() - self._frame_at_ms, 0.0), FRAME_MS - 0.1)
        return round(self._intake.clock.now_ms + since_ms, 3)

    def _note_times(self) -> None:
        readings, jobs = self._times.take()
        if readings or jobs:
            self.log.append(AnswersTimed(readings, jobs))

    # -------------------------------------------------------------- trouble

    def storage_failed(self, error: StorageError) -> None:
        """Tell the person; an exam without a record is no exam, practice goes on."""
        if self.core.is_over:
            return
        self.log.append(Problem(error.code, error.message))
        if self.spec.mode == "exam":
            self.end("failed")

    def refuse_audio(self, error: AppError) -> None:
        """Note audio that was refused."""
        if isinstance(error, AudioError):
            self._report_gaps(GAP_REPORT_MS)

    def _incident(self, engine: str, what: str, detail: str) -> None:
        self.log.append(EngineIncident(engine, what, detail))
        if what == "hung" and not self.core.is_over:
            told = "the server stood still for some seconds and goes on now; if no answer comes, say it again"
            self.log.append(Problem(WorkerHung.code, told))

    def _report_gaps(self, every_ms: float = 0.0) -> None:
        totals = (self._intake.missing_ms, self._intake.late_ms, self._intake.refused_ms)
        now_ms = self._clock.now_ms()
        if totals != self._reported and now_ms - self._reported_at_ms >= every_ms:
            since = [after - before for before, after in zip(self._reported, totals, strict=True)]
            self._reported, self._reported_at_ms = totals, now_ms
            self.log.append(MediaGap(*since))
