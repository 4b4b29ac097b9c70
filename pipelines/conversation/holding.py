"""The candidate makes a sound over the patient: what is known of it while it is being judged."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipelines.conversation.floor import FloorEvidence
from pipelines.conversation.heard import Reply
from pipelines.conversation.turn import Turn
from pipelines.engines import Word


@dataclass(slots=True)
class Holding:
    """A sound over the patient's; times in media milliseconds."""

    onset_ms: float
    held: bool  # the patient's sound was paused for it
    played_from_ms: float  # media time at which the reply's sound would have begun, had it gone on without a hold

    def evidence(self, turn: Turn, reply: Reply, now_ms: float, *, echo: bool | None, guarded: bool) -> FloorEvidence:
        """Return what the judge is to know."""
        end_ms = turn.end_ms(now_ms)
        return FloorEvidence(
            voiced_ms=end_ms - self.onset_ms,
            silent_ms=now_ms - end_ms,
            text=turn.text(),
            words=turn.words(),
            settled=turn.pause is not None and turn.pause.settled,
            playing=tuple(_shifted(word, self.played_from_ms) for words in reply.words.values() for word in words),
            echo=echo,
            guarded=guarded,
        )


def _shifted(word: Word, by_ms: float) -> Word:
    return replace(word, start_ms=round(word.start_ms + by_ms), end_ms=round(word.end_ms + by_ms))
