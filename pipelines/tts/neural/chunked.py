"""Gives words out with the audio that they start in."""

from __future__ import annotations

from audio.frames import Pcm
from pipelines.engines import SpeechChunk, Word


def chunk_with(samples: Pcm, pending: list[Word], *, until_ms: float) -> SpeechChunk:
    """Return audio with the words that start before `until_ms`, which are taken from `pending`."""
    count = sum(word.start_ms < until_ms for word in pending)
    words = tuple(pending[:count])
    del pending[:count]
    return SpeechChunk(samples, words)
