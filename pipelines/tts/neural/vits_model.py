"""A VITS voice in memory: phoneme ids to audio, in windows where its graph can be cut, else as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import EngineError
from pipelines.onnx_session import open_session, run_session
from pipelines.tts.neural.graph_cut import CutVoice, cut_voice
from pipelines.tts.neural.voice_file import VoiceFile

Wave = NDArray[np.float32]

# The first window is short, so that it is soon heard; later ones cost less for each frame.
_FIRST_FRAMES, _GROWTH, _MOST_FRAMES = 16, 3, 256
# A decoder that needs to see further than this to each side gains nothing from windows.
_CONTEXTS = (12, 24)
_LARGEST_DIFFERENCE = 1e-3
_LAST_PIECE = 1.5
# 47 s at Piper's 86 frames a second: a longer passage is split before.
MOST_FRAMES = 4096
_NOISE_CHANNELS = 512
_NOISE_SEED, _NOISE_STEP_FRAMES = 1, 160


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """What the front made of a text: latents, the frames that each id lasts, and what else the decoder takes.

    Of a voice that speaks as a whole the latents are its audio.
    """

    latents: NDArray[np.float32]
    frames: NDArray[np.int64]
    sides: Mapping[str, NDArray[np.float32]]

    @property
    def length(self) -> int:
        """How many frames it has."""
        return int(self.frames.sum())


class VitsModel:
    """The sessions of a voice; `why_whole` says why it speaks by whole clauses, empty for one that does in windows.

    `noises` are the random numbers that the front is given, float32 (1, channels, length) by the input's name.
    """

    def __init__(self, voice: VoiceFile, *, threads: int = 1) -> None:
        """Load the voice; raises EngineError (`model.format`)."""
        self.voice = voice
        self._cut = _cut(voice)
        last = max(voice.speakers.values(), default=0)
        if self._cut.speakers and last >= self._cut.speakers:
            raise EngineError(
                f"{voice.model} has {self._cut.speakers} speakers, and its description tells of number {last}; "
                "take the description that belongs to it",
                code="model.format",
            )
        name = str(voice.model)
        self._front: Any = open_session(self._cut.front, threads=threads, name=name, on_card=True)
        decoder = self._cut.decoder
        self._decoder: Any = open_session(decoder, threads=threads, name=name, on_card=True) if decoder else None
        self._inputs = {known.name for known in self._front.get_inputs()}
        noise = np.random.default_rng(_NOISE_SEED).standard_normal((1, _NOISE_CHANNELS, MOST_FRAMES), np.float32)
        # Each has its own numbers, the same for every passage, so that a reply can be made again.
        self.noises = {
            name: np.roll(noise, index * _NOISE_STEP_FRAMES, axis=2) for index, name in enumerate(self._cut.noises)
        }
        self._context = 0
        self.why_whole = self._cut.why_whole
        self.samples_per_frame = 1

    def probe(self, ids: NDArray[np.int64], speaker: int | None) -> None:
        """Find out how far the decoder sees, by a passage in windows and as a whole; raises EngineError."""
        passage = self.passage(ids, speaker, length=1.0)
        if not passage.length:
            raise EngineError(f"{self.voice.model} makes no sound of a sentence", code="model.format")
        whole = self._decode(passage, 0, passage.length)
        self.samples_per_frame = max(1, len(whole) // passage.length)
        if self._decoder is None:
            return
        worst = np.inf
        for context in _CONTEXTS:
            self._context = context
            pieces = np.concatenate(list(self.windows(passage, 0, passage.length)))
            worst = float(np.max(np.abs(pieces - whole))) if len(pieces) == len(whole) else np.inf
            if worst <= _LARGEST_DIFFERENCE:
                return
        self.why_whole = f"in windows its audio would differ by {worst:.2g} from the whole"

    def passage(self, ids: NDArray[np.int64], speaker: int | None, *, length: float) -> Passage:
        """Run the front: ids int64 (n,), `length` times as long as at the voice's own pace; raises EngineError."""
        noise, own_length, noise_of_length = self.voice.scales
        known: dict[str, Any] = {
            "input": ids[np.newaxis],
            "input_lengths": np.array([len(ids)], dtype=np.int64),
            "scales": np.array([noise, own_length * length, noise_of_length], dtype=np.float32),
            "sid": np.array([speaker or 0], dtype=np.int64),
            **self.noises,
        }
        made = [name for name in self._cut.sides if name not in known]
        wanted = [self._cut.latents, *made, *filter(None, [self._cut.durations])]
        given = {name: value for name, value in known.items() if name in self._inputs}
        made_of = run_session(self._front, wanted, given, name=str(self.voice.model))
        found = dict(zip(wanted, made_of, strict=True))
        latents = found[self._cut.latents]
        frames = found[self._cut.durations].reshape(-1) if self._cut.durations else _evenly(latents.size, len(ids))
        sides = {name: found[name] if name in found else known[name] for name in self._cut.sides}
        return Passage(latents, np.asarray(np.rint(frames), dtype=np.int64), sides)

    def windows(self, passage: Passage, begin: int, end: int, *, whole: bool = False) -> Iterator[Wave]:
        """Yield the audio of the frames from `begin` to before `end` in pieces, or as a whole; float32 (n,) each."""
        hop = self.samples_per_frame
        if whole or self.why_whole:
            yield self._decode(passage, 0, passage.length)[begin * hop : end * hop]
            return
        size = _FIRST_FRAMES
        while begin < end:
            # A last piece that is hardly worth a call goes with the one before.
            stop = end if end - begin < _LAST_PIECE * size else begin + size
            left, right = max(0, begin - self._context), min(passage.length, stop + self._context)
            made = self._decode(passage, left, right)
            yield made[(begin - left) * hop : (stop - left) * hop]
            begin, size = stop, min(_GROWTH * size, _MOST_FRAMES)

    def _decode(self, passage: Passage, begin: int, end: int) -> Wave:
        if self._decoder is None:
            return passage.latents.reshape(-1)
        given = {self._cut.latents: np.ascontiguousarray(passage.latents[:, :, begin:end]), **passage.sides}
        (wave,) = run_session(self._decoder, None, given, name=str(self.voice.model))
        return np.asarray(wave, dtype=np.float32).reshape(-1)


def _evenly(samples: int, ids: int) -> NDArray[np.int64]:
    """Return how many of the samples each id gets when nobody knows."""
    edges = np.linspace(0, samples, ids + 1).astype(np.int64)
    return edges[1:] - edges[:-1]


def _cut(voice: VoiceFile) -> CutVoice:
    try:
        return cut_voice(voice.model)
    # The library raises errors of its own for a broken file.
    except Exception as error:
        raise EngineError(f"{voice.model} can't be read ({error})", code="model.format") from error
