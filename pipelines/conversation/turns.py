"""The candidate's side: a turn from its first sound through its pauses to the history."""

from __future__ import annotations

from pipelines.conversation.heard import same_words
from pipelines.conversation.replies import PatientReplies
from pipelines.conversation.states import Trigger
from pipelines.conversation.turn import Pause, Turn
from pipelines.engines import RespondKind
from pipelines.events import DraftMade, SpeechStarted, SpeechStopped, TurnCommitted, TurnIgnored

# The voice detector needs up to this long to tell that loud sound is speech; so long a turn's end is put off for it.
LOUD_MS = 200.0
# The stop of a consonant lasts up to about 150 ms, and a breath within a sentence seldom longer.
SURE_MS = 200.0


class CandidateTurns(PatientReplies):
    """One turn at a time: its segments, what its pauses ask for, and when it is over."""

    # -------------------------------------------------------------- it begins and ends

    def _open_turn(self, voiced_from_ms: float, *, in_speech: bool = False) -> None:
        self._turn = self._segments.begin_turn(voiced_from_ms)
        self._open_segment(self._turn, in_speech=in_speech)

    def _open_segment(self, turn: Turn, *, in_speech: bool = False) -> None:
        self._out += self._segments.open(turn, self._now_ms, in_speech=in_speech)

    def _finish_segment(self, turn: Turn) -> None:
        self._out += self._segments.finish(turn)

    def _check_segment_length(self, turn: Turn) -> None:
        _, segment = turn.last_segment()
        if self._now_ms - segment.from_ms >= self.settings.segment_max_ms:
            self._finish_segment(turn)
            self._open_segment(turn)

    def _record_started(self) -> None:
        if self._turn is not None:
            self._record(SpeechStarted(self._turn.number, self._turn.from_ms))

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
        self._record(TurnCommitted(turn.number, text, turn.from_ms, end_ms, confidences=turn.confidences()))
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

    # -------------------------------------------------------------- it pauses

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
        sure = silent_ms >= SURE_MS or pause.wait_ms <= SURE_MS + self.settings.peek_ms
        soon = sure and self.auto_endpoint and pause.settled and left_ms <= self.settings.drafts.ahead_ms
        if soon or silent_ms >= self.settings.segment_pause_ms:
            self._finish_segment(turn)
        if soon:
            self._maybe_draft(turn, silent_ms)
        near = self._voice_near or (self._loud and left_ms > -LOUD_MS)
        if self.auto_endpoint and left_ms <= 0 and not near:
            self._turn_over(turn)

    def _peek(self, turn: Turn, pause: Pause) -> None:
        self._out += self._segments.peek(turn, pause)

    def _maybe_draft(self, turn: Turn, silent_ms: float) -> None:
        drafts = self.settings.drafts
        if self._draft is not None or not turn.all_final() or not turn.text():
            return
        if not drafts.enabled or turn.drafts >= drafts.most or self._busy or self._closing_due or not self.auto_respond:
            return
        turn.drafts += 1
        draft = self._respond(RespondKind.REPLY, turn)
        self._record(DraftMade(turn.number, draft.revision, silent_ms))
