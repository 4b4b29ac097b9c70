"""Kokoro-82M as a synthesiser: several speakers in one model, by whole clauses, with the model's own word times.

Its decoder normalises over the whole clause, so it can't run in windows. English comes from espeak-ng, in the letters
that the model learnt; a speaker is a table of styles, of which the row for the clause's length is taken.
"""

from __future__ import annotations

import importlib
import json
import threading
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio.frames import WIRE_HZ, Pcm
from common.errors import EngineError
from pipelines.engines import EngineInfo, SpeakRequest, SpeechChunk, Word
from pipelines.onnx_session import open_session
from pipelines.tts.neural.levels import gain_for, loudness_of, to_pcm
from pipelines.tts.neural.phonemes import Sounds, sounds_of
from pipelines.tts.neural.script import passages_of
from pipelines.tts.spoken.say import say
from pipelines.tts.word_times import chunks, fill_starts, place, trim

MODEL, LETTERS, STYLES = "model.onnx", "vocab.json", "voices.npz"
"""The files of such a voice."""

# Where the model rounds how long each letter lasts, in frames of 25 ms.
_DURATIONS = "/encoder/Round_output_0"
_FRAME_SAMPLES = 600
_LEAD_SAMPLES = 600
_ESPEAK_VOICE = "en-us"
_SENTENCE = "I've had these headaches for about three weeks now, and they're getting worse."
_SLOWEST, _FASTEST = 0.6, 1.4

