"""Word error rate, and a bench that measures a recogniser on clips whose text is known."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz.distance import Levenshtein

from audio.frames import ANALYSIS_HZ, Pcm, samples_for
from pipelines.engines import Recogniser, StreamSpec

_FEED_MS = 20
_SAME = {"mister": "mr", "missus": "mrs", "misses": "mrs", "doctor": "dr", "okay": "ok"}


def normalise(text: str) -> list[str]:
    """Return the words of `text` as they are compared: lower case, no punctuation, titles in one spelling."""
    words = re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("’", "'"))
    return [_SAME.get(word, word) for word in words]


def word_errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Return (substitutions + deletions + insertions, words of the reference)."""
    said = normalise(reference)
    return Levenshtein.distance(said, normalise(hypothesis)), len(said)


def word_error_rate(reference: str, hypothesis: str) -> float:
    """Return the word error rate, 0 for a perfect hypothesis; insertions can take it above 1.

    With an empty reference every word of the hypothesis is an error: 0.0 for none, else their number.
    """
    errors, words = word_errors(reference, hypothesis)
    return errors / max(1, words)


@dataclass(frozen=True, slots=True)
class RecogniserBench:
    """What a bench of clips gave; times are of this process: wall-clock for latency, processor for the load."""

    clips: int
    words: int
    errors: int
    wer: float  # over all clips, weighted by their length
    audio_s: float
    cpu_x_realtime: float  # processor time per second of audio
    finish_p50_ms: float
    finish_p95_ms: float
    partials: int
    stable_words: int  # words shown as stable before the end ...
    stable_revised: int  # ... and how many of them the final hypothesis changed


def bench_recogniser(
    recogniser: Recogniser, clips: Sequence[tuple[Pcm, str]], *, vocabulary: tuple[str, ...] = ()
) -> RecogniserBench:
    """Feed clips (int16 mono 16 kHz, text) in 20 ms frames, as segments of one stream, and measure."""
    recogniser.warm()
    stream = recogniser.open(StreamSpec(stream_id="bench", vocabulary=vocabulary))
    errors = words = partials = stable = revised = 0
    finish_ms: list[float] = []
    step = samples_for(_FEED_MS, ANALYSIS_HZ)
    cpu_before = time.process_time()
    for samples, text in clips:
        shown: list[str] = []
        for start in range(0, len(samples), step):
            partial = stream.feed(samples[start : start + step])
            if partial is not None:
                partials += 1
                shown = partial.text.split()[: partial.stable_words]
        before = time.perf_counter()
        final = stream.finish()
        finish_ms.append(1000 * (time.perf_counter() - before))
        stable += len(shown)
        revised += Levenshtein.distance(shown, final.text.split()[: len(shown)])
        clip_errors, clip_words = word_errors(text, final.text)
        errors += clip_errors
        words += clip_words
    cpu_s = time.process_time() - cpu_before
    stream.close()
    audio_s = sum(len(samples) for samples, _ in clips) / ANALYSIS_HZ
    return RecogniserBench(
        clips=len(clips),
        words=words,
        errors=errors,
        wer=errors / max(1, words),
        audio_s=audio_s,
        cpu_x_realtime=cpu_s / audio_s if audio_s else 0.0,
        finish_p50_ms=float(np.percentile(finish_ms, 50)) if finish_ms else 0.0,
        finish_p95_ms=float(np.percentile(finish_ms, 95)) if finish_ms else 0.0,
        partials=partials,
        stable_words=stable,
        stable_revised=revised,
    )
