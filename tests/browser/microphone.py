"""What Chromium's fake microphone plays: turns of a recorded consultation, with pauses that leave room for answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from audio.files import mono_at, read_recording, write_wav
from audio.frames import samples_for, silence
from pipelines.truth import TruthSpan, load_truth

CONSULTATION = Path(__file__).parents[1] / "data" / "consultation.flac"
MICROPHONE_HZ = 48_000
# So much is left around a turn, so that its first and last sounds are whole.
MARGIN_MS = 50


def spoken(words: str) -> TruthSpan:
    """Return where in the consultation these words (a whole turn or segment) are said."""
    truth = load_truth(CONSULTATION)
    assert truth is not None
    turns: dict[str, TruthSpan] = {turn.text: turn for turn in truth.turns}
    segments: dict[str, TruthSpan] = {segment.text: segment for turn in truth.turns for segment in turn.segments}
    return (segments | turns)[words]


def write_microphone(path: Path, plan: Sequence[str | int]) -> Path:
    """Write a WAV that plays `plan` in order: words of the consultation, and pauses in milliseconds; return `path`."""
    audio = mono_at(read_recording(CONSULTATION), MICROPHONE_HZ)
    parts = []
    for step in plan:
        if isinstance(step, int):
            parts.append(silence(step, MICROPHONE_HZ))
            continue
        span = spoken(step)
        start = samples_for(span.from_ms - MARGIN_MS, MICROPHONE_HZ)
        parts.append(audio[start : samples_for(span.to_ms + MARGIN_MS, MICROPHONE_HZ)])
    write_wav(path, np.concatenate(parts), MICROPHONE_HZ)
    return path
