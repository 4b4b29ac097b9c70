"""Kokoro in memory: letters to a plan of the clause, and its audio in pieces that begin with words.

The graph is cut behind its encoder, which is quick and says for the whole clause what is said when, at which pitch and
how strongly. The decoder, which takes nearly all of the time, then works on pieces of that plan. It normalises over
what it is given, so a piece is not exactly what the whole would be. Pieces begin at words and are faded into one
another.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio.frames import WIRE_HZ, samples_for
from common.errors import EngineError
from pipelines.onnx_session import open_session, run_session
from pipelines.tts.neural.levels import Wave
from pipelines.tts.neural.phonemes import Sounds, sounds_of
from pipelines.tts.neural.shared import Shared

MODEL, LETTERS, STYLES = "model.onnx", "vocab.json", "voices.npz"
"""The files of such a voice."""

# What the encoder hands on: what is said, at which pitch and how strongly (two values a frame each), and for how long.
_SAID, _PITCH, _STRENGTH = "/encoder/MatMul_1_output_0", "/encoder/Reshape_output_0", "/encoder/Reshape_1_output_0"
_DURATIONS = "/encoder/Round_output_0"
# A frame lasts 25 ms.
FRAME_SAMPLES = 600
# Measured at 85 words behind silences: 65 ms.
_EARLY_FRAMES = 3
_ESPEAK_VOICE = "en-us"
# The strength of frames is a logarithm. Of what can be heard it is 2 and more, of pauses -2 and less, and 35 dB below
# a clause's loudest lie between; the last word's own span has up to half a second of pause in it.
_HEARD = 1.0
# Frames that a piece sees to each side, and how long pieces are: the first is soon heard.
# A narrower view costs words: with 8 frames Whisper reads 9.0 % of them wrongly, with 16 frames 5.6, of wholes 3.7.
_CONTEXT = 16
_PIECES = (16, 32, 56, 80)
_FADE_SAMPLES = samples_for(10.0, WIRE_HZ)

# espeak-ng's letters on the left; those that are the same have no line here. Longer ones come first.
_ENGLISH = (
    ("oʊ", "O"), ("aɪ", "I"), ("eɪ", "A"), ("aʊ", "W"), ("ɔɪ", "Y"), ("tʃ", "ʧ"), ("dʒ", "ʤ"), ("ɜː", "ɜɹ"),
    ("ɚ", "əɹ"), ("r", "ɹ"), ("x", "k"), ("ɬ", "l"), ("ɐ", "ə"), ("ː", ""), ("\u0329", ""), ("\u0303", ""),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class ClausePlan:
    """A clause before it is audio: what the encoder made of it, and the frames at which its words begin and end."""

    said: NDArray[np.float32]
    pitch: NDArray[np.float32]
    strength: NDArray[np.float32]
    style: NDArray[np.float32]
    spans: tuple[tuple[int, int], ...]

    @property
    def length(self) -> int:
        """How many frames it has."""
        return int(self.said.shape[2])

    @property
    def heard(self) -> NDArray[np.intp]:
        """The numbers of the frames that can be heard, by how strongly they are to be said."""
        return np.flatnonzero(self.strength.reshape(self.length, -1).mean(axis=1) > _HEARD)


class KokoroModel:
    """The model in a folder; use `shared_model` to get it."""

    def __init__(self, folder: Path, *, threads: int) -> None:
        """Load it; raises EngineError (`model.format`)."""
        self._name = str(folder / MODEL)
        try:
            vocabulary = json.loads((folder / LETTERS).read_bytes())["vocab"]
            self._letters: Mapping[str, int] = {str(letter): int(number) for letter, number in vocabulary.items()}
            with np.load(folder / STYLES) as styles:
                self._styles: dict[str, NDArray[np.float32]] = {
                    name: styles[name].reshape(-1, 256).astype(np.float32) for name in styles.files
                }
            encoder, decoder = _cut(folder / MODEL)
        # Each library raises errors of its own for a broken file.
        except Exception as error:
            raise EngineError(f"the voice in {folder} can't be read ({error})", code="model.format") from error
        self._encoder: Any = open_session(encoder, threads=threads, name=self._name, on_card=True)
        self._decoder: Any = open_session(decoder, threads=threads, name=self._name, on_card=True)

    def styles(self, speaker: str) -> NDArray[np.float32]:
        """Return a speaker's styles, float32 (lengths, 256); raises EngineError (`model.speaker`)."""
        if speaker in self._styles:
            return self._styles[speaker]
        known = ", ".join(self._styles)
        raise EngineError(f"Kokoro has no speaker '{speaker}' here; it has {known}", code="model.speaker")

    def plan(self, words: Sequence[str], styles: NDArray[np.float32], *, speed: float) -> ClausePlan | None:
        """Return the plan of words, each with its punctuation; None without a sound. Raises EngineError."""
        sounds = sounds_of(words, voice=_ESPEAK_VOICE)
        ids, places = self._ids(sounds)
        if not ids:
            return None
        style = styles[min(len(ids), len(styles)) - 1][np.newaxis]
        given = {
            "tokens": np.array([[0, *ids, 0]], dtype=np.int64),
            "style": style,
            "speed": np.array([speed], dtype=np.float32),
        }
        said, pitch, strength, frames = run_session(
            self._encoder, [_SAID, _PITCH, _STRENGTH, _DURATIONS], given, name=self._name
        )
        edges = np.concatenate([[0], np.cumsum(np.asarray(frames).reshape(-1))]).astype(np.int64)
        # The first id is a pad, which the places don't count. Sounds are heard so much before the encoder says.
        heard = np.maximum(0, edges - _EARLY_FRAMES)
        spans = tuple((int(heard[places[begin] + 1]), int(heard[places[end] + 1])) for begin, end in sounds.spans)
        return ClausePlan(said, pitch, strength, style, spans)

    def pieces(self, plan: ClausePlan, begin: int, end: int) -> Iterator[Wave]:
        """Yield the audio of the frames from `begin` to before `end`, float32 (n,) each; the whole has no gap."""
        tail: Wave = np.zeros(0, dtype=np.float32)
        for first, last in _bounds(begin, end, [word for word, _ in plan.spans]):
            left, right = max(0, first - _CONTEXT), min(plan.length, last + _CONTEXT)
            made = self._decode(plan, left, right)[(first - left) * FRAME_SAMPLES :]
            rising = np.arange(1, len(tail) + 1, dtype=np.float32) / np.float32(max(1, len(tail)))
            made[: len(tail)] = tail * (1 - rising) + made[: len(tail)] * rising
            length = (last - first) * FRAME_SAMPLES
            tail = made[length : length + _FADE_SAMPLES].copy()
            yield made[:length]

    def _decode(self, plan: ClausePlan, begin: int, end: int) -> Wave:
        given = {
            _SAID: np.ascontiguousarray(plan.said[:, :, begin:end]),
            _PITCH: np.ascontiguousarray(plan.pitch[..., 2 * begin : 2 * end]),
            _STRENGTH: np.ascontiguousarray(plan.strength[..., 2 * begin : 2 * end]),
            "style": plan.style,
        }
        (wave,) = run_session(self._decoder, None, given, name=self._name)
        return np.asarray(wave, dtype=np.float32).reshape(-1)

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


