"""What is known of a pause when its wait is judged."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SoundEnd:
    """How the last piece of speech before a pause ended.

    Pitch is in semitones, None where no pitch could be measured (a whisper, noise). `pitch_slope_st_s` is its slope
    over the last voiced 300 ms, `pitch_end_st` its last value against the speaker's own median; `energy_slope_db_s` is
    the slope of the level over the same stretch; `voiced_run_ms` is the length of the last unbroken stretch with pitch.
    """

    pitch_slope_st_s: float | None = None
    pitch_end_st: float | None = None
    energy_slope_db_s: float = 0.0
    voiced_run_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """A pause in the candidate's turn: what was said, how, and after what.

    `text` is the turn's transcript so far, with or without punctuation and case. `settled` says that it covers all
    sound before the pause; until then the last words are not known. `asks` is how surely (0..1) the patient's mind
    takes the text for something it can answer, None as long as it was not asked. `after` is what the patient said last.
    """

    text: str
    settled: bool
    speech_ms: float  # from the turn's first voiced sample to the pause
    last_piece_ms: float  # of it, the speech since the pause before
    pieces: int = 1  # into which pauses have cut the turn so far
    words_before: int = 0  # the last piece
    after_gap_ms: float | None = None  # from the patient's last sound to the turn; None when it said nothing before
    asks: float | None = None
    after: str = ""
    sound: SoundEnd | None = None
