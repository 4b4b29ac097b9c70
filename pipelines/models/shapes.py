"""Shape-true Whispers: the architecture, size and files of a real one, with random weights.

Time and memory of a model don't depend on the values of its weights, so speed can be measured where no weights can be
had. What such a model writes is nonsense. The folder is what CTranslate2's converter writes and faster-whisper loads.

    python -m pipelines.models.shapes base.en /tmp/base.en
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from common.errors import AppError, StorageError
from pipelines.models.whisper_tokens import END_OF_TEXT, fitted, placeholder, special_tokens, vocabulary

if TYPE_CHECKING:
    import numpy as np

Compute = Literal["int8", "float16", "float32"]
Report = Callable[[int, int], None]
"""Is told how many parameters are done, of how many."""

_WINDOW_FRAMES = 1_500  # the encoder's positions: 30 s in steps of 20 ms
_DECODER_POSITIONS = 448
_KERNEL = 3
_ENGLISH_TEXTS = 50_256
_BYTES = {"int8": 1, "float16": 2, "float32": 4}
_STD_OF_INT8 = 127 / math.sqrt(3)  # of whole numbers drawn evenly from -127 to 127
_EMBEDDING_STD = 0.02


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions of one size of Whisper."""

    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    text_tokens: int = _ENGLISH_TEXTS
    languages: int = 99
    mels: int = 80

    @property
    def multilingual(self) -> bool:
        """Whether it knows other languages than English, though all sizes have the tokens for them."""
        return self.text_tokens > _ENGLISH_TEXTS

    @property
    def no_speech(self) -> str:
        """The token for silence, which large-v3 renamed."""
        return "<|nospeech|>" if self.languages == 100 else "<|nocaptions|>"

    @property
    def parameters(self) -> int:
        """How many weights there are; embedding and output share theirs."""
        width, tokens = self.width, self.text_tokens + len(self.specials())
        attention, feed_forward = 4 * width * width + 4 * width, 8 * width * width + 5 * width
        norm = 2 * width
        convolutions = (self.mels * _KERNEL + 1) * width + (width * _KERNEL + 1) * width
        return (
            convolutions
            + (_WINDOW_FRAMES + _DECODER_POSITIONS + tokens) * width
            + self.encoder_layers * (attention + feed_forward + 2 * norm)
            + self.decoder_layers * (2 * attention + feed_forward + 3 * norm)
            + 2 * norm
        )

    def specials(self) -> tuple[str, ...]:
        """Return the tokens behind the text ones."""
        return special_tokens(languages=self.languages, no_speech=self.no_speech)


_ENGLISH = {
    "tiny.en": Shape(width=384, heads=6, encoder_layers=4, decoder_layers=4),
    "base.en": Shape(width=512, heads=8, encoder_layers=6, decoder_layers=6),
    "small.en": Shape(width=768, heads=12, encoder_layers=12, decoder_layers=12),
    "medium.en": Shape(width=1024, heads=16, encoder_layers=24, decoder_layers=24),
}
_LARGE = Shape(
    width=1280, heads=20, encoder_layers=32, decoder_layers=32, text_tokens=_ENGLISH_TEXTS + 1, languages=100, mels=128
)
SHAPES: dict[str, Shape] = {
    **{name.removesuffix(".en"): replace(shape, text_tokens=_ENGLISH_TEXTS + 1) for name, shape in _ENGLISH.items()},
    **_ENGLISH,
    "large-v3": _LARGE,
    "turbo": replace(_LARGE, decoder_layers=4),
}


