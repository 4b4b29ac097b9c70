"""Where the words of a clause are in its audio, in terms every synthesiser here shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from audio.frames import WIRE_HZ, Pcm, samples_for
from pipelines.engines import SpeechChunk, Word

_WINDOW_SAMPLES = samples_for(10, WIRE_HZ)
# The house calls a 10 ms window above -45 dBFS audible.
_AUDIBLE_RMS = 32767 * 10 ** (-45 / 20)
_CHUNK_SAMPLES = samples_for(200, WIRE_HZ)


@dataclass(frozen=True, slots=True)
class Token:
    """A word as written, punctuation included: `text` is source[start:end]."""

    text: str
    start: int
    end: int


def tokens(text: str) -> tuple[Token, ...]:
    """Return the words of `text` so that joining them with spaces gives the text again (white space apart).

    A piece without letter or digit ("-", "&") is no word: it belongs to the next one, or at the end to the last.
    """
    found: list[Token] = []
    start: int | None = None
    position = 0
    for piece in text.split():
        begin = text.index(piece, position)
        position = begin + len(piece)
        start = begin if start is None else start
        if any(mark.isalnum() for mark in piece):
            found.append(Token(text[start:position], start, position))
            start = None
    if start is not None and found:
        last = found[-1]
        found[-1] = Token(text[last.start : position], last.start, position)
    return tuple(found)


def fill_starts(starts: Sequence[int | None], *, total: int) -> list[int]:
    """Return word starts in samples with the unknown ones spread evenly between their neighbours, never going back."""
    filled: list[int] = []
    index = 0
    while index < len(starts):
        known = starts[index]
        if known is not None:
            filled.append(min(total, max(known, filled[-1] if filled else 0)))
            index += 1
            continue
        following = next((at for at in range(index, len(starts)) if starts[at] is not None), len(starts))
        begin = filled[-1] if filled else 0
        end = max(begin, min(total, starts[following] or 0)) if following < len(starts) else total
        steps = following - index + (1 if filled else 0)  # the word before has its share of the gap
        first = 1 if filled else 0
        filled += [begin + (end - begin) * (first + step) // max(1, steps) for step in range(following - index)]
        index = following
    return filled


def place(words: Sequence[Token], starts: Sequence[int], samples: Pcm) -> tuple[Word, ...]:
    """Return the words with their times; a word ends with its last audible 10 ms, at the latest where the next starts.

    `starts` are samples at 24 kHz, in order, one for each word; `samples` is the clause's audio.
    """
    audible = audible_windows(samples)
    placed = []
    for index, word in enumerate(words):
        stop = starts[index + 1] if index + 1 < len(starts) else len(samples)
        first, last = starts[index] // _WINDOW_SAMPLES, -(-stop // _WINDOW_SAMPLES)
        heard = np.flatnonzero(audible[first:last])
        end = min(stop, (first + int(heard[-1]) + 1) * _WINDOW_SAMPLES) if len(heard) else stop
        placed.append(Word(word.text, round(1000 * starts[index] / WIRE_HZ), round(1000 * end / WIRE_HZ)))
    return tuple(placed)


def audible_windows(samples: Pcm) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return for each 10 ms window of 24 kHz audio, the last padded with silence, whether it can be heard."""
    padded = np.zeros(-(-len(samples) // _WINDOW_SAMPLES) * _WINDOW_SAMPLES, dtype=np.float64)
    padded[: len(samples)] = samples
    rms = np.sqrt(np.mean(padded.reshape(-1, _WINDOW_SAMPLES) ** 2, axis=1))
    loud: np.ndarray[tuple[int], np.dtype[np.bool_]] = rms > _AUDIBLE_RMS
    return loud


def trim(samples: Pcm, starts: Sequence[int | None]) -> tuple[Pcm, list[int | None]]:
    """Return 24 kHz audio without the silence around it, 10 ms apart, and where the words start in what is left."""
    audible = np.flatnonzero(audible_windows(samples))
    if not len(audible):
        return samples[:0], [0] * len(starts)
    begin = max(0, (int(audible[0]) - 1) * _WINDOW_SAMPLES)
    end = (int(audible[-1]) + 2) * _WINDOW_SAMPLES
    kept = samples[begin:end]
    return kept, [None if start is None else min(len(kept), max(0, start - begin)) for start in starts]


def chunks(samples: Pcm, words: Sequence[Word]) -> Iterator[SpeechChunk]:
    """Yield audio in pieces of 200 ms, each with the words that start in it; words at the very end go with the last."""
    count = max(1, -(-len(samples) // _CHUNK_SAMPLES))
    for index in range(count):
        begin, end = index * _CHUNK_SAMPLES, (index + 1) * _CHUNK_SAMPLES
        begin_ms, end_ms = 1000 * begin / WIRE_HZ, 1000 * end / WIRE_HZ
        inside = (w for w in words if begin_ms <= w.start_ms and (w.start_ms < end_ms or index == count - 1))
        yield SpeechChunk(samples=samples[begin:end], words=tuple(inside))
