"""What a replay will say: the recording's turns, from its truth file or found by voice activity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio.files import Recording, mono_at, read_recording
from audio.frames import ANALYSIS_HZ, WIRE_HZ, Pcm, samples_for
from audio.loudness import last_voiced_ms
from audio.recorder import RECORDING_NAME
from audio.recording_files import names_of
from audio.speech import SpeechBegan, SpeechDetector, SpeechPaused, SpeechSettings
from audio.vad import make_vad
from common.errors import AudioError
from pipelines.truth import Truth, load_truth

# So much of the recording's own room comes before a turn: the voice detector settles on it.
LEAD_IN_MS = 300.0
# And so much comes after it, so that a turn does not end in sudden digital silence.
LEAD_OUT_MS = 400.0
# Without a truth file, a longer silence separates turns: thinking pauses stay inside.
TURN_GAP_MS = 1_500.0


@dataclass(frozen=True, slots=True, eq=False)
class PlannedTurn:
    """One turn to be spoken: int16 mono at 24 kHz with some of its room around it."""

    samples: Pcm
    voiced_from_ms: float  # in samples
    voiced_to_ms: float  # end of the last voiced sample, in samples
    text: str | None
    expect: str | None
    recorded_from_ms: float  # place of `samples` in the recording
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """All turns of one or more recordings, and the cards their truth files name."""

    cards: tuple[str, ...]
    turns: tuple[PlannedTurn, ...]
    # These are the recordings themselves, for replaying them as recorded.
    whole: Pcm


def plan_replay(paths: Sequence[Path], *, channel: int | None = None) -> Plan:
    """Read the recordings and find their turns; raises AudioError for what can't be used.

    `channel` (counted from 0) has the candidate, where a recording has more of them and no truth file says which.
    """
    turns: list[PlannedTurn] = []
    wholes: list[Pcm] = []
    cards: dict[str, None] = {}
    offset_ms = 0.0
    for path, name in zip(paths, names_of(paths), strict=True):
        recording = read_recording(path)
        truth = load_truth(path)
        samples = mono_at(recording, WIRE_HZ, _channel(path, recording, truth, channel))
        spans = _known(truth) if truth is not None else _find(samples)
        turns += _cut(samples, spans, offset_ms, name)
        wholes.append(samples)
        offset_ms += 1000.0 * len(samples) / WIRE_HZ
        if truth is not None and truth.card is not None:
            cards[truth.card] = None
    return Plan(tuple(cards), tuple(turns), np.concatenate(wholes))


def _channel(path: Path, recording: Recording, truth: Truth | None, wanted: int | None) -> int | None:
    if recording.channels == 1:
        return None
    if wanted is not None:
        return wanted
    if truth is None:
        if path.name == RECORDING_NAME and recording.channels == 2:
            raise AudioError(
                f"{path.name} has the candidate on its left channel and the patient on its right one, which must not "
                "be mixed; choose one with --channel left",
                code="audio.channel",
            )
        return None
    return {"left": 0, "right": 1}.get(truth.speech_in)


Span = tuple[float, float, str | None, str | None]


def _known(truth: Truth) -> list[Span]:
    return [(turn.from_ms, turn.to_ms, turn.text, turn.expect) for turn in truth.turns]


def _find(samples: Pcm) -> list[Span]:
    """Return the turns found by voice activity: stretches of speech that are TURN_GAP_MS apart."""
    analysis = mono_at(Recording(samples.reshape(-1), WIRE_HZ, 1), ANALYSIS_HZ)
    detector = SpeechDetector(make_vad("auto").vad, SpeechSettings())
    spans: list[list[float]] = []
    events = detector.process(analysis)
    for event in events:
        if isinstance(event, SpeechBegan):
            if not spans or event.voiced_from_ms - spans[-1][1] > TURN_GAP_MS:
                spans.append([event.voiced_from_ms, 1000.0 * len(analysis) / ANALYSIS_HZ])
        elif isinstance(event, SpeechPaused):
            spans[-1][1] = event.silent_since_ms
    return [(start, _voiced_end(samples, start, end), None, None) for start, end in spans]


def _voiced_end(samples: Pcm, start_ms: float, end_ms: float) -> float:
    cut = samples[samples_for(start_ms, WIRE_HZ) : samples_for(end_ms, WIRE_HZ)]
    voiced = last_voiced_ms(cut, WIRE_HZ)
    return start_ms + voiced if voiced is not None else end_ms


def _cut(samples: Pcm, spans: list[Span], offset_ms: float, source: str) -> list[PlannedTurn]:
    total_ms = 1000.0 * len(samples) / WIRE_HZ
    turns = []
    for index, (start, end, text, expect) in enumerate(spans):
        before = spans[index - 1][1] if index else 0.0
        after = spans[index + 1][0] if index + 1 < len(spans) else total_ms
        cut_from = max(start - LEAD_IN_MS, (before + start) / 2 if index else 0.0)
        cut_to = min(end + LEAD_OUT_MS, (end + after) / 2 if index + 1 < len(spans) else total_ms)
        cut = samples[samples_for(cut_from, WIRE_HZ) : samples_for(cut_to, WIRE_HZ)]
        turns.append(PlannedTurn(cut, start - cut_from, end - cut_from, text, expect, offset_ms + cut_from, source))
    return turns
