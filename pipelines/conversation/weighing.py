"""How long the pause at hand may last: what the conversation knows of it, put to the endpointing's policy."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipelines.conversation.memory import Memory
from pipelines.conversation.turn import Pause, Turn
from pipelines.endpointing.evidence import Evidence
from pipelines.endpointing.policy import EndpointPolicy


@dataclass(slots=True)
class Weighing:
    """One candidate's pauses; `fixed_wait_ms`, where it is set, takes the place of all judgement."""

    policy: EndpointPolicy
    fixed_wait_ms: float | None
    patient_until_ms: float | None = None  # media time of the patient's last sound

    def patient_quiet_ms(self, now_ms: float) -> float:
        """Return for how long nothing of the patient was heard, infinity if nothing ever was."""
        return math.inf if self.patient_until_ms is None else now_ms - self.patient_until_ms

    def estimate(self, turn: Turn, pause: Pause, memory: Memory) -> None:
        """Set the pause's wait by what is known now."""
        if self.fixed_wait_ms is not None:
            pause.wait_ms = self.fixed_wait_ms
            return
        last = memory.history[-1] if memory.history else None
        evidence = Evidence(
            text=turn.text(),
            settled=pause.settled,
            speech_ms=pause.since_ms - turn.from_ms,
            last_piece_ms=pause.since_ms - turn.piece_from_ms,
            pieces=turn.pieces,
            words_before=turn.words_before,
            after_gap_ms=None if self.patient_until_ms is None else turn.from_ms - self.patient_until_ms,
            asks=pause.asks,
            after=last.text if last is not None and last.role == "patient" else "",
        )
        pause.wait_ms = self.policy.wait_ms(evidence)

    def resumed(self, pause: Pause, voiced_from_ms: float) -> None:
        """The candidate went on after a pause."""
        self.policy.resumed(voiced_from_ms - pause.since_ms - pause.excused_ms)
