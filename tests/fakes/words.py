"""Audio that says what it is: each word is a tone of its own height, so that voice and words need no recognising.

A word's samples all have the same magnitude, WORD_BASE + its number. The voice detector takes anything but silence for
a voice; the recogniser reads the numbers off the audio it was fed, so it can't know of audio that was lost, hears twice
what was fed twice, and understands a word once half of it was there.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio.frames import ANALYSIS_HZ, Pcm, samples_for
from pipelines.engines import EngineInfo, Hypothesis, StreamSpec, Word

WORD_BASE = 6_000  # all levels lie within 15 dB of each other
MOST_WORDS = 20_000
_PERIOD_SAMPLES = 80  # half a period of 100 Hz: a voice has a pitch
_VAD_SAMPLES = samples_for(20, ANALYSIS_HZ)


@dataclass(frozen=True, slots=True)
class Heard:
    """How a stretch of audio is understood: "" for a noise; `samples` is its length at 16 kHz."""

    text: str
    samples: int
    confidence: float = 1.0


class Lexicon:
    """The words of one test, numbered in the order they were added; who speaks and who listens share it."""

    def __init__(self) -> None:
        self._words: list[Heard] = []

    def __getitem__(self, number: int) -> Heard:
        return self._words[number]

    def add_word(self, word: Heard) -> int:
        """Add a word and return its number."""
        if len(self._words) >= MOST_WORDS:
            raise ValueError(f"more than {MOST_WORDS} words; say fewer")
        self._words.append(word)
        return len(self._words) - 1


def audio_of(number: int, samples: int, at: int) -> Pcm:
    """Return a word's audio, int16 (samples,) at 16 kHz, for the sample position `at`."""
    high = (np.arange(at, at + samples) // _PERIOD_SAMPLES) % 2 == 0
    return np.where(high, WORD_BASE + number, -WORD_BASE - number).astype(np.int16)


class LevelVad:
    """A voice detector that is sure of itself: 1.0 where at least half of 20 ms is not silent, else 0.0."""

    name = "level"
    window_samples = _VAD_SAMPLES

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the started window."""
        self._rest: Pcm = np.zeros(0, dtype=np.int16)

    def process(self, samples: Pcm) -> list[float]:
        """Return a probability for each window completed by int16 (n,) at 16 kHz."""
        joined = np.concatenate([self._rest, samples]) if len(self._rest) else samples
        whole = len(joined) // _VAD_SAMPLES * _VAD_SAMPLES
        self._rest = joined[whole:]
        loud = np.count_nonzero(joined[:whole].reshape(-1, _VAD_SAMPLES), axis=1)
        return [1.0 if count >= _VAD_SAMPLES / 2 else 0.0 for count in loud.tolist()]


class WordRecogniser:
    """Understands the audio of a lexicon, or nothing if it is `deaf`; costs are modelled milliseconds."""

    def __init__(
        self,
        lexicon: Lexicon,
        *,
        feed_ms: float = 2.0,
        peek_ms: float = 10.0,
        finish_ms: float = 15.0,
        deaf: bool = False,
    ) -> None:
        self.info = EngineInfo(kind="recogniser", name="words", demonstration=True, isolation="thread")
        self.lexicon = lexicon
        self.feed_ms = feed_ms
        self.peek_ms = peek_ms
        self.finish_ms = finish_ms
        self.deaf = deaf

    def warm(self) -> None:
        """Nothing to load."""

    def open(self, spec: StreamSpec) -> WordStream:
        """Open a stream."""
        return WordStream(self)


@dataclass(slots=True)
class _Run:
    """A word's audio in the segment, in samples of the segment."""

    number: int
    start: int
    end: int
    count: int


class WordStream:
    """One speaker's segments."""

    def __init__(self, engine: WordRecogniser) -> None:
        self._engine = engine
        self._clear()

    def _clear(self) -> None:
        self._fed = 0
        self._runs: list[_Run] = []
        self._shown = 0

    def feed(self, samples: Pcm) -> Hypothesis | None:
        """Take int16 at 16 kHz; return a partial when there is a word more, all but the last word stable."""
        self._listen(samples)
        words = self._words()
        if len(words) <= self._shown:
            return None
        self._shown = len(words)
        return _hypothesis(words, stable_words=len(words) - 1, cost_ms=self._engine.feed_ms)

    def interim(self) -> Hypothesis:
        """Return all words so far."""
        words = self._words()
        return _hypothesis(words, stable_words=len(words), cost_ms=self._engine.peek_ms)

    def finish(self) -> Hypothesis:
        """Return the segment's words."""
        words = self._words()
        self._clear()
        return _hypothesis(words, final=True, stable_words=len(words), cost_ms=self._engine.finish_ms)

    def reset(self) -> None:
        """Abandon the segment."""
        self._clear()

    def close(self) -> str | None:
        """There is no state to keep."""
        return None

    def _listen(self, samples: Pcm) -> None:
        numbers: NDArray[np.int32] = np.abs(samples.astype(np.int32)) - WORD_BASE
        edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
        for start, end in itertools.pairwise(edges):
            if start == end or numbers[start] < 0:
                continue
            number = int(numbers[start])
            if self._runs and self._runs[-1].number == number:
                self._runs[-1].end = self._fed + end
                self._runs[-1].count += end - start
            else:
                self._runs.append(_Run(number, self._fed + start, self._fed + end, end - start))
        self._fed += len(numbers)

    def _words(self) -> tuple[Word, ...]:
        if self._engine.deaf:
            return ()
        words = []
        for run in self._runs:
            heard = self._engine.lexicon[run.number]
            if heard.text and run.count >= heard.samples / 2:
                words.append(Word(heard.text, _ms(run.start), _ms(run.end), heard.confidence))
        return tuple(words)


def _hypothesis(words: tuple[Word, ...], *, stable_words: int, cost_ms: float, final: bool = False) -> Hypothesis:
    text = " ".join(word.text for word in words)
    return Hypothesis(text, words, final=final, stable_words=stable_words, cost_ms=cost_ms)


def _ms(samples: int) -> int:
    return round(1000 * samples / ANALYSIS_HZ)
