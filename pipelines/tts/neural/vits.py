"""VITS voices (Piper's and Coqui's) as a synthesiser: streamed, with the model's own word times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from audio.frames import WIRE_HZ, Pcm
from audio.resample import StreamResampler
from pipelines.engines import EngineInfo, SpeakRequest, SpeechChunk, Word
from pipelines.tts.neural.chunked import chunk_with
from pipelines.tts.neural.levels import factor_of, to_pcm
from pipelines.tts.neural.speaker import Speaker, shared_speaker
from pipelines.tts.spoken.say import say

_NOTHING: Pcm = np.zeros(0, dtype=np.int16)


class VitsSynthesiser:
    """Speaks with one voice.

    Args:
        folder: Where the voice lies, or its ONNX file where several lie in one folder.
        speaker: One of its speakers, where it has several.
        threads: How many threads of the processor work on a clause at once.
        streamed: Whether a clause is made in windows, where the voice can be cut.
    """

    def __init__(self, folder: Path, *, speaker: str = "", threads: int = 1, streamed: bool = True) -> None:
        self.info = EngineInfo(
            "synthesiser", folder.name.removesuffix(".onnx"), demonstration=False, isolation="thread"
        )
        self._folder, self._name, self._threads = folder, speaker, threads
        self._streamed = streamed
        self._speaker: Speaker | None = None

    def warm(self) -> None:
        """Load the voice, find its windows, pace and loudness; raises EngineError."""
        self._loaded()

    def speak(self, request: SpeakRequest) -> Iterator[SpeechChunk]:
        """Yield the clause at 24 kHz as it is made, silence around it trimmed; raises EngineError."""
        speaker = self._loaded()
        mood = factor_of(request.voice.level_db)
        said = say(request.text, request.pronunciations)
        resampler = StreamResampler(speaker.rate_hz, WIRE_HZ)
        pending: list[Word] = []
        begun = made = 0
        for speech in speaker.read(said, rate_wpm=request.voice.rate_wpm, streamed=self._streamed):
            offset_ms = round(1000 * begun / speaker.rate_hz)
            pending += [
                replace(word, start_ms=word.start_ms + offset_ms, end_ms=word.end_ms + offset_ms)
                for word in speech.words
            ]
            for wave in speech.waves:
                begun += len(wave)
                samples = resampler.process(to_pcm(wave, speech.gain * mood))
                made += len(samples)
                yield chunk_with(samples, pending, until_ms=1000 * made / WIRE_HZ)
        yield SpeechChunk(resampler.process(_NOTHING, last=True), tuple(pending))

    def _loaded(self) -> Speaker:
        if self._speaker is None:
            self._speaker = shared_speaker(self._folder, self._threads, self._name)
        return self._speaker
