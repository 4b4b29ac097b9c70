"""The candidate's side: a turn from its first sound through its pauses to its last."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.conversation.candidate_turn import Turn, TurnPause
from pipelines.conversation.commands import Command, Record
from pipelines.conversation.endpointing import Endpointing, speech_resumed
from pipelines.conversation.memory import Memory
from pipelines.conversation.segments import Segments
from pipelines.conversation.settings import ConversationSettings
from pipelines.conversation.signals import Understood
from pipelines.events import (
    EndOfTurnAnswered,
    SpeechStarted,
    SpeechStopped,
    TranscriptPartial,
    TurnCommitted,
    TurnIgnored,
)

# The stop of a consonant lasts up to about 150 ms, and a breath within a sentence seldom longer.
SURE_MS = 200.0


@dataclass(frozen=True, slots=True)
class PauseJudgement:
    """What a pause has come to: `left_ms` of silence until the turn is over, and whether an answer may be drafted."""

    commands: list[Command]
    silent_ms: float
    left_ms: float
    soon: bool


@dataclass(slots=True)
class Candidate:
    """One turn at a time; each method that changes it returns what is to be done."""

    settings: ConversationSettings
    endpointing: Endpointing
    turn: Turn | None = None
    # How often a turn was judged over, and the wait that the last of them was given.
    turns_over: int = 0
    wait_ms: float = 0.0
    _segments: Segments = field(default_factory=Segments)

    @property
    def last_turn(self) -> int:
        """The number of the last turn that was begun."""
        return self._segments.turns

    @property
    def pause(self) -> TurnPause | None:
        """The pause at hand."""
        return self.turn.pause if self.turn is not None else None

    def remember(self, texts: Mapping[int, str], *, turns: int, segments: int) -> list[Turn]:
        """Count on from turns and segments of an earlier server; return turns of which only the text is known."""
        return self._segments.remember(texts, turns=turns, segments=segments)

    # -------------------------------------------------------------- speech

    def begin(self, voiced_from_ms: float, now_ms: float, *, in_speech: bool = False) -> list[Command]:
        """Begin a turn; `in_speech`: its first sound was not known to be speech."""
        self.turn = self._segments.begin_turn(voiced_from_ms)
        self.turn.begin_piece(voiced_from_ms)
        return self._segments.open(self.turn, now_ms, in_speech=in_speech)

    def resume(self, voiced_from_ms: float, now_ms: float) -> list[Command]:
        """Go on with the turn after a pause."""
        if self.pause is not None:
            self.endpointing.resumed(self.pause, voiced_from_ms)
        return self.go_on(voiced_from_ms, now_ms)

    def go_on(self, voiced_from_ms: float, now_ms: float) -> list[Command]:
        """Go on with the turn, in a new segment where the last one was closed."""
        turn = self.turn
        if turn is None:
            return []
        turn.go_on()
        told = speech_resumed(turn, voiced_from_ms)
        opened = self._segments.open(turn, now_ms) if turn.last_segment()[1].asked else []
        turn.begin_piece(voiced_from_ms)
        return [*told, *opened]

    def typed(self, text: str, now_ms: float) -> Turn:
        """Return a turn that came as text; one that is being spoken goes on."""
        return self._segments.typed_turn(text, now_ms)

    def cut_long_segment(self, now_ms: float) -> list[Command]:
        """Cut speech that goes on without a pause for longer than a segment may last."""
        turn = self.turn
        if turn is None or now_ms - turn.last_segment()[1].from_ms < self.settings.segment_max_ms:
            return []
        return [*self._segments.finish(turn), *self._segments.open(turn, now_ms)]

    def begin_piece(self, voiced_from_ms: float) -> None:
        """Note that speech began, or went on, in the segment that is open."""
        if self.turn is not None:
            self.turn.begin_piece(voiced_from_ms)

    def reach(self, until_ms: float) -> None:
        """Note that the candidate was heard until then."""
        if self.turn is not None:
            self.turn.reach(until_ms)

    def update(self, heard: Understood) -> bool | None:
        """Take what was understood; return whether it says more, None if it is of no use."""
        return self.turn.update(heard) if self.turn is not None else None

    def understand(self, heard: Understood) -> list[Command] | None:
        """Take what was understood, and tell of it what is new; None if it is of no use."""
        turn, more = self.turn, self.update(heard)
        if turn is None or more is None:
            return None
        if not more or not (heard.text or heard.final):
            return []
        return [Record(TranscriptPartial(turn.number, turn.text(), turn.stable_words()))]

    # -------------------------------------------------------------- pauses

    def begin_pause(self, since_ms: float) -> None:
        """Note that the candidate is silent since then."""
        if self.turn is not None:
            self.turn.begin_pause(since_ms)

    def excuse(self, missing_ms: float, *, awaited: bool) -> None:
        """Audio that did not come is nobody's silence: for a while, or for as long as it may still come."""
        pause = self.pause
        if pause is not None and (awaited or pause.excused_ms < self.settings.excused_ms):
            pause.excuse(missing_ms)

    def read(self) -> list[Command]:
        """Ask what was understood until the pause at hand."""
        turn, pause = self.turn, self.pause
        return self._segments.interim(turn, pause) if turn is not None and pause is not None else []

    def estimate(self, now_ms: float, memory: Memory, patient_until_ms: float | None) -> list[Command]:
        """Judge anew how long the pause at hand may last."""
        turn, pause = self.turn, self.pause
        if turn is None or pause is None:
            return []
        return self.endpointing.estimate(turn, pause, now_ms, memory, patient_until_ms)

    def judge_pause(
        self, now_ms: float, memory: Memory, patient_until_ms: float | None, *, auto_endpoint: bool
    ) -> PauseJudgement:
        """Return what so much silence asks for: to read what was said, to prepare an answer, to end the turn."""
        turn, pause = self.turn, self.pause
        if turn is None or pause is None:
            return PauseJudgement([], 0.0, math.inf, soon=False)
        commands: list[Command] = []
        silent_ms = pause.silent_ms(now_ms)
        if pause.interim is None:
            if silent_ms >= self.settings.peek_ms:
                commands += self.read()
            commands += self.estimate(now_ms, memory, patient_until_ms)
        if auto_endpoint:
            commands += self.endpointing.listen(turn, pause, silent_ms)
        left_ms = max(pause.wait_ms, pause.answer_due_ms) - silent_ms
        # A segment that ends within a word is lost twice; where the end is clear, there is no time to make sure.
        sure = silent_ms >= SURE_MS or pause.wait_ms <= SURE_MS + self.settings.peek_ms
        soon = sure and auto_endpoint and pause.stable and left_ms <= self.settings.drafts.ahead_ms
        if soon or silent_ms >= self.settings.segment_pause_ms:
            commands += self._segments.finish(turn)
        return PauseJudgement(commands, silent_ms, left_ms, soon)

    def turn_to_draft_for(self) -> Turn | None:
        """Return the turn if its text is known, and an answer to it was not drafted too often."""
        turn, drafts = self.turn, self.settings.drafts
        if turn is None or not drafts.enabled or turn.drafts >= drafts.most:
            return None
        return turn if turn.all_final() and turn.text() else None

    def hear_end(self, number: int, probability: float | None, now_ms: float) -> list[Command]:
        """Take how surely the turn sounds finished; return the record of it if that was asked of the pause at hand."""
        turn, pause = self.turn, self.pause
        if turn is None or pause is None or not pause.hear(number, probability):
            return []
        if probability is None:
            return []
        answered = EndOfTurnAnswered(turn.number, pause.since_ms, pause.silent_ms(now_ms), round(probability, 3))
        return [Record(answered)]

    def answer_in_pause(self, score: float) -> None:
        """Note how surely something was asked for."""
        if self.pause is not None:
            self.pause.answer(score)

    # -------------------------------------------------------------- the end

    def end(self, now_ms: float) -> list[Command]:
        """The turn is over: its last text is asked for."""
        turn = self.turn
        if turn is None:
            return []
        self.turns_over += 1
        self.wait_ms = turn.pause.wait_ms if turn.pause is not None else 0.0
        turn.end(now_ms)
        self.endpointing.ended(turn)
        return self._segments.finish(turn)

    def said_nothing(self, turn: Turn) -> bool:
        """Return whether the turn was no speech."""
        return not turn.text() and (turn.voiced_ms <= self.settings.noise_max_ms or turn.is_voiceless())

    def commit(self, turn: Turn, now_ms: float) -> list[Command]:
        """Let the turn go as it was understood: it is over."""
        self.turn = None
        end_ms = turn.end_ms(now_ms)
        return [Record(SpeechStopped(turn.number, end_ms)), _committed(turn, end_ms)]

    def break_off(self, now_ms: float) -> list[Command]:
        """Keep what was said of a turn that nobody will answer, if anything was."""
        turn, self.turn = self.turn, None
        if turn is None or not turn.text():
            return []
        return [_committed(turn, now_ms)]

    def drop(self, reason: str) -> list[Command]:
        """Forget the turn: it was none."""
        turn, self.turn = self.turn, None
        if turn is None:
            return []
        return [*self._segments.drop(turn), Record(TurnIgnored(turn.number, reason, turn.text()))]

    # -------------------------------------------------------------- what is told of it

    def started(self) -> list[Command]:
        """Return the record that the candidate has begun to speak."""
        turn = self.turn
        return [Record(SpeechStarted(turn.number, turn.from_ms))] if turn is not None else []


def _committed(turn: Turn, end_ms: float) -> Command:
    return Record(TurnCommitted(turn.number, turn.text(), turn.from_ms, end_ms, confidences=turn.confidences()))
