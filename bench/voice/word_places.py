"""Whether a voice's word times are right: against silences that commas set around a word."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

import numpy as np

from audio.frames import WIRE_HZ, Pcm, samples_for
from bench.report_figures import Figure
from bench.voice.lines import Line
from pipelines.engines import SpeakRequest, Synthesiser
from server.measures import percentile

# A silence that a comma sets is at least this long, and so much below the clause's loudest 5 ms.
_LEAST_MS, _BELOW_DB = 60.0, 35.0
_WINDOW_MS = 5.0


def place_figures(
    name: str, synthesiser: Synthesiser, lines: Sequence[Line], *, most: int, tick: Callable[[], None]
) -> list[Figure]:
    """Return how far the times of words lie from where they are heard to begin after a silence, in ms."""
    off: list[float] = []
    for line in lines:
        words = [word.strip(".,;:?!") for word in line.text.split()]
        for at in range(2, len(words) - 1, 3):
            if len(off) >= most:
                break
            text = " ".join(words[:at]) + ", " + words[at] + ", " + " ".join(words[at + 1 :]) + "."
            if (distance := _distance(synthesiser, SpeakRequest("places", text, line.voice), at)) is not None:
                off.append(distance)
            tick()
    sizes = [abs(one) for one in off]
    return [
        Figure(f"word_start_ms/{name}", median(sizes) if sizes else None, "ms", n=len(off), note="median distance"),
        Figure(f"word_start_p95_ms/{name}", percentile(sizes, 0.95), "ms", n=len(off)),
        Figure(f"word_start_bias_ms/{name}", median(off) if off else None, "ms", n=len(off), note="above 0: late"),
    ]


def _distance(synthesiser: Synthesiser, request: SpeakRequest, at: int) -> float | None:
    """Return by how much a word is said to begin later than it is heard; None without a silence before it."""
    chunks = list(synthesiser.speak(request))
    words = [word for chunk in chunks for word in chunk.words]
    onsets = _onsets_ms(np.concatenate([chunk.samples for chunk in chunks]))
    if at >= len(words) or not onsets:
        return None
    said = words[at].start_ms
    heard = min(onsets, key=lambda onset: abs(onset - said))
    # Another word's silence is no measure of this one.
    return said - heard if abs(said - heard) < 150 else None


def _onsets_ms(samples: Pcm) -> list[float]:
    """Return where sound begins again after a silence."""
    size = samples_for(_WINDOW_MS, WIRE_HZ)
    count = len(samples) // size
    windows = samples[: count * size].astype(np.float64).reshape(count, size)
    levels = 10 * np.log10(np.mean(np.square(windows), axis=1) + 1.0)
    silent = levels < np.max(levels, initial=0.0) - _BELOW_DB
    least = round(_LEAST_MS / _WINDOW_MS)
    return [_WINDOW_MS * at for at in range(least, count) if not silent[at] and bool(silent[at - least : at].all())]