# espeak-ng's letters on the left; those that are the same have no line here. Longer ones come first.
_ENGLISH = (
    ("oʊ", "O"), ("aɪ", "I"), ("eɪ", "A"), ("aʊ", "W"), ("ɔɪ", "Y"), ("tʃ", "ʧ"), ("dʒ", "ʤ"), ("ɜː", "ɜɹ"),
    ("ɚ", "əɹ"), ("r", "ɹ"), ("x", "k"), ("ɬ", "l"), ("ɐ", "ə"), ("ː", ""), ("\u0329", ""), ("\u0303", ""),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Speaker:
    """A speaker's styles, float32 (lengths, 256), and own pace in words a minute."""

    styles: NDArray[np.float32]
    wpm: float


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """A passage's audio, float32 (n,) at 24 kHz, and the sample at which each word starts."""

    wave: NDArray[np.float32]
    starts: list[int]

    @property
    def levelled(self) -> Pcm:
        """The audio as int16 (n,), as loud as the house has it."""
        return to_pcm(self.wave, gain_for(loudness_of(self.wave, WIRE_HZ)))


class KokoroModel:
    """The model in a folder, shared by all workers of a process."""

    def __init__(self, folder: Path, *, threads: int) -> None:
        """Load it; raises EngineError (`model.format`)."""
        self._name = str(folder / MODEL)
        try:
            self._letters = _letters(folder / LETTERS)
            with np.load(folder / STYLES) as styles:
                self._styles = {name: styles[name].reshape(-1, 256).astype(np.float32) for name in styles.files}
            model = _with_durations(folder / MODEL)
        # Each library raises errors of its own for a broken file.
        except Exception as error:
            raise EngineError(f"the voice in {folder} can't be read ({error})", code="model.format") from error
        self._session: Any = open_session(model, threads=threads, name=self._name)
        self._speakers: dict[str, _Speaker] = {}
        self._lock = threading.Lock()

    def speaker(self, name: str) -> _Speaker:
        """Return a speaker, whose pace is measured at the first call; raises EngineError (`model.speaker`)."""
        with self._lock:
            if name not in self._speakers:
                if name not in self._styles:
                    known = ", ".join(self._styles)
                    raise EngineError(f"Kokoro has no speaker '{name}' here; it has {known}", code="model.speaker")
                words = _SENTENCE.split()
                made = self.make(words, self._styles[name], speed=1.0)
                spoken, _ = trim(made.levelled, made.starts)
                wpm = len(words) / (len(spoken) / WIRE_HZ / 60)
                self._speakers[name] = _Speaker(self._styles[name], wpm)
            return self._speakers[name]

    def make(self, words: list[str], styles: NDArray[np.float32], *, speed: float) -> _Made:
        """Speak words, each with its punctuation; raises EngineError."""
        sounds = sounds_of(words, voice=_ESPEAK_VOICE)
        ids, places = self._ids(sounds)
        if not ids:
            return _Made(np.zeros(0, dtype=np.float32), [0] * len(words))
        given = {
            "tokens": np.array([[0, *ids, 0]], dtype=np.int64),
            "style": styles[min(len(ids), len(styles)) - 1][np.newaxis],
            "speed": np.array([speed], dtype=np.float32),
        }
        try:
            wave, frames = self._session.run(["audio", _DURATIONS], given)
        # onnxruntime's errors have no class in common.
        except Exception as error:
            raise EngineError(f"{self._name} can't be run ({error})", code="model.format") from error
        edges = np.concatenate([[0], np.cumsum(np.asarray(frames).reshape(-1))]).astype(np.int64)
        # The first id is a pad, which the places don't count.
        starts = [int(edges[places[begin] + 1]) * _FRAME_SAMPLES for begin, _ in sounds.spans]
        # Before the first word it breathes, which sounds like a word of its own.
        lead = max(0, min(starts) - _LEAD_SAMPLES)
        return _Made(np.asarray(wave, dtype=np.float32).reshape(-1)[lead:], [start - lead for start in starts])

    def _ids(self, sounds: Sounds) -> tuple[list[int], list[int]]:
        """Return the numbers of a text's letters, and for each letter as espeak-ng wrote it where its numbers begin."""
        ids: list[int] = []
        places: list[int] = []
        position = 0
        while position < len(sounds.letters):
            written, said = next(
                ((ours, theirs) for ours, theirs in _ENGLISH if sounds.letters.startswith(ours, position)),
                (sounds.letters[position],) * 2,
            )
            places += [len(ids)] * len(written)
            ids += [self._letters[letter] for letter in said if letter in self._letters]
            position += len(written)
        return ids, [*places, len(ids)]


class KokoroSynthesiser:
    """Speaks with one of Kokoro's speakers, clause by clause."""

    def __init__(self, folder: Path, *, speaker: str, threads: int = 1) -> None:
        self.info = EngineInfo("synthesiser", folder.name, demonstration=False, isolation="thread")
        self._folder, self._name, self._threads = folder, speaker, threads
        self._loaded: KokoroModel | None = None

    def warm(self) -> None:
        """Load the model and find the speaker's pace and loudness; raises EngineError."""
        self._model().speaker(self._name)

    def speak(self, request: SpeakRequest) -> Iterator[SpeechChunk]:
        """Yield the clause at 24 kHz in pieces of 200 ms, silence around it trimmed; raises EngineError."""
        model = self._model()
        speaker = model.speaker(self._name)
        speed = float(np.clip(request.voice.rate_wpm / speaker.wpm, _SLOWEST, _FASTEST))
        said = say(request.text, request.pronunciations)
        rest, offset_ms = [one.word for one in said], 0
        for part in passages_of([one.spoken for one in said]):
            made = model.make(part, speaker.styles, speed=speed)
            samples, starts = trim(made.levelled, made.starts)
            placed = place(rest[: len(part)], fill_starts(starts, total=len(samples)), samples)
            rest = rest[len(part) :]
            timed = [Word(word.text, word.start_ms + offset_ms, word.end_ms + offset_ms) for word in placed]
            offset_ms += round(1000 * len(samples) / WIRE_HZ)
            yield from chunks(samples, timed)

    def _model(self) -> KokoroModel:
        if self._loaded is None:
            self._loaded = shared_model(self._folder, self._threads)
        return self._loaded


_models: weakref.WeakValueDictionary[tuple[Path, int], KokoroModel] = weakref.WeakValueDictionary()
_loading = threading.Lock()


def shared_model(folder: Path, threads: int) -> KokoroModel:
    """Return the model in a folder, which all workers of this process share; raises EngineError."""
    with _loading:
        model = _models.get((folder, threads))
        if model is None:
            model = _models[folder, threads] = KokoroModel(folder, threads=threads)
        return model


def _letters(file: Path) -> Mapping[str, int]:
    vocabulary = json.loads(file.read_bytes())["vocab"]
    return {str(letter): int(number) for letter, number in vocabulary.items()}


def _with_durations(file: Path) -> bytes:
    """Return the model with how long each letter lasts as a second output."""
    onnx = importlib.import_module("onnx")
    model = onnx.load(str(file))
    model.graph.output.append(onnx.helper.make_tensor_value_info(_DURATIONS, onnx.TensorProto.FLOAT, None))
    made: bytes = model.SerializeToString()
    return made