def make_whisper(
    size: str,
    folder: Path,
    *,
    compute: Compute = "int8",
    tokenizer: Path | None = None,
    seed: int = 0,
    progress: Report | None = None,
) -> Path:
    """Write a Whisper of true shape with random weights to `folder` and return it.

    `size` is a key of `SHAPES`; `tokenizer` a real Whisper's tokenizer.json, of which the special tokens are moved to
    where this size has them; without it a placeholder of the same size is written. The same seed gives the same bytes.
    The folder appears whole or not at all. Needs memory for the model's file once, and twice its largest matrix. Raises
    StorageError when the folder is there already or the disk is too small, EngineError for an unusable tokenizer.
    """
    shape = SHAPES[size]
    _check_room(folder, needed_bytes=shape.parameters * _BYTES[compute] * 11 // 10)
    specials = shape.specials()
    content = (
        placeholder(text_tokens=shape.text_tokens, specials=specials, multilingual=shape.multilingual)
        if tokenizer is None
        else fitted(tokenizer, text_tokens=shape.text_tokens, specials=specials)
    )
    spec = _spec(shape, _Weights(compute, seed=seed, total=shape.parameters, report=progress))
    tokens = vocabulary(content)
    spec.register_vocabulary(tokens)
    _configure(spec.config, shape, tokens)
    spec.validate()
    # This shares the embedding with the output; the weights are of their type already.
    spec.optimize(quantization=None)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        spec.save(str(temporary))
        (temporary / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        if shape.mels != 80:  # what is assumed without the file
            (temporary / "preprocessor_config.json").write_text(
                json.dumps({"feature_size": shape.mels, "sampling_rate": 16_000, "hop_length": 160, "n_fft": 400})
                + "\n"
            )
        temporary.chmod(0o755)
        os.rename(temporary, folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return folder


class _Weights:
    """Draws random weights straight in the type they are stored in: the largest size does not fit as float32."""

    def __init__(self, compute: Compute, *, seed: int, total: int, report: Report | None) -> None:
        import numpy as np

        self._np = np
        self._random = np.random.default_rng(seed)
        self._quantised = compute == "int8"
        self._float: Any = np.float16 if compute == "float16" else np.float32
        self._total, self._done, self._report = total, 0, report

    def matrix(self, into: Any, shape: tuple[int, ...], *, std: float) -> None:
        """Set the weight of a layer, and its scale per row where it is quantised."""
        self._count(math.prod(shape))
        if self._quantised:
            into.weight = self._random.integers(-127, 128, size=shape, dtype=self._np.int8)
            # Scales differ from row to row as in a real model; equal ones would be stored once and then not be found.
            scale = _STD_OF_INT8 / std * self._random.uniform(0.9, 1.1, size=shape[0])
            into.weight_scale = scale.astype(self._np.float32)
        else:
            into.weight = self._random.standard_normal(shape, dtype=self._np.float32).astype(self._float) * std
            into.weight = into.weight.astype(self._float)

    def vector(self, length: int, *, mean: float = 0.0) -> np.ndarray[Any, Any]:
        """Return a bias or a norm's factors."""
        self._count(length)
        drawn = mean + 0.02 * self._random.standard_normal(length, dtype=self._np.float32)
        return drawn.astype(self._float)

    def linear(self, into: Any, *, rows: int, columns: int) -> None:
        """Fill a linear layer so that its output has about the variance of its input."""
        self.matrix(into, (rows, columns), std=1 / math.sqrt(columns))
        into.bias = self.vector(rows)

    def norm(self, into: Any, *, width: int) -> None:
        """Fill a layer norm."""
        into.gamma, into.beta = self.vector(width, mean=1.0), self.vector(width)

    def convolution(self, into: Any, *, rows: int, columns: int) -> None:
        """Fill a convolution over three frames."""
        self.matrix(into, (rows, columns, _KERNEL), std=1 / math.sqrt(columns * _KERNEL))
        into.bias = self.vector(rows)

    def positions(self, count: int, *, width: int) -> np.ndarray[Any, Any]:
        """Return position encodings, which are never quantised."""
        self._count(count * width)
        drawn = _EMBEDDING_STD * self._random.standard_normal((count, width), dtype=self._np.float32)
        return drawn.astype(self._float)

    def _count(self, parameters: int) -> None:
        self._done += parameters
        if self._report is not None:
            self._report(min(self._done, self._total), self._total)


def _spec(shape: Shape, weights: _Weights) -> Any:
    from ctranslate2.specs import WhisperSpec

    width = shape.width
    spec = WhisperSpec(shape.encoder_layers, shape.heads, shape.decoder_layers, shape.heads)
    encoder, decoder = spec.encoder, spec.decoder
    weights.convolution(encoder.conv1, rows=width, columns=shape.mels)
    weights.convolution(encoder.conv2, rows=width, columns=width)
    encoder.position_encodings.encodings = weights.positions(_WINDOW_FRAMES, width=width)
    weights.norm(encoder.layer_norm, width=width)
    for layer in encoder.layer:
        _attention(layer.self_attention, weights, width, blocks=(3, 1))
        _feed_forward(layer.ffn, weights, width)
    weights.matrix(decoder.embeddings, (shape.text_tokens + len(shape.specials()), width), std=_EMBEDDING_STD)
    decoder.projection.weight = decoder.embeddings.weight
    decoder.position_encodings.encodings = weights.positions(_DECODER_POSITIONS, width=width)
    weights.norm(decoder.layer_norm, width=width)
    for layer in decoder.layer:
        _attention(layer.self_attention, weights, width, blocks=(3, 1))
        _attention(layer.attention, weights, width, blocks=(1, 2, 1))
        _feed_forward(layer.ffn, weights, width)
    return spec


def _attention(into: Any, weights: _Weights, width: int, *, blocks: tuple[int, ...]) -> None:
    """Fill an attention; `blocks` says how many of query, key, value and output lie in each matrix."""
    weights.norm(into.layer_norm, width=width)
    for linear, count in zip(into.linear, blocks, strict=True):
        weights.linear(linear, rows=count * width, columns=width)


def _feed_forward(into: Any, weights: _Weights, width: int) -> None:
    weights.norm(into.layer_norm, width=width)
    weights.linear(into.linear_0, rows=4 * width, columns=width)
    weights.linear(into.linear_1, rows=width, columns=4 * width)


def _configure(config: Any, shape: Shape, tokens: list[str]) -> None:
    """Say which tokens are languages, which are never written, and which heads tell the time of a word."""
    first = shape.text_tokens + 2
    config.lang_ids = list(range(first, first + shape.languages))
    tasks = range(first + shape.languages, first + shape.languages + 5)
    config.suppress_ids = sorted([*_marks(tokens[: shape.text_tokens]), shape.text_tokens + 1, *tasks])
    config.suppress_ids_begin = sorted([tokens.index("Ġ"), tokens.index(END_OF_TEXT)])
    layers = range(shape.decoder_layers // 2, shape.decoder_layers)
    config.alignment_heads = [(layer, head) for layer in layers for head in range(shape.heads)][:10]  # as many as real


def _marks(texts: list[str]) -> Iterator[int]:
    """Yield the text tokens that are notes and brackets, which a transcript is not to begin with."""
    marks = set('"#()*+/:;<=>@[\\]^_`{|}~')
    return (place for place, text in enumerate(texts) if text.removeprefix("Ġ") in marks)


def _check_room(folder: Path, *, needed_bytes: int) -> None:
    if folder.exists():
        raise StorageError(f"{folder} is there already; remove it or choose another folder")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        free_bytes = shutil.disk_usage(folder.parent).free
    except OSError as error:
        raise StorageError(f"{folder.parent} can't be made a folder; choose another one") from error
    if free_bytes < needed_bytes:
        raise StorageError(
            f"{folder.parent} has {free_bytes / 1e6:,.0f} MB free, and {needed_bytes / 1e6:,.0f} MB are needed; "
            "make room or choose another disk",
            code="storage.full",
        )


def _bar(done: int, total: int) -> None:
    width = 30
    filled = width * done // total
    end = "\n" if done == total else ""
    sys.stderr.write(f"\r{'#' * filled}{'.' * (width - filled)} {done / 1e6:6.0f} of {total / 1e6:.0f} M weights{end}")
    sys.stderr.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Make one model; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.models.shapes",
        description="Make a Whisper of true shape with random weights: as fast and as large as a real one, but what it "
        "writes is nonsense. For measuring speed and memory where no real model is at hand.",
    )
    parser.add_argument("size", metavar="SIZE", choices=SHAPES, help=f"one of {', '.join(SHAPES)}")
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="folder to make; it may not exist yet")
    parser.add_argument(
        "--tokenizer", metavar="FILE", type=Path, help="a real Whisper's tokenizer.json (default: one token a byte)"
    )
    parser.add_argument(
        "--compute", choices=get_args(Compute), default="int8", help="type of the weights (default: int8)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the random weights (default: 0)")
    given = parser.parse_args(arguments)
    try:
        made = make_whisper(
            given.size,
            given.folder,
            compute=given.compute,
            tokenizer=given.tokenizer,
            seed=given.seed,
            progress=_bar if sys.stderr.isatty() else None,
        )
    except AppError as error:
        sys.stderr.write(f"{error.message}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"the model could not be written ({error.strerror}); choose another folder\n")
        return 1
    size_bytes = sum(file.stat().st_size for file in made.iterdir())
    sys.stdout.write(f"{made}: {SHAPES[given.size].parameters / 1e6:.0f} M weights, {size_bytes / 1e6:,.0f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
