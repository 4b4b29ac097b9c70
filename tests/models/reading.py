"""Reads the fixture sentences with the proof recogniser, as faster-whisper does it and at a clip's own length."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio.frames import ANALYSIS_HZ, WIRE_HZ, to_float
from audio.resample import resample_whole
from pipelines.engines import SpeakRequest, Synthesiser, Voice
from pipelines.stt.wer import normalise
from pipelines.truth import SUFFIX, Truth, load_truth
from pipelines.tts.espeak import EspeakSynthesiser
from pipelines.tts.flite import FliteSynthesiser, available
from tests.data.making import resample
from tests.models.proof_settings import MODEL
from tests.models.speech import SPELT_ANSWERS, bundled

Samples = NDArray[np.float32]

DATA = Path(__file__).parents[1] / "data"
# A turn longer than the recogniser's window is read in its segments alone.
WINDOW_S = 29.0
# This much of the recording is kept before and after, as a voice detector does.
_AROUND_MS = 200
_HOP = 160


@dataclass(frozen=True, slots=True, eq=False)
class Sentence:
    """A turn or a segment of a recording: float32 at 16 kHz, and what is said."""

    name: str
    samples: Samples
    text: str
    card: str = ""  # that is talked about, of a recording


def sentences(*, longest_s: float = WINDOW_S) -> list[Sentence]:
    """Return every turn of every recording that has words, up to this length, and every segment of one with several."""
    found: list[Sentence] = []
    for path in sorted([*DATA.glob("*" + SUFFIX), *(DATA / "pauses").glob("*" + SUFFIX)]):
        truth = load_truth(path)
        if truth is None or not truth.turns:
            continue
        stem = path.name.removesuffix(SUFFIX)
        samples = audio(next(path.parent.glob(stem + ".[fw]*")), truth)
        for number, turn in enumerate(truth.turns):
            spans = [(f"{stem}-{number}", turn)] if turn.duration_ms < longest_s * 1000 else []
            if len(turn.segments) > 1:
                spans += [(f"{stem}-{number}-{at}", segment) for at, segment in enumerate(turn.segments)]  # type: ignore[misc]
            for name, span in spans:
                # Where the next piece begins sooner, the cut lies in the middle of the pause.
                before, after = _room(truth, span.from_ms, span.to_ms)
                cut = samples[(span.from_ms - before) * 16 : (span.to_ms + after) * 16]
                found.append(Sentence(name=name, samples=cut, text=span.text, card=truth.card or ""))
    return found


def qualifying(synthesiser: Synthesiser) -> list[Sentence]:
    """Return the bundled sentences and the short answers as a synthesiser speaks them at its usual pace."""
    found = []
    for text in (*bundled(), *SPELT_ANSWERS):
        for sex in ("female", "male"):
            request = SpeakRequest(id="", text=text, voice=Voice(sex=sex))
            wire = np.concatenate([chunk.samples for chunk in synthesiser.speak(request)])
            samples = to_float(resample_whole(wire, from_hz=WIRE_HZ, to_hz=ANALYSIS_HZ))
            found.append(Sentence(name=f"{synthesiser.info.name} {sex}", samples=samples, text=text))
    return found


def audio(path: Path, truth: Truth | None = None) -> Samples:
    """Return a recording at 16 kHz, of a stereo one the channel with speech."""
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples[:, 1 if truth is not None and truth.speech_in == "right" else 0]
    return np.asarray(resample(mono.astype(np.float64), rate_hz, ANALYSIS_HZ), dtype=np.float32)


def load(folder: Path = MODEL) -> Any:
    """Return the model as faster-whisper loads it, on one processor."""
    from faster_whisper import WhisperModel

    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)


def read_padded(model: Any, samples: Samples, *, timed: bool = False) -> str:
    """Return what faster-whisper's own `transcribe` reads: the audio padded to 30 s."""
    segments, _ = model.transcribe(
        samples,
        language="en",
        beam_size=1,
        temperature=0.0,
        without_timestamps=not timed,
        condition_on_previous_text=False,
    )
    return "".join(segment.text for segment in segments).strip()


def read_true_length(model: Any, samples: Samples, *, margin_ms: int = 300) -> str:
    """Return what is read when no more is encoded than the audio and a margin of silence."""
    import ctranslate2

    padded = np.pad(samples, (0, margin_ms * ANALYSIS_HZ // 1000))
    padded = np.pad(padded, (0, -len(padded) % (2 * _HOP)))
    features = np.ascontiguousarray(model.feature_extractor(padded)[np.newaxis, :, : len(padded) // _HOP])
    prompt = [model.hf_tokenizer.token_to_id(name) for name in ("<|startoftranscript|>", "<|notimestamps|>")]
    (result,) = model.model.generate(ctranslate2.StorageView.from_array(features), [prompt], beam_size=1)
    end = model.hf_tokenizer.token_to_id("<|endoftext|>")
    return str(model.hf_tokenizer.decode([token for token in result.sequences_ids[0] if token < end])).strip()


def same(text: str, read: str) -> bool:
    """Return whether two texts have the same words."""
    return normalise(text) == normalise(read)


def _room(truth: Truth, from_ms: int, to_ms: int) -> tuple[int, int]:
    edges = [(segment.from_ms, segment.to_ms) for turn in truth.turns for segment in turn.segments]
    before = min([_AROUND_MS, from_ms, *((from_ms - end) // 2 for _, end in edges if end <= from_ms)])
    after = min([_AROUND_MS, *((begin - to_ms) // 2 for begin, _ in edges if begin >= to_ms)])
    return before, after


def main(arguments: Sequence[str] | None = None) -> int:
    """Read all sentences; return 1 when more are wrong than allowed."""
    parser = argparse.ArgumentParser(description="Read every fixture sentence and print those that are wrong.")
    parser.add_argument("folder", nargs="?", type=Path, default=MODEL, help="of the model (default: the proof model)")
    parser.add_argument(
        "--allowed", type=float, default=0.0, help="share of readings with a wrong word (default: none)"
    )
    given = parser.parse_args(arguments)
    model = load(given.folder)
    ways: dict[str, Callable[[Any, Samples], str]] = {
        "true length": read_true_length,
        "padded": read_padded,
        "padded, with times": partial(read_padded, timed=True),
    }
    everything = sentences() + qualifying(EspeakSynthesiser())
    if available():
        everything += qualifying(FliteSynthesiser())
    wrong = 0
    for way, read in ways.items():
        misread = [(one, text) for one in everything if not same(one.text, text := read(model, one.samples))]
        wrong += len(misread)
        sys.stdout.write(f"{way}: {len(everything) - len(misread)} of {len(everything)} right\n")
        for one, text in misread:
            sys.stdout.write(f"  {one.name}: {one.text!r}\n  {' ' * len(one.name)}  {text!r}\n")
    return 1 if wrong > given.allowed * len(everything) * len(ways) else 0


if __name__ == "__main__":
    sys.exit(main())
