"""How fast a voice is: its first sound, the whole, and what making it piece by piece costs."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from audio.frames import WIRE_HZ
from bench.report_figures import Figure
from pipelines.engines import SpeakRequest, Synthesiser, Voice

# At the usual pace of a patient they last about 3 and 6 s.
CLAUSES = {
    "3s": "I've had these headaches for about three weeks now.",
    "6s": "They get worse in the evening, when I've been on my feet all day and had no time to sit down.",
}
RATE_WPM = 150


def speed_figures(
    name: str,
    synthesiser: Synthesiser,
    whole: Synthesiser | None,
    *,
    voice: Voice,
    repeats: int,
    tick: Callable[[], None],
) -> list[Figure]:
    """Return first sound, whole time and real-time factor of each clause, medians of so many turns taken in one run.

    `whole` is the same voice made as a whole; None for one that has no other way.
    """
    figures: list[Figure] = []
    for length, text in CLAUSES.items():
        request = SpeakRequest("bench", text, Voice(voice.sex, voice.age, voice.accent, RATE_WPM))
        streamed: list[tuple[float, float, float]] = []
        at_once: list[tuple[float, float, float]] = []
        for _ in range(repeats):
            streamed.append(_time(synthesiser, request))
            if whole is not None:
                at_once.append(_time(whole, request))
            tick()
        first, total, seconds = (median(values) for values in zip(*streamed, strict=True))
        baseline = median(made for _, made, _ in at_once) if at_once else None
        figures += [
            Figure(f"first_audio_ms/{name}/{length}", first, "ms", baseline=baseline, n=repeats, note="of the whole"),
            Figure(f"rtf/{name}/{length}", total / 1000 / seconds, "", n=repeats, note=f"{seconds:.1f} s of sound"),
        ]
        if baseline is not None:
            figures.append(Figure(f"rtf_streamed_ratio/{name}/{length}", total, "ms", baseline=baseline, n=repeats))
    return figures


def _time(synthesiser: Synthesiser, request: SpeakRequest) -> tuple[float, float, float]:
    """Return the ms to the first sound, the ms to the end, and the seconds of sound."""
    began, first, samples = time.perf_counter(), None, 0
    for chunk in synthesiser.speak(request):
        if first is None and len(chunk.samples):
            first = time.perf_counter()
        samples += len(chunk.samples)
    ended = time.perf_counter()
    return 1000 * ((first or ended) - began), 1000 * (ended - began), samples / WIRE_HZ
