"""The candidate's turn in the making: segments, their texts, the pause at hand, and the words for captions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pipelines.endpointing.features import words_of
from pipelines.engines import Word


@dataclass(slots=True)
class Segment:
    """A stretch of speech between pauses; `text` is the last hypothesis."""

    from_ms: float
    text: str = ""
    words: tuple[Word, ...] = ()
    stable_words: int = 0
    final: bool = False
    asked: bool = False  # the final text was asked for
    voiceless: bool = False  # nobody spoke

    def confidences(self) -> tuple[float | None, ...]:
        """Return how sure the recogniser is of each word of the text, None for one of which it did not tell."""
        texts = self.text.split()
        if [word.text for word in self.words] != texts:
            return (None,) * len(texts)
        return tuple(None if word.confidence is None else round(word.confidence, 3) for word in self.words)


@dataclass(slots=True)
class Pause:
    """A pause in a turn, while it lasts; times in media milliseconds."""

    since_ms: float
    excused_ms: float = 0.0  # sound that did not come: the network's silence, not the candidate's
    peek: int | None = None  # the number of the peek that was asked for
    settled: bool = False  # the text covers all that was said before
    asks: float | None = None  # how surely the draft answers something that was asked
    wait_ms: float = math.inf  # the silence after which the turn is over, as it is judged now


@dataclass(slots=True)
class Turn:
    """A candidate's turn: times in media milliseconds, segments by their number in the session."""

    number: int
    from_ms: float
    voiced_ms: float = 0.0
    piece_from_ms: float = 0.0  # where the speech since the last pause began
    pieces: int = 0  # into which pauses have cut it
    words_before: int = 0  # the piece, as they were understood by then
    pause: Pause | None = None
    segments: dict[int, Segment] = field(default_factory=dict)
    drafts: int = 0
    over_at_ms: float | None = None

    def begin_piece(self, from_ms: float) -> None:
        """Note that speech went on after a pause."""
        self.piece_from_ms = from_ms
        self.words_before = len(words_of(self.text()))

    def text(self) -> str:
        """Return the text of all segments so far."""
        return " ".join(segment.text for segment in self.segments.values() if segment.text)

    def words(self) -> tuple[Word, ...]:
        """Return the words of all segments so far."""
        return tuple(word for segment in self.segments.values() for word in segment.words)

    def confidences(self) -> tuple[float | None, ...]:
        """Return how sure the recogniser is of each word of the turn's text; nothing if it told of none."""
        known = tuple(sure for segment in self.segments.values() for sure in segment.confidences())
        return known if any(sure is not None for sure in known) else ()

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

    def is_voiceless(self) -> bool:
        """Return whether the recogniser found nobody speaking in any segment."""
        return all(segment.voiceless for segment in self.segments.values())

    def last_segment(self) -> tuple[int, Segment]:
        """Return the number and the state of the newest segment."""
        return next(reversed(self.segments.items()))

    def end_ms(self, now_ms: float) -> float:
        """Return when the candidate was last heard."""
        return self.pause.since_ms if self.pause is not None else now_ms
