"""How long the pause at hand may last: what the conversation knows of it, put to the endpointing's policy."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from pipelines.conversation.candidate_turn import Pause, Turn
from pipelines.conversation.memory import Memory
from pipelines.conversation.overlap_labels import BEGINNINGS
from pipelines.endpointing.evidence import Evidence
from pipelines.endpointing.features import words_of
from pipelines.endpointing.policy import EndpointPolicy

# What people say who break off and are about to begin anew: what counts is what stands before it.
_BREAKING_OFF = re.compile(r"[\s,.…-]+(?:(?:sorry|excuse me|pardon me|i mean|no wait|wait)[\s,.…!-]*)+$", re.IGNORECASE)
# With these before it, "sorry" is what was to be said.
_APOLOGISING = frozenset("i'm am so very really we're are".split())
# So many words are said again at most by who stumbles.
STUMBLE_WORDS = 3


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
        pause.wait(max(self.policy.wait_ms(evidence), self._restart_ms(evidence)))

    def _restart_ms(self, evidence: Evidence) -> float:
        """Return how long who began, and stumbled, is waited for until they begin anew."""
        begun = _BREAKING_OFF.sub("", evidence.text)
        if _stumbles(words_of(begun)):
            # As if more were known to have been said.
            return self.policy.wait_ms(replace(evidence, stable=False))
        if begun == evidence.text or not evidence.stable or not _APOLOGISING.isdisjoint(words_of(begun)[-1:]):
            return 0.0
        # What the patient's mind makes of the apology says nothing of what was begun.
        return self.policy.wait_ms(replace(evidence, text=begun, asks=None))

    def resumed(self, pause: Pause, voiced_from_ms: float) -> None:
        """Learn that the candidate went on after a pause."""
        self.policy.resumed(pause.silent_ms(voiced_from_ms))

    def answered_too_early(self) -> None:
        """Learn that the candidate had not finished when the patient answered."""
        self.policy.answered_too_early()


def _stumbles(words: list[str]) -> bool:
    """Return whether the words end on a beginning that is said twice: "let me let me"."""
    return any(
        words[-2 * count : -count] == words[-count:] and not BEGINNINGS.isdisjoint(words[-count:])
        for count in range(1, STUMBLE_WORDS + 1)
        if len(words) >= 2 * count
    )
