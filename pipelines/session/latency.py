"""Voice-to-voice latency of one turn, split without gaps into five parts that add up to the whole.

    last voiced ─ endpoint ─► turn over ─ recognise ─► final text ─ respond ─► first clause ─ speak ─► first sound
    ─ deliver ─► first audible sample at the client

Each boundary is a session time; one that comes before its predecessor (work done ahead) counts as no time.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LatencyParts:
    """The five parts of a turn's voice-to-voice latency, in milliseconds."""

    endpoint: float
    recognise: float
    respond: float
    speak: float
    deliver: float

    @property
    def voice_to_voice(self) -> float:
        """The sum of the parts."""
        return self.endpoint + self.recognise + self.respond + self.speak + self.deliver

    @property
    def after_endpoint(self) -> float:
        """What the turn cost beyond the decision that it was over."""
        return self.recognise + self.respond + self.speak + self.deliver


@dataclass(slots=True)
class TurnTimes:
    """The boundaries of a turn under way, session milliseconds; None: not reached yet."""

    last_voiced_ms: float | None = None
    over_ms: float | None = None
    text_ms: float | None = None
    clause_ms: float | None = None
    sound_ms: float | None = None
    audible_ms: float | None = None

    def parts(self) -> LatencyParts | None:
        """Return the parts, or None while a boundary is missing."""
        bounds = (self.last_voiced_ms, self.over_ms, self.text_ms, self.clause_ms, self.sound_ms, self.audible_ms)
        reached: list[float] = []
        for bound in bounds:
            if bound is None:
                return None
            reached.append(max(bound, reached[-1]) if reached else bound)
        steps = [after - before for before, after in itertools.pairwise(reached)]
        return LatencyParts(*steps)
