"""What a picture of one turn shows: the sound around its end, the words in it, and the drafts made meanwhile.

All times are milliseconds since the candidate's last voiced sample, by the recording's truth where it has one. Sound
and words are placed as a listener at the candidate's side heard them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.replay.both_voices import begin_ms
from bench.replay.loudspeaker import SAMPLES_PER_MS, HeardStretch
from bench.replay.simulated_candidate import TurnResult
from pipelines.engines import Word
from pipelines.events import SegmentHeard
from pipelines.log.session_log import LogEntry
from server.reports.drafts import drafts_of

BEFORE_MS = 1_200.0  # of the candidate's voice: the last four or five words
AFTER_MS = 900.0  # of the patient's voice: its first two or three words
UNANSWERED_MS = 1_500.0  # shown of a turn that nobody answered
COLUMNS = 360  # of a waveform: one every two pixels of the picture

Peaks = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word where it was heard."""

    text: str
    from_ms: float
    to_ms: float


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft that was thrown away."""

    made_ms: float
    discarded_ms: float
    reason: str
    cost_ms: float


@dataclass(frozen=True, slots=True, eq=False)
class TurnView:
    """One turn as it is drawn, from `from_ms` to `to_ms`; `drafts` may lie before, in earlier pauses of the turn.

    `candidate` and `patient` are the largest sample of each column, 0 to 1, (COLUMNS,).
    """

    number: int
    result: TurnResult
    from_ms: float
    to_ms: float
    candidate: Peaks
    patient: Peaks
    words: tuple[HeardWord, ...] = ()
    reply_words: tuple[HeardWord, ...] = ()
    drafts: tuple[Draft, ...] = ()

    @property
    def shift_ms(self) -> float:
        """What is to be added to the server's marks: where it found the last voiced sample, against where that was."""
        timeline = self.result.timeline
        return 0.0 if timeline is None else timeline.last_voiced_ms - self.result.voiced_end_ms

    def as_json(self) -> dict[str, Any]:
        """Return what is drawn as plain data, without the turn itself."""
        return {
            "from_ms": self.from_ms,
            "to_ms": self.to_ms,
            "shift_ms": self.shift_ms,
            "candidate": [round(peak, 4) for peak in self.candidate.tolist()],
            "patient": [round(peak, 4) for peak in self.patient.tolist()],
            "words": [asdict(word) for word in self.words],
            "reply_words": [asdict(word) for word in self.reply_words],
            "drafts": [asdict(draft) for draft in self.drafts],
        }


def views_of(
    run: Sequence[TurnResult],
    *,
    stereo: NDArray[np.int16],
    log: Sequence[LogEntry] = (),
    heard: Sequence[HeardStretch] = (),
    reply_words: Mapping[int, Sequence[Word]] | None = None,
) -> list[TurnView]:
    """Return a view of every turn of one run.

    `stereo` is what was said and heard, int16 (n, 2) at 24 kHz; `log` the session's, for words and drafts (empty where
    the session was on another machine); `reply_words` lie at their places in their reply's sound.
    """
    finals = [record.event for record in log if isinstance(record.event, SegmentHeard)]
    mine = [_moved(word, 0.0) for final in finals for word in final.words]
    theirs = _heard_words(heard, reply_words or {})
    thrown_away = [draft for draft in drafts_of(log) if not draft.kept]
    views = []
    for number, result in enumerate(run, start=1):
        end_ms, answered_ms = result.voiced_end_ms, result.voice_to_voice_ms
        from_ms = min(0.0, answered_ms or 0.0) - BEFORE_MS
        to_ms = UNANSWERED_MS if answered_ms is None else max(0.0, answered_ms) + AFTER_MS
        views.append(
            TurnView(
                number,
                result,
                from_ms,
                to_ms,
                candidate=_peaks(stereo[:, 0], end_ms + from_ms, end_ms + to_ms),
                patient=_peaks(stereo[:, 1], end_ms + from_ms, end_ms + to_ms),
                words=_within(mine, end_ms, from_ms, to_ms),
                reply_words=_within(theirs, end_ms, from_ms, to_ms),
                drafts=tuple(
                    Draft(draft.made_ms - end_ms, draft.done_ms - end_ms, draft.reason or "", draft.cost_ms or 0.0)
                    for draft in thrown_away
                    if begin_ms(result) <= draft.made_ms <= end_ms + to_ms
                ),
            )
        )
    return views


def _moved(word: Word, by_ms: float) -> HeardWord:
    return HeardWord(word.text, word.start_ms + by_ms, word.end_ms + by_ms)


def _within(words: Sequence[HeardWord], end_ms: float, from_ms: float, to_ms: float) -> tuple[HeardWord, ...]:
    since = (HeardWord(word.text, word.from_ms - end_ms, word.to_ms - end_ms) for word in words)
    return tuple(word for word in since if from_ms <= word.from_ms < to_ms)


def _heard_words(heard: Sequence[HeardStretch], words: Mapping[int, Sequence[Word]]) -> list[HeardWord]:
    """Return the patient's words of which the beginning was heard."""
    placed = []
    for span in heard:
        from_ms = span.place / SAMPLES_PER_MS
        to_ms = from_ms + len(span.samples) / SAMPLES_PER_MS
        of_reply = words.get(span.reply, ())
        placed += [_moved(word, span.at_ms - from_ms) for word in of_reply if from_ms <= word.start_ms < to_ms]
    return placed


def _peaks(samples: NDArray[np.int16], from_ms: float, to_ms: float) -> Peaks:
    """Return the largest sample of each column between two moments, 0 to 1; beyond what there is, silence."""
    first, last = round(from_ms * SAMPLES_PER_MS), round(to_ms * SAMPLES_PER_MS)
    window = np.zeros(last - first, dtype=np.float64)
    start, end = max(0, first), min(len(samples), last)
    if end > start:
        window[start - first : end - first] = np.abs(samples[start:end].astype(np.float64)) / 32768.0
    edges = np.linspace(0, len(window), COLUMNS, endpoint=False).astype(np.intp)
    peaks: Peaks = np.maximum.reduceat(window, edges)
    return peaks
