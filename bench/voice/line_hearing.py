"""Listens to one spoken line as a measuring instrument does: loudness, peaks, clipping, silences, edges, words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audio.frames import WIRE_HZ, Pcm
from audio.loudness import AUDIBLE_DBFS, WINDOW_MS, first_audible_ms, window_levels
from audio.programme_loudness import programme_loudness
from bench.voice.lines import SpokenClause, SpokenLine
from pipelines.tts.neural.levels import TARGET_LUFS

NEAR_LU = 1.0
HIGHEST_DBTP = -1.0
LONGEST_LEAD_MS = 150.0
# Behind its last word a clause fades out; what comes later is a hole.
LONGEST_TAIL_MS = 300.0
# A full stop inside a clause leaves 0.3 s, and a thoughtful comma as much.
LONGEST_HOLE_MS = 700.0
# Full scale, twice in a row: a wave that goes beyond is cut flat.
_CLIPPED = 32_600
# A step so high from or to silence is heard as a click.
_HIGHEST_EDGE = 650
_QUICKEST_WPM, _SLOWEST_WPM = 260.0, 70.0
_FEWEST_WORDS = 5


@dataclass(frozen=True, slots=True)
class HeardLine:
    """What one line sounds like, and what is wrong with it; `off_lu` is its distance from the patient's loudness."""

    card: str
    text: str
    seconds: float
    lufs: float
    off_lu: float
    peak_dbtp: float
    clipped: int
    lead_ms: float
    tail_ms: float
    hole_ms: float
    edge: int
    faults: tuple[str, ...]


def hear(spoken: SpokenLine, clauses: Sequence[SpokenClause], *, levelled: bool = True) -> HeardLine:
    """Return what a line sounds like; plain voices are not `levelled`, so that theirs is no fault."""
    measured = programme_loudness(spoken.samples, WIRE_HZ)
    off_lu = measured.lufs - TARGET_LUFS - spoken.line.voice.level_db
    sounding = [clause.samples for clause in clauses if len(clause.samples)]
    lead_ms = max((first_audible_ms(samples, WIRE_HZ) or 0.0 for samples in sounding), default=0.0)
    tail_ms = max((first_audible_ms(samples[::-1], WIRE_HZ) or 0.0 for samples in sounding), default=0.0)
    hole_ms = max((_longest_hole_ms(samples) for samples in sounding), default=0.0)
    edge = max((max(abs(int(samples[0])), abs(int(samples[-1]))) for samples in sounding), default=0)
    clipped = int(np.count_nonzero(np.abs(spoken.samples.astype(np.int32)) >= _CLIPPED))
    faults = [
        f"{off_lu:+.1f} LU from its loudness" if levelled and abs(off_lu) > NEAR_LU else "",
        f"peak {measured.peak_dbtp:.1f} dB" if levelled and measured.peak_dbtp > HIGHEST_DBTP else "",
        f"{clipped} samples clipped" if clipped > 1 else "",
        f"{lead_ms:.0f} ms of silence before a clause" if lead_ms > LONGEST_LEAD_MS else "",
        f"{tail_ms:.0f} ms of silence behind a clause" if tail_ms > LONGEST_TAIL_MS else "",
        f"a hole of {hole_ms:.0f} ms" if hole_ms > LONGEST_HOLE_MS else "",
        f"a step of {edge} at an edge" if edge > _HIGHEST_EDGE else "",
        *_word_faults(spoken, clauses),
    ]
    return HeardLine(
        spoken.line.card,
        spoken.line.text,
        len(spoken.samples) / WIRE_HZ,
        measured.lufs,
        off_lu,
        measured.peak_dbtp,
        clipped,
        lead_ms,
        tail_ms,
        hole_ms,
        edge,
        tuple(filter(None, faults)),
    )


def _word_faults(spoken: SpokenLine, clauses: Sequence[SpokenClause]) -> list[str]:
    starts = [word.start_ms for word in spoken.words]
    faults = ["its words are out of order"] if starts != sorted(starts) else []
    speaking_s = sum(len(clause.samples) for clause in clauses) / WIRE_HZ
    count = len(spoken.line.text.split())
    if not speaking_s:
        return ["no sound"]
    wpm = 60 * count / speaking_s
    if count >= _FEWEST_WORDS and not _SLOWEST_WPM <= wpm <= _QUICKEST_WPM:
        faults.append(f"{wpm:.0f} words a minute")
    return faults


def _longest_hole_ms(samples: Pcm) -> float:
    """Return the longest silence between the first and the last sound of a clause."""
    audible = np.flatnonzero(window_levels(samples, WIRE_HZ) > AUDIBLE_DBFS)
    return float(np.max(np.diff(audible), initial=1) - 1) * WINDOW_MS
