"""Kokoro-82M as a synthesiser: several speakers in one model, piece by piece, with the model's own word times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio.frames import WIRE_HZ
from common.errors import EngineError
from pipelines.engines import EngineInfo, SpeakRequest, SpeechChunk, Word
from pipelines.tts.neural.chunked import chunk_with
from pipelines.tts.neural.kokoro_model import FRAME_SAMPLES, ClausePlan, KokoroModel, shared_model
from pipelines.tts.neural.levels import factor_of, faded, gain_for, loudness_of, to_pcm
from pipelines.tts.neural.script import passages_of
from pipelines.tts.neural.shared import Shared
from pipelines.tts.spoken.say import say

# What a speaker's pace and loudness are measured with. One sentence alone was 0.7 dB louder than patients' lines are.
_SENTENCES = (
    "I've had these headaches for about three weeks now, and they're getting worse.",
    "No, not that I know of.",
    "Well, it keeps me awake. Should I be worried?",
)
_SLOWEST, _FASTEST = 0.6, 1.4
# Before the first word it breathes, which sounds like a word of its own; behind the last one it is silent for long.
_LEAD_FRAMES, _TAIL_FRAMES = 1, 4


@dataclass(frozen=True, slots=True, weakref_slot=True)
class _Speaker:
    """A speaker's styles, own pace in words a minute, and the gain that brings the speaker to the house's loudness."""

    styles: NDArray[np.float32]
    wpm: float
    gain: float


class KokoroSynthesiser:
    """Speaks with one of Kokoro's speakers."""

    def __init__(self, folder: Path, *, speaker: str, threads: int = 1) -> None:
        self.info = EngineInfo("synthesiser", folder.name, demonstration=False, isolation="thread")
        self._folder, self._name, self._threads = folder, speaker, threads
        self._loaded: tuple[KokoroModel, _Speaker] | None = None

    def warm(self) -> None:
        """Load the model and find the speaker's pace and loudness; raises EngineError."""
        self._ready()

    def speak(self, request: SpeakRequest) -> Iterator[SpeechChunk]:
        """Yield the clause at 24 kHz as it is made, silence around it trimmed; raises EngineError."""
        model, speaker = self._ready()
        speed = float(np.clip(request.voice.rate_wpm / speaker.wpm, _SLOWEST, _FASTEST))
        gain = speaker.gain * factor_of(request.voice.level_db)
        said = say(request.text, request.pronunciations)
        rest = [one.word.text for one in said]
        pending: list[Word] = []
        made = 0
        for part in passages_of([one.spoken for one in said]):
            written, rest = rest[: len(part)], rest[len(part) :]
            plan = model.plan(part, speaker.styles, speed=speed)
            if plan is None:
                pending += [Word(word, _ms(made), _ms(made)) for word in written]
                continue
            begin, end = _sounding(plan)
            pending += [
                Word(word, *(_ms(made + FRAME_SAMPLES * (min(max(at, begin), end) - begin)) for at in span))
                for word, span in zip(written, plan.spans, strict=True)
            ]
            for wave in faded(model.pieces(plan, begin, end), WIRE_HZ):
                pcm = to_pcm(wave, gain)
                made += len(pcm)
                yield chunk_with(pcm, pending, until_ms=_ms(made))
        yield SpeechChunk(np.zeros(0, dtype=np.int16), tuple(pending))

    def _ready(self) -> tuple[KokoroModel, _Speaker]:
        if self._loaded is None:
            model = shared_model(self._folder, self._threads)
            key = (self._folder, self._threads, self._name)
            self._loaded = model, _speakers.get(key, lambda: _measured(model, self._name))
        return self._loaded


# A speaker is measured once for all workers.
_speakers: Shared[_Speaker] = Shared()


def _measured(model: KokoroModel, name: str) -> _Speaker:
    styles, words, minutes, lufs = model.styles(name), 0, 0.0, 0.0
    for sentence in _SENTENCES:
        plan = model.plan(sentence.split(), styles, speed=1.0)
        if plan is None:
            raise EngineError(f"Kokoro makes no sound with the speaker '{name}'", code="model.format")
        wave = np.concatenate(list(model.pieces(plan, *_sounding(plan))))
        words += len(sentence.split())
        minutes += len(wave) / WIRE_HZ / 60
        lufs += loudness_of(wave, WIRE_HZ) / len(_SENTENCES)
    return _Speaker(styles, words / minutes, gain_for(lufs))


def _sounding(plan: ClausePlan) -> tuple[int, int]:
    """Return the frames from shortly before the first sound of the first word to shortly behind the last sound."""
    spoken = [first for first, last in plan.spans if last > first] or [0]
    heard = plan.heard[plan.heard >= spoken[0]]
    first, last = (int(heard[0]), int(heard[-1])) if len(heard) else (spoken[0], plan.length - 1)
    return max(0, first - _LEAD_FRAMES), min(plan.length, last + 1 + _TAIL_FRAMES)


def _ms(samples: int) -> int:
    return round(1000 * samples / WIRE_HZ)
