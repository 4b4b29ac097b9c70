"""Speaks with a model of the package coqui-tts, which lives in an environment and a process of its own.

The package needs torch, which this server never imports; `scripts/setup-coqui` makes the environment. A model speaks by
whole clauses, XTTS piece by piece. None says anything of word times, so words are spread over what is heard by the
number of their letters.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from audio.frames import WIRE_HZ, Pcm
from audio.resample import StreamResampler, resample_whole
from pipelines.engines import EngineInfo, SpeakRequest, SpeechChunk, Word
from pipelines.tts.coqui_fetch import AGREED
from pipelines.tts.coqui_process import CoquiProcess
from pipelines.tts.coqui_worker import checkpoint_of
from pipelines.tts.neural.chunked import chunk_with
from pipelines.tts.neural.levels import Wave, factor_of, gain_for, loudness_of, to_pcm
from pipelines.tts.neural.script import passages_of
from pipelines.tts.neural.shared import Shared
from pipelines.tts.spoken.say import SaidWord, joined, say
from pipelines.tts.stream_trim import StreamTrim
from pipelines.tts.word_times import chunks, place, trim

# What a voice that speaks in pieces is measured with: its gain must be known before its clause is.
_SENTENCE = "Well, it keeps me awake, so I'm rather worried. No, not that I know of."
_NOTHING: Pcm = np.zeros(0, dtype=np.int16)
# A description may hold remarks, so it need not be JSON.
_XTTS = re.compile(r'"model"\s*:\s*"xtts"')
_BY_ESPEAK = (re.compile(r'"use_phonemes"\s*:\s*true'), re.compile(r'"phonemizer"\s*:\s*"espeak"'))

_processes: Shared[CoquiProcess] = Shared()


@dataclass(frozen=True, slots=True, weakref_slot=True)
class _Manner:
    """The gain that brings a speaker to the house's loudness, and how many samples at 24 kHz a letter takes."""

    gain: float
    letter_samples: float


_manners: Shared[_Manner] = Shared()


class CoquiSynthesiser:
    """Speaks with one speaker of a model at the model's own pace."""

    def __init__(self, folder: Path, *, python: Path, speaker: str = "") -> None:
        self.info = EngineInfo("synthesiser", folder.name, demonstration=False, isolation="thread")
        self._folder, self._python, self._speaker = folder, python, speaker
        self._process: CoquiProcess | None = None
        self._manner: _Manner | None = None

    def warm(self) -> None:
        """Start the process, which loads the model, and have it speak; raises EngineError."""
        process = self._running()
        if process.streams:
            self._measured(process)
        else:
            self._whole(process, "Ready.")

    def speak(self, request: SpeakRequest) -> Iterator[SpeechChunk]:
        """Yield the clause at 24 kHz, silence around it trimmed; raises EngineError.

        It comes in pieces of 200 ms when it is made, that of XTTS in pieces as they are made.
        """
        said = say(request.text, request.pronunciations)
        if not joined(said):
            yield from chunks(_NOTHING, ())
            return
        process = self._running()
        mood = factor_of(request.voice.level_db)
        if process.streams:
            yield from self._in_pieces(process, said, mood)
            return
        wave = self._whole(process, joined(said))
        gain = gain_for(loudness_of(wave, process.rate_hz)) * mood
        samples, _ = trim(
            resample_whole(to_pcm(wave, gain), from_hz=process.rate_hz, to_hz=WIRE_HZ),
            (),
        )
        starts = _spread([len(one.spoken) for one in said], len(samples))
        yield from chunks(samples, place([one.word for one in said], starts, samples))

    def _in_pieces(self, process: CoquiProcess, said: Sequence[SaidWord], mood: float) -> Iterator[SpeechChunk]:
        manner = self._measured(process)
        pending = _guessed(said, manner.letter_samples)
        resampler, trimmed = StreamResampler(process.rate_hz, WIRE_HZ), StreamTrim()
        made = 0
        for part in passages_of([one.spoken for one in said]):
            with closing(process.speak(" ".join(filter(None, part)), self._speaker)) as waves:
                for wave in waves:
                    samples = trimmed.process(resampler.process(to_pcm(wave, manner.gain * mood)))
                    if len(samples):
                        made += len(samples)
                        yield _ended(chunk_with(samples, pending, until_ms=_ms(made)), _ms(made))
        samples = trimmed.process(resampler.process(_NOTHING, last=True), last=True)
        yield SpeechChunk(samples, tuple(_within(pending, _ms(made), _ms(made + len(samples)))))

    def _measured(self, process: CoquiProcess) -> _Manner:
        if self._manner is None:
            key = (self._python, self._folder, self._speaker)
            self._manner = _manners.get(key, lambda: self._measure(process))
        return self._manner

    def _measure(self, process: CoquiProcess) -> _Manner:
        wave = self._whole(process, _SENTENCE)
        sounding, _ = trim(resample_whole(to_pcm(wave, 1.0), from_hz=process.rate_hz, to_hz=WIRE_HZ), ())
        return _Manner(gain_for(loudness_of(wave, process.rate_hz)), len(sounding) / (len(_SENTENCE) + 1))

    def _whole(self, process: CoquiProcess, text: str) -> Wave:
        with closing(process.speak(text, self._speaker)) as waves:
            return np.concatenate([np.zeros(0, dtype=np.float32), *waves])

    def _running(self) -> CoquiProcess:
        if self._process is None:
            key = (self._python, self._folder)
            self._process = _processes.get(key, lambda: CoquiProcess(self._python, self._folder))
        return self._process


