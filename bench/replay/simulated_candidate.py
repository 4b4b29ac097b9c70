"""The simulated candidate: speaks the planned turns over a link, as a person would, and writes down what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from audio.clock import Clock
from audio.frames import FRAME_MS, WIRE_HZ, Pcm, samples_for, silence
from audio.loudness import AudibleTracker
from bench.replay.link import (
    CueTold,
    Ignored,
    Link,
    Over,
    PatientChunk,
    PlayoutCleared,
    PlayoutHeld,
    ReplyBegan,
    ReplyEnded,
    Restarted,
    Resumed,
    Timeline,
    Timing,
    Told,
    Trouble,
    TurnTranscribed,
)
from bench.replay.loudspeaker import HeardStretch, Loudspeaker
from bench.replay.plan import Plan, PlannedTurn
from bench.replay.planned_interruptions import Interrupted, Interrupter, Interruption
from bench.replay.simulated_room import SimulatedRoom
from pipelines.events import TurnTimeline
from pipelines.session.latency import LatencyParts

FRAME_SAMPLES = samples_for(FRAME_MS, WIRE_HZ)
ACKNOWLEDGE_MS = 100
# People answer within 200 ms, non-native speakers in an exam later.
NATURAL_GAP_MS = 500.0
# After so long the turn counts as unanswered and the next one is spoken.
ANSWER_TIMEOUT_MS = 15_000.0
OPENING_WAIT_MS = 400.0  # a patient who speaks first has begun by then
# Answers that should not come are listened for so long after the last reply.
TAIL_MS = 1_000.0


@dataclass(slots=True)
class TurnResult:
    """What happened to one planned turn."""

    planned: PlannedTurn
    heard: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)  # of the turns that it was taken for, as the session counts
    said: list[str] = field(default_factory=list)
    cues: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    voice_to_voice_ms: float | None = None
    parts: LatencyParts | None = None
    timeline: TurnTimeline | None = None
    voiced_end_ms: float = 0.0  # media time of the last voiced sample
    # Our own timer was so late with the frame at which the turn was judged over; it is part of `deliver`.
    late_ms: float = 0.0
    # Why each of its turns was waited for, where the session's log is there to say so.
    waits: list[dict[str, Any]] | None = None

    @property
    def cut(self) -> bool:
        """Whether the candidate was answered before the turn was over, or the turn was taken for several."""
        early = self.voice_to_voice_ms is not None and self.voice_to_voice_ms < 0
        return early or len(self.heard) > 1


class SimulatedCandidate:
    """Sends one 20 ms frame every 20 ms: a turn's audio when its time has come, silence otherwise."""

    def __init__(
        self,
        plan: Plan,
        link: Link,
        clock: Clock,
        *,
        as_recorded: bool = False,
        interruptions: Sequence[Interruption] = (),
        question_ms: Callable[[int], float | None] = lambda _reply: None,
        room: SimulatedRoom | None = None,
        progress: Callable[[int], None] = lambda _turns: None,
    ) -> None:
        self._plan = plan
        self._link = link
        self._clock = clock
        self._as_recorded = as_recorded
        self._progress = progress
        self.results = [TurnResult(turn) for turn in plan.turns]
        self.troubles: list[str] = []
        self.over: str | None = None
        self.sent: list[Pcm] = []
        self.spoken: list[Pcm] = []  # of it, the candidate's own audio
        self._loudspeaker = Loudspeaker()
        self._interrupter = Interrupter(interruptions, question_ms)
        self._room = room
        self._current = -1  # index of the turn that was begun last
        self._voiced_end_ms = 0.0  # media time of that turn's last voiced sample
        self._rest: Pcm = np.zeros(0, dtype=np.int16)  # of the turn being spoken
        self._start_ms = 0.0
        self._frames = 0
        self.sent_late_ms: list[float] = []  # of each frame, against the moment it was due
        self._patient_speaks: int | None = None
        self._quiet_since_ms = 0.0
        self._audible: dict[int, AudibleTracker] = {}
        self._reply_turn: dict[int, int] = {}  # reply -> index of the turn it answers
        self._reply_samples: dict[int, int] = {}
        self._acknowledged: tuple[int, float] = (0, 0.0)
        self.held_at_ms: list[float] = []  # when the patient was told to fall silent

    async def run(self) -> None:
        """Speak all turns; returns when the last one was answered, or given up, or the session ended."""
        self._start_ms = self._clock.now_ms()
        self._quiet_since_ms = self._start_ms + OPENING_WAIT_MS
        self._link.listen(self._hear)
        while self.over is None and not self._finished():
            due_ms = self._start_ms + (self._frames + 1) * FRAME_MS
            await asyncio.sleep(max(0.0, due_ms - self._clock.now_ms()) / 1000.0)
            self._acknowledge()
            self._maybe_begin()
            self._send()
        self._progress(len(self.results))

    @property
    def heard(self) -> list[HeardStretch]:
        """What was heard, in milliseconds from the start; pauses, seeks and cuts are in it."""
        return self._loudspeaker.heard

    @property
    def gaps_ms(self) -> list[float]:
        """How late audio of a reply came after what was there had been played."""
        return self._loudspeaker.gaps_ms

    @property
    def interrupted(self) -> list[Interrupted]:
        """What came of the interruptions that were spoken."""
        return self._interrupter.done

    def _acknowledge(self) -> None:
        """Report what was played, every 100 ms and at the end of what there is."""
        reply = self._patient_speaks
        self._loudspeaker.advance(self._now_ms)
        played_ms = self._loudspeaker.played_ms(reply) if reply is not None else None
        if reply is None or played_ms is None:
            return
        now_ms = self._now_ms
        if self._loudspeaker.plays_until_ms(now_ms) <= now_ms:
            if self._acknowledged != (reply, played_ms):
                self._report(reply, played_ms)
        elif self._frames % (ACKNOWLEDGE_MS // FRAME_MS) == 0:
            self._report(reply, played_ms)

    def _report(self, reply: int, played_ms: float) -> None:
        self._acknowledged = (reply, played_ms)
        self._link.acknowledge(reply, played_ms)

    def _send(self) -> None:
        frame, self._rest = self._rest[:FRAME_SAMPLES], self._rest[FRAME_SAMPLES:]
        if len(frame) < FRAME_SAMPLES:
            frame = np.concatenate((frame, silence(FRAME_MS, WIRE_HZ)[len(frame) :]))
        if not len(self._rest):
            over = self._interrupter.frame(FRAME_SAMPLES, self._sent_ms, self._loudspeaker.sounding(self._now_ms))
            frame = over if over is not None else frame
        self.spoken.append(frame)
        if self._room is not None:
            self._loudspeaker.advance(self._now_ms)
            back = self._room.hear(self._loudspeaker.between(self._sent_ms, self._sent_ms + FRAME_MS))
            frame = np.clip(frame.astype(np.int32) + back, -32_768, 32_767).astype(np.int16)
        self._frames += 1
        self.sent_late_ms.append(self._now_ms - self._sent_ms)
        self.sent.append(frame)
        self._link.send(frame)

    @property
    def _now_ms(self) -> float:
        """Milliseconds since the first frame was begun: the time a listener at the candidate's side would read."""
        return self._clock.now_ms() - self._start_ms

    @property
    def _sent_ms(self) -> float:
        return float(self._frames * FRAME_MS)

    def _maybe_begin(self) -> None:
        if self._as_recorded:
            if not self._frames:
                self._rest = self._plan.whole
            following = self._current + 1
            if following < len(self.results):
                turn = self.results[following].planned
                if self._sent_ms >= turn.recorded_from_ms:
                    self._begin(following, turn.recorded_from_ms)
            return
        if len(self._rest) or self._current + 1 >= len(self.results) or not self._may_speak():
            return
        turn = self.results[self._current + 1].planned
        self._rest = turn.samples
        self._begin(self._current + 1, self._sent_ms)

    def _begin(self, index: int, from_ms: float) -> None:
        self._progress(index)
        self._current = index
        self._voiced_end_ms = from_ms + self.results[index].planned.voiced_to_ms
        self.results[index].voiced_end_ms = self._voiced_end_ms

    def _may_speak(self) -> bool:
        now_ms = self._clock.now_ms()
        if self._patient_speaks is not None or self._interrupter.engaged(self._now_ms):
            return False
        if self._current < 0:
            return now_ms >= self._quiet_since_ms
        if not self.results[self._current].said:
            return self._now_ms >= self._voiced_end_ms + ANSWER_TIMEOUT_MS
        return now_ms >= self._quiet_since_ms + NATURAL_GAP_MS

    def _finished(self) -> bool:
        if self._current + 1 < len(self.results) or len(self._rest):
            return False
        if not self.results:
            return self._sent_ms >= 1000.0 * len(self._plan.whole) / WIRE_HZ + TAIL_MS
        if self._patient_speaks is not None or self._interrupter.engaged(self._now_ms):
            return False
        answered = bool(self.results[self._current].said)
        if not answered:
            return self._now_ms >= self._voiced_end_ms + ANSWER_TIMEOUT_MS
        return self._clock.now_ms() >= self._quiet_since_ms + TAIL_MS

    # -------------------------------------------------------------- what is told

    def _hear(self, told: Told) -> None:
        result = self.results[self._current] if self._current >= 0 else None
        match told:
            case TurnTranscribed(turn=turn, text=text):
                if result is not None:
                    result.heard.append(text)
                    result.numbers.append(turn)
            case ReplyBegan(reply=reply):
                self._patient_speaks = reply
                self._interrupter.began(reply, self._now_ms)
                self._reply_turn[reply] = self._current
                self._audible[reply] = AudibleTracker(WIRE_HZ)
                self._reply_samples[reply] = 0
            case PatientChunk(reply=reply, samples=samples):
                self._hear_audio(reply, samples)
            case ReplyEnded(reply=reply, text=text, status=status):
                self._patient_speaks = None
                self._quiet_since_ms = self._start_ms + self._loudspeaker.plays_until_ms(self._now_ms)
                self._interrupter.over(reply, text, status, self._now_ms)
                answered = self._answered(reply)
                if answered is not None:
                    answered.said.append(text)
                    answered.statuses.append(status)
            case CueTold(cue=cue):
                answered = self._answered(max(self._reply_turn, default=0))
                if answered is not None:
                    answered.cues.append(cue)
            case Timing():
                self._time(told)
            case Timeline(event=event):
                answered = self._answered(event.reply)
                if answered is not None and answered.timeline is None:
                    answered.timeline = event
            case Trouble(message=message):
                self.troubles.append(message)
            case Over(reason=reason):
                self.over = reason
            case PlayoutCleared(reply=reply):
                played_ms = self._loudspeaker.hold(reply, self._now_ms)
                self._loudspeaker.clear(reply, self._now_ms)
                self._interrupter.cleared(reply, played_ms, self._now_ms)
            case PlayoutHeld(reply=reply):
                played_ms = self._loudspeaker.hold(reply, self._now_ms)
                if played_ms is not None:
                    self._report(reply, played_ms)
                self._interrupter.held(reply, self._now_ms)
                self.held_at_ms.append(self._now_ms)
            case Resumed(reply=reply, from_ms=from_ms):
                self._loudspeaker.resume(reply, from_ms, self._now_ms)
                self._interrupter.resumed(reply, self._now_ms)
            case Restarted(reply=reply, from_ms=from_ms):
                self._loudspeaker.restart(reply, from_ms, self._now_ms)
                self._reply_samples[reply] = samples_for(from_ms, WIRE_HZ)
                self._interrupter.resumed(reply, self._now_ms)
            case Ignored():
                self._interrupter.ignored(told)

    def _answered(self, reply: int) -> TurnResult | None:
        index = self._reply_turn.get(reply, self._current)
        return self.results[index] if index >= 0 else None

    def _hear_audio(self, reply: int, samples: Pcm) -> None:
        starts_ms = self._loudspeaker.add_reply_audio(reply, samples, self._now_ms)
        offset_ms = 1000.0 * self._reply_samples.get(reply, 0) / WIRE_HZ
        self._reply_samples[reply] = self._reply_samples.get(reply, 0) + len(samples)
        tracker = self._audible.get(reply)
        if tracker is None or tracker.first_audible_ms is not None:
            return
        audible_ms = tracker.track_audio(samples, offset_ms)
        if audible_ms is None:
            return
        heard_at_ms = starts_ms + audible_ms - offset_ms
        self._interrupter.audible(reply, heard_at_ms, began_ms=starts_ms - offset_ms)
        answered = self._answered(reply)
        if answered is not None and answered.voice_to_voice_ms is None:
            answered.voice_to_voice_ms = heard_at_ms - self._voiced_end_ms

    def _time(self, timing: Timing) -> None:
        """Put the server's split on our own clock: its endpoint is counted from our last voiced sample."""
        answered = self._answered(timing.reply or max(self._reply_turn, default=0))
        if answered is None or answered.voice_to_voice_ms is None or answered.parts is not None:
            return
        endpoint = timing.endpoint_ms + timing.last_voiced_ms - self._voiced_end_ms
        server_side = endpoint + timing.recognise_ms + timing.respond_ms + timing.speak_ms
        answered.parts = LatencyParts(
            endpoint,
            timing.recognise_ms,
            timing.respond_ms,
            timing.speak_ms,
            answered.voice_to_voice_ms - server_side,
        )
        decisive = round((self._voiced_end_ms + endpoint) / FRAME_MS) - 1
        if 0 <= decisive < len(self.sent_late_ms):
            answered.late_ms = self.sent_late_ms[decisive]
