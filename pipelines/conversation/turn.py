"""The candidate's turn in the making: segments, their texts, and the words for captions."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.engines import Word


@dataclass(slots=True)
class Segment:
    """A stretch of speech between pauses; `text` is the last hypothesis."""

    text: str = ""
    words: tuple[Word, ...] = ()
    stable_words: int = 0
    final: bool = False
    asked: bool = False  # the final text was asked for


@dataclass(slots=True)
class Turn:
    """A candidate's turn: times in media milliseconds, segments by their number in the session."""

    number: int
    from_ms: float
    voiced_ms: float = 0.0
    silent_since_ms: float | None = None
    excused_ms: float = 0.0  # of the pause, sound that did not come: the network's silence, not the candidate's
    segments: dict[int, Segment] = field(default_factory=dict)
    over_at_ms: float | None = None

    def text(self) -> str:
        """Return the text of all segments so far."""
        return " ".join(segment.text for segment in self.segments.values() if segment.text)

    def words(self) -> tuple[Word, ...]:
        """Return the words of all segments so far."""
        return tuple(word for segment in self.segments.values() for word in segment.words)

    def stable_words(self) -> int:
        """Return how many words from the turn's beginning are settled."""
        settled = 0
        for segment in self.segments.values():
            settled += len(segment.text.split()) if segment.final else segment.stable_words
            if not segment.final:
                break
        return settled

    def all_final(self) -> bool:
        """Return whether every segment has its final text."""
        return all(segment.final for segment in self.segments.values())