_models: Shared[KokoroModel] = Shared()


def shared_model(folder: Path, threads: int) -> KokoroModel:
    """Return the model in a folder, which all workers of this process share; raises EngineError."""
    return _models.get((folder, threads), lambda: KokoroModel(folder, threads=threads))


def _bounds(begin: int, end: int, words: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last frame of each piece; a piece ends where a word begins, if it can."""
    index = 0
    while begin < end:
        size = _PIECES[min(index, len(_PIECES) - 1)]
        stop = begin + size
        if end - begin < 1.5 * size:
            stop = end
        elif near := [word for word in words if begin + size // 2 < word <= stop]:
            stop = near[-1]
        yield begin, stop
        begin, index = stop, index + 1


def _cut(file: Path) -> tuple[bytes, bytes]:
    """Return the encoder and the decoder as ONNX files."""
    onnx = importlib.import_module("onnx")
    model = onnx.load(str(file))
    known = {info.name for info in model.graph.value_info}
    for name in {_SAID, _PITCH, _STRENGTH, _DURATIONS} - known:
        model.graph.value_info.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    extractor = importlib.import_module("onnx.utils").Extractor(model)
    inputs = [known.name for known in model.graph.input]
    audio = [known.name for known in model.graph.output]
    encoder = extractor.extract_model(inputs, [_SAID, _PITCH, _STRENGTH, _DURATIONS])
    decoder = extractor.extract_model([_SAID, _PITCH, _STRENGTH, "style"], audio[:1])
    return encoder.SerializeToString(), decoder.SerializeToString()
