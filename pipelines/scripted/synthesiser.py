"""A synthesiser without a voice: a vowel-like tone for each word, word times exact."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from audio.frames import WIRE_HZ, Pcm, samples_for
from common.errors import EngineError
from pipelines.engines import EngineInfo, Isolation, SpeakRequest, SpeechChunk, Word

# Each word ends with this silence, so that words can be told apart in the audio.
_GAP_MS = 30
_CHUNK_WORDS = 2
_PITCH_HZ = {"male": 110.0, "female": 200.0}


class ToneSynthesiser:
    """Makes `word_ms` of tone per word; modelled cost `cost_ms` for the first chunk, nothing for the others.

    `pace` makes every chunk cost that share of its own length: above 1, speech is made slower than it is spoken.
    A clause that contains `fail_on` raises EngineError, one that contains `crash_on` ends the process it runs in.
    """

    def __init__(
        self,
        *,
        cost_ms: float = 20.0,
        word_ms: int = 250,
        pace: float = 0.0,
        isolation: Isolation = "thread",
        fail_on: str | None = None,
        crash_on: str | None = None,
    ) -> None:
        self.info = EngineInfo(kind="synthesiser", name="scripted", demonstration=True, isolation=isolation)
        self.cost_ms = cost_ms
        self.word_ms = word_ms
        self.pace = pace
        self.fail_on = fail_on
        self.crash_on = crash_on

    def warm(self) -> None:
        """Nothing to load."""

    def speak(self, request: SpeakRequest) -> Iterator[SpeechChunk]:
        """Yield chunks of two words each."""
        if self.crash_on is not None and self.crash_on in request.text:
            os._exit(70)
        if self.fail_on is not None and self.fail_on in request.text:
            raise EngineError("the scripted synthesiser was told to fail; speak something else")
        texts = request.text.split()
        for first in range(0, max(1, len(texts)), _CHUNK_WORDS):
            some = texts[first : first + _CHUNK_WORDS]
            pitch_hz = _PITCH_HZ[request.voice.sex]
            sounds = [self._tone(pitch_hz + 10 * ((first + index) % 5)) for index in range(len(some))]
            words = tuple(
                Word(text, (first + index) * self.word_ms, (first + index + 1) * self.word_ms - _GAP_MS)
                for index, text in enumerate(some)
            )
            yield SpeechChunk(
                samples=np.concatenate(sounds) if sounds else np.zeros(0, dtype=np.int16),
                words=words,
                cost_ms=(self.cost_ms if first == 0 else 0.0) + self.pace * self.word_ms * len(some),
            )

    def _tone(self, pitch_hz: float) -> Pcm:
        tone = np.zeros(samples_for(self.word_ms, WIRE_HZ))
        voiced = samples_for(self.word_ms - _GAP_MS, WIRE_HZ)
        t = np.arange(voiced) / WIRE_HZ
        for harmonic in range(1, 6):
            tone[:voiced] += np.sin(2 * np.pi * pitch_hz * harmonic * t) / harmonic
        ramp = samples_for(5, WIRE_HZ)
        tone[:ramp] *= np.linspace(0, 1, ramp)
        tone[voiced - ramp : voiced] *= np.linspace(1, 0, ramp)
        return (tone * 6000).astype(np.int16)