def coqui_fault(python: Path, folder: Path) -> str:
    """Return what a model lacks before it can speak, and what to do; empty if nothing."""
    if not python.is_file():
        return f"coqui-tts is not set up, {python} is not there; run ./scripts/setup-coqui"
    described = folder / "config.json"
    if not described.is_file() or checkpoint_of(folder) is None:
        return f"{folder} has no config.json and model_file.pth; download the model, or correct the name"
    try:
        said = described.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return f"{described} can't be read ({error}); download the model again"
    if _XTTS.search(said) and not (folder / AGREED).is_file():
        return (
            "nobody has agreed to its licence, the Coqui Public Model License, which allows no commercial use; "
            f"run ./scripts/setup-coqui {_asked_for(folder)}"
        )
    if all(sign.search(said) for sign in _BY_ESPEAK) and not (shutil.which("espeak-ng") or shutil.which("espeak")):
        return "coqui-tts makes its phonemes with espeak-ng, which is not here; run apt-get install espeak-ng"
    return ""


def coqui_folder(model: str) -> Path:
    """Return where a model lies: a folder, or where the package keeps one of a name such as `tts_models/en/X/Y`."""
    if Path(model).expanduser().is_dir():
        return Path(model).expanduser()
    home = os.environ.get("TTS_HOME") or os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "tts" / model.replace("/", "--")


def _asked_for(folder: Path) -> str:
    """Return what names a model for `scripts/setup-coqui`: the package's name for it, or its folder."""
    return folder.name.replace("--", "/") if folder.name.startswith("tts_models--") else str(folder)


def _spread(lengths: list[int], samples: int) -> list[int]:
    """Return where each word begins, by the letters before it."""
    total = max(1, sum(length + 1 for length in lengths))
    return [samples * sum(length + 1 for length in lengths[:index]) // total for index in range(len(lengths))]


def _guessed(said: Sequence[SaidWord], letter_samples: float) -> list[Word]:
    """Return the words of a clause that is still being made, at the pace of its speaker."""
    edges = np.cumsum([0, *(len(one.spoken) + 1 for one in said)]) * letter_samples
    return [
        Word(one.word.text, _ms(begin), _ms(end)) for one, begin, end in zip(said, edges[:-1], edges[1:], strict=True)
    ]


def _ended(chunk: SpeechChunk, until_ms: int) -> SpeechChunk:
    """Return a piece whose words end with it at the latest: nobody knows yet whether there is more of the clause."""
    return replace(
        chunk, words=tuple(replace(word, end_ms=max(word.start_ms, min(word.end_ms, until_ms))) for word in chunk.words)
    )


def _within(words: Sequence[Word], begin_ms: int, end_ms: int) -> list[Word]:
    """Return words that were to come later than the clause ends, spread over what is left of it by their letters."""
    starts = [*_spread([len(word.text) for word in words], max(0, end_ms - begin_ms)), max(0, end_ms - begin_ms)]
    return [
        Word(word.text, begin_ms + first, begin_ms + second)
        for word, first, second in zip(words, starts[:-1], starts[1:], strict=True)
    ]


def _ms(samples: float) -> int:
    return round(1000 * samples / WIRE_HZ)
