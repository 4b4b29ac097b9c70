"""Voice-to-voice latency of one turn, split without gaps into five parts that add up to the whole.

    last voiced ─ endpoint ─► turn over ─ recognise ─► final text ─ respond ─► first clause ─ speak ─► first sound
    ─ deliver ─► first audible sample at the client

Each boundary is a session time; one that comes before its predecessor (work done ahead) counts as no time.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from audio.frames import WIRE_HZ
from audio.loudness import AudibleTracker
from audio.playout import PlayoutChunk


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


class LatencyWatch:
    """Notes a turn's boundaries as they are reached, each once; all times are session milliseconds."""

    def __init__(self) -> None:
        self.last_voiced_media_ms = 0.0
        self._bounds: list[float] = []
        self._audible = AudibleTracker(WIRE_HZ)
        self._open = False

    def turn_over(self, now_ms: float, *, media_ms: float, last_voiced_media_ms: float | None) -> None:
        """A turn is over: its last voiced sample lies as far back as media time says."""
        self.last_voiced_media_ms = media_ms if last_voiced_media_ms is None else last_voiced_media_ms
        self._bounds = [now_ms - (media_ms - self.last_voiced_media_ms), now_ms]
        self._audible = AudibleTracker(WIRE_HZ)
        self._open = True

    def text_ready(self, now_ms: float) -> None:
        """The final text is there and a reply was asked for."""
        self._reach(2, now_ms)

    def clause_ready(self, now_ms: float) -> None:
        """The reply's first clause was proposed."""
        self._reach(3, now_ms)

    def sound_ready(self, now_ms: float) -> None:
        """The first clause's first sound was made."""
        self._reach(4, now_ms)

    def chunk_placed(self, chunk: PlayoutChunk, at_ms: float) -> LatencyParts | None:
        """Sound is heard from `at_ms` on; return the parts, once, when its first audible sample is found."""
        if not self._open or len(self._bounds) != 5:
            return None
        audible_ms = self._audible.add(chunk.samples, chunk.from_ms)
        if audible_ms is None:
            return None
        self._open = False
        self._reach(5, at_ms - chunk.from_ms + audible_ms)
        return LatencyParts(*(after - before for before, after in itertools.pairwise(self._bounds)))

    def _reach(self, bound: int, now_ms: float) -> None:
        if len(self._bounds) == bound:
            self._bounds.append(max(now_ms, self._bounds[-1]))
