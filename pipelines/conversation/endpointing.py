"""How long the pause at hand may last: what the conversation knows of it, put to the endpointing's policy."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.conversation.candidate_turn import Pause, Turn
from pipelines.conversation.memory import Memory
from pipelines.endpointing.evidence import Evidence
from pipelines.endpointing.policy import EndpointPolicy


@dataclass(slots=True)
class Endpointing:
    """One candidate's pauses; `fixed_wait_ms`, where it is set, takes the place of all judgement."""

    policy: EndpointPolicy
    fixed_wait_ms: float | None

    def fix_wait(self, wait_ms: float | None) -> None:
        """Have this silence end every turn; None: each pause is judged."""
        self.fixed_wait_ms = wait_ms

    def estimate(self, turn: Turn, pause: Pause, memory: Memory, patient_until_ms: float | None) -> None:
        """Set the pause's wait by what is known now; the patient was last heard at `patient_until_ms`."""
        if self.fixed_wait_ms is not None:
            pause.wait(self.fixed_wait_ms)
            return
        last = memory.history[-1] if memory.history else None
        evidence = Evidence(
            text=turn.text(),
            stable=pause.stable,
            speech_ms=pause.since_ms - turn.from_ms,
            last_piece_ms=pause.since_ms - turn.piece_from_ms,
            pieces=turn.pieces,
            words_before=turn.words_before,
            after_gap_ms=None if patient_until_ms is None else turn.from_ms - patient_until_ms,
            asks=pause.asks,
            after=last.text if last is not None and last.role == "patient" else "",
        )
        pause.wait(self.policy.wait_ms(evidence))

    def resumed(self, pause: Pause, voiced_from_ms: float) -> None:
        """Learn that the candidate went on after a pause."""
        self.policy.resumed(pause.silent_ms(voiced_from_ms))

    def answered_too_early(self) -> None:
        """Learn that the candidate had not finished when the patient answered."""
        self.policy.answered_too_early()
