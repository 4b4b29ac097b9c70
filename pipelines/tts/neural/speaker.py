"""One speaker of a VITS voice: the model, who of its speakers, at what pace and loudness by nature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import EngineError
from pipelines.engines import Word
from pipelines.tts.neural.levels import faded, gain_for, loudness_of
from pipelines.tts.neural.loudness_forecast import LoudnessForecast
from pipelines.tts.neural.script import Script, scripts_of
from pipelines.tts.neural.shared import Shared
from pipelines.tts.neural.vits_model import Passage, VitsModel
from pipelines.tts.neural.voice_file import read_voice
from pipelines.tts.spoken.say import SaidWord

# Pace and loudness are learned on these; they have what slows a patient down: commas and full stops.
_SENTENCES = (
    "I've had these headaches for about three weeks now, and they're getting worse.",
    "Well, to be honest, I'm rather worried about it. My mother had the same thing.",
    "No, not really. Why do you ask?",
    "Okay, thank you. I'll try that, then.",
)
# Loudness is learned on these too. Patients say much that is short, and a forecast from sentences alone has that too
# loud: of 150 clauses 89 % came within 1 LU without them, 95 % with them.
_SHORT_ONES = (
    "Thank you.",
    "Sorry, could you say that again?",
    "All right, I can do that.",
    "I see. Yes, please.",
    "Good morning. Thanks for seeing me.",
    "It started about two weeks ago, after work.",
    "My wife told me to come, she's worried.",
    "Two tablets, morning and night.",
    "Sure, no problem.",
    "Hello there.",
    "I live on my own these days.",
    "Maybe a six out of ten, I'd say.",
)
# So short a clause is measured instead: making all of it takes hardly longer than its first window.
_MEASURED_MS = 1_000
# Beyond these a voice no longer sounds like a person.
_SHORTEST, _LONGEST = 0.7, 1.8
# At its own pace no voice speaks so: its description lies about the rate.
_SLOWEST_WPM, _QUICKEST_WPM = 80.0, 300.0
# A shorter tail cuts the last sound of some words.
_LEAD_MS, _TAIL_MS = 20.0, 80.0

_models: Shared[VitsModel] = Shared()
_speakers: Shared[Speaker] = Shared()


def shared_model(folder: Path, threads: int) -> VitsModel:
    """Return the model in a folder, which all workers of this process share; raises EngineError."""
    return _models.get((folder, threads), lambda: _loaded(folder, threads))


def shared_speaker(folder: Path, threads: int, name: str) -> Speaker:
    """Return a speaker of the model in a folder, measured once for all workers; raises EngineError."""
    return _speakers.get((folder, threads, name), lambda: Speaker(shared_model(folder, threads), name))


def _loaded(folder: Path, threads: int) -> VitsModel:
    model = VitsModel(read_voice(folder), threads=threads)
    model.probe(scripts_of(_SENTENCES[0].split(), model.voice)[0].ids, _first(model))
    return model


def _first(model: VitsModel) -> int | None:
    return next(iter(model.voice.speakers.values()), None)


@dataclass(frozen=True, slots=True)
class Speech:
    """A passage that is being made: its words with their times from its first sample, and its audio, piece by piece.

    `gain` brings it to the house's loudness.
    """

    words: tuple[Word, ...]
    waves: Iterator[NDArray[np.float32]]
    gain: float


class Speaker:
    """Reads texts out with one speaker's voice."""

    def __init__(self, model: VitsModel, name: str) -> None:
        self._model = model
        self._number = model.voice.speaker(name)
        scripts = [scripts_of(sentence.split(), model.voice)[0] for sentence in _SENTENCES]
        passages = [model.passage(script.ids, self._number, length=1.0) for script in scripts]
        spans = [self._sounding(script, _edges(passage)) for script, passage in zip(scripts, passages, strict=True)]
        minutes = sum(self._ms(end - begin) for begin, end in spans) / 60_000
        self.wpm = sum(len(sentence.split()) for sentence in _SENTENCES) / minutes if minutes else 0.0
        if not _SLOWEST_WPM <= self.wpm <= _QUICKEST_WPM:
            raise EngineError(
                f"{model.voice.model} speaks {self.wpm:.0f} words a minute at {self.rate_hz} Hz, which nobody does; "
                "correct the sample_rate in its description",
                code="model.format",
            )
        self._forecast: LoudnessForecast | None = None
        if not model.why_whole:
            short = (scripts_of(text.split(), model.voice)[0] for text in _SHORT_ONES)
            passages += [model.passage(script.ids, self._number, length=1.0) for script in short]
            waves = [np.concatenate(list(model.windows(passage, 0, passage.length))) for passage in passages]
            latents = [passage.latents[0] for passage in passages]
            self._forecast = LoudnessForecast(latents, waves, self.rate_hz, model.samples_per_frame)

    @property
    def rate_hz(self) -> int:
        """The rate of its audio."""
        return self._model.voice.rate_hz

    def read(self, said: Sequence[SaidWord], *, rate_wpm: float, streamed: bool = True) -> Iterator[Speech]:
        """Yield the passages of a text, silence around each trimmed; raises EngineError.

        Args:
            said: The words, and what to read for each.
            rate_wpm: How fast, in words a minute; bounded to what still sounds like a person.
            streamed: Whether the audio is made in windows, where the voice can be cut.
        """
        length = float(np.clip(self.wpm / rate_wpm, _SHORTEST, _LONGEST))
        rest = [one.word.text for one in said]
        for script in scripts_of([one.spoken for one in said], self._model.voice):
            passage = self._model.passage(script.ids, self._number, length=length)
            part, rest = rest[: len(script.spans)], rest[len(script.spans) :]
            edges = _edges(passage)
            begin, end = self._sounding(script, edges)
            timed = tuple(
                Word(word, self._ms(edges[first] - begin), self._ms(edges[last] - begin))
                for word, (first, last) in zip(part, script.spans, strict=True)
            )
            waves = self._model.windows(passage, begin, end, whole=not streamed)
            if self._forecast is not None and self._ms(end - begin) > _MEASURED_MS:
                yield Speech(
                    timed, faded(waves, self.rate_hz), gain_for(self._forecast.lufs(passage.latents[0, :, begin:end]))
                )
                continue
            made = [np.zeros(0, dtype=np.float32), *faded(waves, self.rate_hz)]
            yield Speech(timed, iter(made), gain_for(loudness_of(np.concatenate(made), self.rate_hz)))

    def _sounding(self, script: Script, edges: NDArray[np.int64]) -> tuple[int, int]:
        """Return the frames from shortly before the first word to shortly behind the last; none without words."""
        sounding = [span for span in script.spans if span[1] > span[0]]
        if not sounding:
            return 0, 0
        lead, tail = self._frames(_LEAD_MS), self._frames(_TAIL_MS)
        return max(0, int(edges[sounding[0][0]]) - lead), min(int(edges[-1]), int(edges[sounding[-1][1]]) + tail)

    def _ms(self, frames: int) -> int:
        return max(0, round(1000.0 * int(frames) * self._model.samples_per_frame / self.rate_hz))

    def _frames(self, ms: float) -> int:
        return round(ms * self.rate_hz / 1000.0 / self._model.samples_per_frame)


def _edges(passage: Passage) -> NDArray[np.int64]:
    """Return the frame at which each id begins, and where the last ends."""
    return np.concatenate([[0], np.cumsum(passage.frames)])
