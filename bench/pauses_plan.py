"""Utterances with the pauses inside them: from a recording's truth file, or found by voice activity and loudness."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from audio.files import Recording, mono_at, read_recording
from audio.frames import ANALYSIS_HZ, WIRE_HZ, Pcm, samples_for, silence
from audio.loudness import VOICED_RANGE_DB, WINDOW_MS, last_voiced_ms, window_levels
from audio.speech import SpeechBegan, SpeechDetector, SpeechPaused
from audio.vad import make_vad
from bench.replay.plan import PlannedTurn
from pipelines.truth import Truth, load_truth

PAUSE_AT_LEAST_MS = 200.0  # shorter gaps are stops between consonants, not pauses
# Without a truth file, a longer silence separates utterances: it is longer than people think.
UTTERANCE_GAP_MS = 2_000.0
LEAD_IN_MS = 300.0  # of the recording's own room before an utterance
# So much of the recording's own room comes after an utterance, as far as the next one leaves some.
LEAD_OUT_MS = 1_000.0
# So long a silence follows an utterance: longer than any style waits, so that its end is always judged in time.
SILENT_MS = 5_000.0

KINDS = ("read", "thinking", "consultation", "second-language")

Span = tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class PlannedUtterance:
    """Something said in one go, pauses included; their places are milliseconds in `planned.samples`."""

    planned: PlannedTurn
    pauses: tuple[Span, ...]
    kind: str
    number: int  # in its recording, from 1
    made: str = ""  # how synthetic speech got its pauses
    # Those of the pauses that stand between two segments: somebody made them, by joining what was said apart.
    joined: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class PausesPlan:
    """The utterances of one recording; `found` says that they come from voice activity, not from a truth file."""

    source: str
    utterances: tuple[PlannedUtterance, ...]
    card: str | None
    found: bool


def plan_pauses(path: Path, name: str | None = None) -> PausesPlan:
    """Read a recording and find its utterances; raises AudioError for what can't be used.

    `name` is what it is called in figures, by default as its file. A text beside it (same stem, `.txt`) is taken for
    what a recording of one utterance says.
    """
    name = name or path.name
    recording = read_recording(path)
    truth = load_truth(path)
    samples = mono_at(recording, WIRE_HZ, _channel(recording, truth))
    kind = next((kind for kind in KINDS if path.stem.startswith(kind)), "other")
    if truth is not None:
        spans = [(float(turn.from_ms), float(turn.to_ms)) for turn in truth.turns]
        texts: list[str | None] = [turn.text for turn in truth.turns]
        pauses = [
            [(float(p.from_ms), float(p.to_ms)) for p in turn.pauses if p.duration_ms >= PAUSE_AT_LEAST_MS]
            for turn in truth.turns
        ]
        made = [turn.pause or "" for turn in truth.turns]
        between = [
            [(float(a.to_ms), float(b.from_ms)) for a, b in pairwise(turn.segments)] if turn.pause == "joined" else []
            for turn in truth.turns
        ]
    else:
        spans = find_utterances(samples)
        beside = path.with_suffix(".txt")
        text = beside.read_text(encoding="utf-8").strip() if len(spans) == 1 and beside.is_file() else None
        texts = [text] * len(spans)
        pauses = [find_pauses(samples, span) for span in spans]
        made = [""] * len(spans)
        between = [[] for _ in spans]
    utterances = []
    for index, (start, end) in enumerate(spans):
        before = spans[index - 1][1] if index else 0.0
        after = spans[index + 1][0] if index + 1 < len(spans) else 1000.0 * len(samples) / WIRE_HZ
        cut_from = max(start - LEAD_IN_MS, (before + start) / 2 if index else 0.0)
        cut_to = min(end + LEAD_OUT_MS, (end + after) / 2 if index + 1 < len(spans) else after)
        cut = samples[samples_for(cut_from, WIRE_HZ) : samples_for(cut_to, WIRE_HZ)]
        cut = np.concatenate((cut, silence(SILENT_MS - (cut_to - end), WIRE_HZ)))
        planned = PlannedTurn(cut, start - cut_from, end - cut_from, texts[index], None, cut_from, name)
        inner, joined = (
            tuple((begin - cut_from, stop - cut_from) for begin, stop in found)
            for found in (pauses[index], between[index])
        )
        utterances.append(PlannedUtterance(planned, inner, kind, index + 1, made[index], joined))
    return PausesPlan(name, tuple(utterances), truth.card if truth is not None else None, truth is None)


def find_utterances(samples: Pcm, rate_hz: int = WIRE_HZ) -> list[Span]:
    """Return (first voice, last voiced sample) in ms of what long silence separates, of int16 (n,)."""
    analysis = mono_at(Recording(samples.reshape(-1), rate_hz, 1), ANALYSIS_HZ)
    detector = SpeechDetector(make_vad("auto").vad)
    spans: list[list[float]] = []
    for event in (*detector.process(analysis), *detector.finish()):
        if isinstance(event, SpeechBegan):
            if not spans or event.voiced_from_ms - spans[-1][1] > UTTERANCE_GAP_MS:
                spans.append([event.voiced_from_ms, event.at_ms])
        elif isinstance(event, SpeechPaused):
            spans[-1][1] = event.silent_since_ms
    return [(start, _voiced_end(samples, start, end, rate_hz)) for start, end in spans]


def find_pauses(samples: Pcm, span: Span, rate_hz: int = WIRE_HZ) -> list[Span]:
    """Return the inner stretches of 200 ms or more in which no 10 ms window is voiced, as truth files have them."""
    cut = samples[samples_for(span[0], rate_hz) : samples_for(span[1], rate_hz)]
    levels = window_levels(cut, rate_hz)
    voiced = np.flatnonzero(levels >= levels.max(initial=-np.inf) - VOICED_RANGE_DB)
    gaps = [
        (span[0] + (last + 1) * WINDOW_MS, span[0] + following * WINDOW_MS)
        for last, following in pairwise(voiced.tolist())
    ]
    return [gap for gap in gaps if gap[1] - gap[0] >= PAUSE_AT_LEAST_MS]


def _voiced_end(samples: Pcm, start_ms: float, end_ms: float, rate_hz: int) -> float:
    cut = samples[samples_for(start_ms, rate_hz) : samples_for(end_ms, rate_hz)]
    voiced = last_voiced_ms(cut, rate_hz)
    return start_ms + voiced if voiced is not None else end_ms


def _channel(recording: Recording, truth: Truth | None) -> int | None:
    if truth is None or recording.channels == 1:
        return None
    return {"left": 0, "right": 1}.get(truth.speech_in)
