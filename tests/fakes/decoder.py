"""A segment decoder that reads the audio of a lexicon: what it is given is what it says, at a modelled cost."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio.frames import ANALYSIS_HZ, Pcm, samples_for
from common.errors import EngineError
from pipelines.engines import Decoded, DecodedBatch, DecodeRequest, EngineInfo, Isolation, StreamSpec
from tests.fakes.words import Heard, Lexicon, WordRecogniser, audio_of


@dataclass(frozen=True, slots=True)
class Call:
    """One batch: for each request its purpose, its words, and how long its audio is."""

    purposes: tuple[str, ...]
    texts: tuple[str, ...]
    samples: tuple[int, ...]


class Phrases:
    """Says phrases in the audio of a lexicon, each of whose words is used once: a word tells who said it and when."""

    def __init__(self, *, word_ms: float = 200.0) -> None:
        self.lexicon = Lexicon()
        self._samples = samples_for(word_ms, ANALYSIS_HZ)

    def say(self, text: str) -> Pcm:
        """Return the phrase's audio, int16 at 16 kHz."""
        words = [
            audio_of(self.lexicon.add_word(Heard(word, self._samples)), self._samples, index * self._samples)
            for index, word in enumerate(text.split())
        ]
        return np.concatenate([np.zeros(0, dtype=np.int16), *words])


class LexiconDecoder:
    """Reads a lexicon's audio. A call costs `call_ms`, and `each_ms` for every request in it.

    Audio with the word `fail_on` makes the whole call fail; `crash_on` ends the process, once if `flag` is given.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        *,
        call_ms: float = 10.0,
        each_ms: float = 10.0,
        isolation: Isolation = "thread",
        fail_on: str = "",
        crash_on: str = "",
        flag: str = "",
    ) -> None:
        self.info = EngineInfo(kind="recogniser", name="lexicon", demonstration=True, isolation=isolation)
        self.calls: list[Call] = []
        self.call_ms, self.each_ms = call_ms, each_ms
        self.fail_on, self.crash_on, self.flag = fail_on, crash_on, flag
        self._words = WordRecogniser(lexicon)

    def warm(self) -> None:
        """Nothing to load."""

    def decode(self, requests: Sequence[DecodeRequest]) -> DecodedBatch:
        """Read all of them; raises EngineError when told to, and when a prefix is not what the audio begins with."""
        results = tuple(self._read(request) for request in requests)
        texts = [tuple(word.text for word in result.words) for result in results]
        self.calls.append(
            Call(
                tuple(request.purpose for request in requests),
                tuple(" ".join(text) for text in texts),
                tuple(len(request.samples) for request in requests),
            )
        )
        for request, text in zip(requests, texts, strict=True):
            if text[: len(request.prefix)] != request.prefix:
                raise EngineError(f"the sound of {text} was said to begin with {request.prefix}")
            if self.fail_on in text:
                raise EngineError("the decoder was told to fail; say something else")
            if self.crash_on in text and not (self.flag and Path(self.flag).exists()):
                if self.flag:
                    Path(self.flag).touch()
                os._exit(70)
        return DecodedBatch(results, cost_ms=self.call_ms + self.each_ms * len(requests))

    def _read(self, request: DecodeRequest) -> Decoded:
        stream = self._words.open(StreamSpec("decoder"))
        stream.feed(request.samples)
        return Decoded(stream.finish().words)
