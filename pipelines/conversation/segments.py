"""Opens and closes the segments of candidate's turns: their numbers, and what is asked of the recogniser for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.conversation.candidate_turn import Segment, Turn, TurnPause
from pipelines.conversation.commands import AskInterim, Command, DropSegment, FinishSegment, OpenSegment


@dataclass(slots=True)
class Segments:
    """Counts turns, segments and peeks through one session; each method returns what is to be done."""

    turns: int = 0  # the number of the last turn
    _segments: int = 0
    _interims: int = 0

    def begin_turn(self, voiced_from_ms: float) -> Turn:
        """Return a new turn, without a segment yet."""
        self.turns += 1
        return Turn(self.turns, voiced_from_ms, piece_from_ms=voiced_from_ms)

    def remember(self, texts: Mapping[int, str], *, turns: int, segments: int) -> list[Turn]:
        """Count on from there; return turns of which only the text is known, by their number."""
        self.turns, self._segments = turns, segments
        return [Turn(number, 0.0, segments={-1: Segment(0.0, text=text, final=True)}) for number, text in texts.items()]

    def typed_turn(self, text: str, now_ms: float) -> Turn:
        """Return a turn that came as text."""
        turn = self.begin_turn(now_ms)
        turn.segments[-1] = Segment(now_ms, text=text, final=True)
        return turn

    def open(self, turn: Turn, now_ms: float, *, in_speech: bool = False) -> list[Command]:
        """Feed what follows to a new segment of the turn; `in_speech`: speech was going on already."""
        self._segments += 1
        turn.segments[self._segments] = Segment(now_ms)
        return [OpenSegment(self._segments, in_speech)]

    def interim(self, turn: Turn, pause: TurnPause) -> list[Command]:
        """Ask what was understood until this pause; nothing is asked where the final text is there."""
        self._interims += 1
        pause.ask(self._interims)
        number, segment = turn.last_segment()
        if segment.final:
            pause.stabilise()
            return []
        return [AskInterim(number, self._interims)]

    def finish(self, turn: Turn) -> list[Command]:
        """Ask for the final text of the turn's last segment, once."""
        number, segment = turn.last_segment()
        return [FinishSegment(number)] if segment.ask() else []

    def drop(self, turn: Turn) -> list[Command]:
        """Forget the turn's last segment, unless its final text was asked for."""
        number, segment = turn.last_segment()
        return [] if segment.asked else [DropSegment(number)]
