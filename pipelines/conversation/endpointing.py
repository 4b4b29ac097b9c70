"""How long the pause at hand may last: what the conversation knows of it, put to the endpointing's policy."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from pipelines.conversation.candidate_turn import Turn, TurnPause
from pipelines.conversation.commands import AskEndOfTurn, Command, Record
from pipelines.conversation.memory import Memory
from pipelines.endpointing.evidence import PauseEvidence
from pipelines.endpointing.policy import EndpointPolicy, WaitJudgement
from pipelines.events import EndOfTurnAsked, PauseJudged, SpeechResumed

# After so much silence it is asked how the turn sounds: once before the shortest wait, again where it is still open, as
# a sound that breaks off is told from one that ends the better the longer the silence after it.
LISTEN_AT_MS = (160.0, 500.0, 900.0)
# An answer takes 50 ms on a quiet machine. One that takes longer than this is done without.
ANSWER_WITHIN_MS = 100.0
# So many of the last words are kept with a judgement: enough to see what it was about.
ENDING_WORDS = 4


@dataclass(slots=True)
class Endpointing:
    """One candidate's pauses; `fixed_wait_ms`, where it is set, takes the place of all judgement.

    `listens`: there is a turn detector, which can be asked how a turn sounds.
    """

    policy: EndpointPolicy
    fixed_wait_ms: float | None
    listens: bool = False
    _questions: int = 0

    def fix_wait(self, wait_ms: float | None) -> None:
        """Have this silence end every turn; None: each pause is judged."""
        self.fixed_wait_ms = wait_ms

    def listen(self, turn: Turn, pause: TurnPause, silent_ms: float) -> list[Command]:
        """Ask how the turn sounds when it is time for that and the answer can still change something."""
        looks = bisect_right(LISTEN_AT_MS, silent_ms)
        if not self.listens or self.fixed_wait_ms is not None or looks <= pause.looks:
            return []
        if pause.looks and pause.wait_ms - silent_ms <= ANSWER_WITHIN_MS:
            return []
        self._questions += 1
        pause.listen(self._questions, looks, silent_ms + ANSWER_WITHIN_MS)
        asked = EndOfTurnAsked(turn.number, pause.since_ms, silent_ms)
        return [Record(asked), AskEndOfTurn(self._questions, turn.from_ms)]

    def estimate(
        self, turn: Turn, pause: TurnPause, now_ms: float, memory: Memory, patient_until_ms: float | None
    ) -> list[Command]:
        """Set the pause's wait by what is known now; the patient was last heard at `patient_until_ms`.

        Returns the record of why, where there is something new to tell.
        """
        if self.fixed_wait_ms is not None:
            return _judged(turn, pause, now_ms, WaitJudgement(self.fixed_wait_ms, rule="fixed"))
        last = memory.history[-1] if memory.history else None
        speech_ms = pause.since_ms - turn.from_ms
        evidence = PauseEvidence(
            text=turn.text(),
            stable=pause.stable,
            speech_ms=speech_ms,
            last_piece_ms=pause.since_ms - turn.piece_from_ms,
            pieces=turn.pieces,
            words_before=turn.words_before,
            after_gap_ms=None if patient_until_ms is None else turn.from_ms - patient_until_ms,
            asks=pause.asks,
            after=last.text if last is not None and last.role == "patient" else "",
            finished=pause.finished,
            words_per_s=turn.words_per_s(speech_ms),
            confidence=turn.confidence(),
        )
        return _judged(turn, pause, now_ms, self.policy.judge(evidence))

    def resumed(self, pause: TurnPause, voiced_from_ms: float) -> None:
        """Learn that the candidate went on after a pause."""
        self.policy.resumed(pause.silent_ms(voiced_from_ms))

    def ended(self, turn: Turn) -> None:
        """Learn how a turn sounded that is taken for over; what nobody understood is no turn."""
        self.policy.ended(turn.pause.finished if turn.pause is not None and turn.text() else None)

    def answered_too_early(self) -> None:
        """Learn that the candidate had not finished when the patient answered."""
        self.policy.answered_too_early()


def _judged(turn: Turn, pause: TurnPause, now_ms: float, judged: WaitJudgement) -> list[Command]:
    """Let the pause last as it was judged; return the record of it, where that is news and there is a reason."""
    if not pause.judge(judged) or not (judged.worth or judged.rule):
        return []
    return [
        Record(
            PauseJudged(
                turn.number,
                pause.since_ms,
                pause.silent_ms(now_ms),
                judged.wait_ms,
                _rounded(judged.evidence),
                _rounded(judged.worth),
                judged.stretch,
                judged.patience,
                " ".join(turn.text().split()[-ENDING_WORDS:]),
                judged.rule,
            )
        )
    ]


def speech_resumed(turn: Turn, voiced_from_ms: float) -> list[Command]:
    """Return the record that the candidate went on, where there was a pause."""
    pause = turn.pause
    if pause is None:
        return []
    return [Record(SpeechResumed(turn.number, pause.since_ms, max(0.0, pause.silent_ms(voiced_from_ms))))]


def _rounded(numbers: dict[str, float]) -> dict[str, float]:
    return {name: round(number, 3) for name, number in numbers.items()}
