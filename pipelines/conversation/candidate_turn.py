"""The candidate's turn in the making: segments, their texts, the pause at hand, and the words for captions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from pipelines.conversation.overlap_labels import Context
from pipelines.conversation.signals import Understood
from pipelines.endpointing.features import words_of
from pipelines.endpointing.policy import WaitJudgement
from pipelines.engines import Word

# A pace told from less speech than this would be a guess.
SHORTEST_TURN_MS = 300.0


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

    def ask(self) -> bool:
        """Note that the final text is asked for; return whether it had not been."""
        asked, self.asked = self.asked, True
        return not asked

    def update(self, heard: Understood) -> bool:
        """Take a newer hypothesis; return whether it says more than the last one."""
        more = heard.text != self.text or heard.final or heard.stable_words > self.stable_words
        if more:
            self.text, self.words = heard.text, heard.words
            self.stable_words, self.final = heard.stable_words, heard.final
            self.voiceless = heard.voiceless
        return more

    def confidences(self) -> tuple[float | None, ...]:
        """Return how sure the recogniser is of each word of the text, None for one of which it did not tell."""
        texts = self.text.split()
        if [word.text for word in self.words] != texts:
            return (None,) * len(texts)
        return tuple(None if word.confidence is None else round(word.confidence, 3) for word in self.words)


@dataclass(slots=True)
class TurnPause:
    """A pause in a turn, while it lasts; times in media milliseconds."""

    since_ms: float
    # This much audio did not come: it is the network's silence and not the candidate's.
    excused_ms: float = 0.0
    interim: int | None = None  # the number of the interim text that was asked for
    stable: bool = False  # the text covers all that was said before
    asks: float | None = None  # how surely something was asked for
    # After this silence the turn is over, as the core judges it now, and why.
    wait_ms: float = math.inf
    judged: WaitJudgement | None = None
    looks: int = 0  # how often it was asked how the turn sounds
    question: int | None = None  # the number of that question, while it is open
    # Until so much silence its answer is waited for.
    answer_due_ms: float = 0.0
    finished: float | None = None  # how surely the turn sounds finished

    def silent_ms(self, now_ms: float) -> float:
        """Return for how long the candidate has been silent in it."""
        return now_ms - self.since_ms - self.excused_ms

    def excuse(self, missing_ms: float) -> None:
        """Do not count so much audio that did not come."""
        self.excused_ms += missing_ms

    def ask(self, interim: int) -> None:
        """Note that the text so far was asked for."""
        self.interim = interim

    def stabilise(self) -> None:
        """Note that the text covers all that was said."""
        self.stable = True

    def answer(self, score: float) -> None:
        """Note how surely something was asked for."""
        self.asks = score

    def listen(self, question: int, looks: int, answer_due_ms: float) -> None:
        """Note that it was asked how the turn sounds; its answer is waited for until so much silence."""
        self.question, self.looks, self.answer_due_ms = question, looks, answer_due_ms

    def hear(self, question: int, finished: float | None) -> bool:
        """Take an answer, None if there is none; return whether it is the one that is waited for."""
        if question != self.question:
            return False
        self.question, self.answer_due_ms = None, 0.0
        if finished is not None:
            self.finished = finished
        return True

    def judge(self, judged: WaitJudgement) -> bool:
        """Let the turn be over as it was judged; return whether that is news."""
        news, self.judged, self.wait_ms = judged != self.judged, judged, judged.wait_ms
        return news


@dataclass(slots=True)
class Turn:
    """A candidate's turn: times in media milliseconds, segments by their number in the session."""

    number: int
    from_ms: float
    voiced_ms: float = 0.0
    piece_from_ms: float = 0.0  # where the speech since the last pause began
    pieces: int = 0  # into which pauses have cut it
    words_before: int = 0  # the piece, as they were understood by then
    piece_before: tuple[float, int] = (0.0, 0)  # its beginning and `words_before`
    pause: TurnPause | None = None
    segments: dict[int, Segment] = field(default_factory=dict)
    drafts: int = 0
    over_at_ms: float | None = None
    context: Context | None = None  # of one that took the floor: what the patient was doing

    def begin_piece(self, from_ms: float) -> None:
        """Note that speech began, or went on after a pause."""
        self.pause = None
        self.piece_before = (self.piece_from_ms, self.words_before)
        self.piece_from_ms = from_ms
        self.words_before = len(words_of(self.text()))

    def begin_pause(self, since_ms: float) -> TurnPause:
        """Note that the candidate is silent; return the pause.

        The last burst of a "k" may sound like speech that goes on. The pause then turns out to have begun before it,
        and the piece that seemed to end counts with the one before.
        """
        self.pause = TurnPause(since_ms)
        if self.pieces and since_ms <= self.piece_from_ms:
            self.piece_from_ms, self.words_before = self.piece_before
        else:
            self.pieces += 1
        self.reach(since_ms)
        return self.pause

    def reach(self, until_ms: float) -> None:
        """Note that the candidate was heard until then."""
        self.voiced_ms = max(self.voiced_ms, until_ms - self.from_ms)

    def end(self, at_ms: float) -> None:
        """Note that the turn was judged over."""
        self.over_at_ms = at_ms

    def go_on(self) -> None:
        """Note that the turn was not over after all."""
        self.over_at_ms = None

    def take_floor(self, context: Context) -> None:
        """Note that it began over the patient's speech."""
        self.context = context

    def count_draft(self) -> None:
        """Note that an answer to it is drafted."""
        self.drafts += 1

    def update(self, heard: Understood) -> bool | None:
        """Take what was understood of a segment; return whether it says more, None if it is of no use."""
        segment = self.segments.get(heard.segment)
        if segment is None or segment.final:
            return None  # of a turn that is over or was dropped, or too late
        more = segment.update(heard)
        pause = self.pause
        if pause is not None and (self.all_final() or (heard.interim is not None and heard.interim == pause.interim)):
            pause.stabilise()
        return more

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

    def confidence(self) -> float | None:
        """Return how sure the recogniser is of the turn's words on average; None if it told of none."""
        known = [sure for sure in self.confidences() if sure is not None]
        return sum(known) / len(known) if known else None

    def words_per_s(self, speech_ms: float) -> float:
        """Return how many words a second were said in so much time, pauses included."""
        return 1000.0 * len(self.text().split()) / max(speech_ms, SHORTEST_TURN_MS)

    def stable_words(self) -> int:
        """Return how many words from the turn's beginning are settled."""
        stable = 0
        for segment in self.segments.values():
            stable += len(segment.text.split()) if segment.final else segment.stable_words
            if not segment.final:
                break
        return stable

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
