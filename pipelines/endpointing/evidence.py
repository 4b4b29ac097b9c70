"""What is known of a pause when its wait is judged."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PauseEvidence:
    """A pause in the candidate's turn: what was said, how, and after what.

    `text` is the turn's transcript so far, with or without punctuation and case. `stable` says that it covers all
    audio before the pause; until then the last words are not known. `asks` is how surely (0..1) the patient's mind
    takes the text for something it can answer, None as long as it was not asked. `after` is what the patient said last.
    `finished` is how surely (0..1) the turn sounds finished, None as long as nothing has told. `confidence` is the
    recogniser's mean over the turn's words (0..1), None where it told none.
    """

    text: str
    stable: bool
    speech_ms: float  # from the turn's first voiced sample to the pause
    last_piece_ms: float  # of it, the speech since the pause before
    pieces: int = 1  # into which pauses have cut the turn so far
    words_before: int = 0  # the last piece
    # This is the time from the patient's last audio to the turn; it is None when the patient said nothing before.
    after_gap_ms: float | None = None
    asks: float | None = None
    after: str = ""
    finished: float | None = None
    words_per_s: float | None = None  # pauses included
    confidence: float | None = None
