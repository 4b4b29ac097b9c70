"""Sentences as vectors: a text encoder in CTranslate2, the mean of its words' states, brought to length one."""

from __future__ import annotations

import functools
import hashlib
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import EngineError
from pipelines.models.bert_checkpoint import WEIGHTS, write_ct2
from pipelines.models.model_store import sha256_of

Vectors = NDArray[np.float32]

MOST_TOKENS = 128
"""What is longer is cut: nobody asks for a thing in so many words."""
BATCH = 64


# What was learned on top of a checkpoint (`scripts/train-encoder`), by the first digits of the checkpoint's sha256.
ADAPTERS = Path(__file__).with_name("adapters")
DIGITS = 16
# What an encoder is made of, whether a checkpoint or a converted model.
FILES = ("config.json", "tokenizer.json", WEIGHTS, "model.bin")


class SentenceEncoder:
    """Makes float32 vectors of unit length, one for each text; `folder` holds a checkpoint or a converted model.

    `adapter` takes the place of what we have learned on top of the checkpoint. Once loaded, `tuned` tells whether it
    has learned what candidates ask: the checkpoint that comes with us has.
    """

    def __init__(
        self, folder: Path, *, threads: int = 1, adapter: Path | None = None, device: str = "cpu", device_index: int = 0
    ) -> None:
        self._folder = folder
        self._options = {
            "device": device,
            "device_index": device_index,
            "inter_threads": 1,
            "intra_threads": threads,
        }
        self._adapter = adapter
        self._loading = threading.Lock()
        self._model: Any = None
        self._tokenizer: Any = None
        self.tuned = False

    def load(self) -> None:
        """Load the model; raises EngineError for one that can't be used. A checkpoint is converted on the way."""
        # Several may ask at once: whoever comes later waits, and finds it.
        with self._loading:
            if self._model is None:
                self._load()

    def _load(self) -> None:
        learned = self._adapter
        if not (self._folder / "model.bin").is_file():
            learned = learned or adapter_for(self._folder / WEIGHTS)
            self.tuned = learned is not None
        self._tokenizer, self._model = open_encoder(self._folder, learned, self._options)

    @property
    def calibrated_as(self) -> str:
        """Which of the shipped calibrations was learned for it, once loaded: "tuned" or "plain"."""
        return "tuned" if self.tuned else "plain"

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return the texts' vectors, float32 (texts, width) of unit length."""
        self.load()
        made = [self._encode(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
        return np.concatenate(made) if made else np.zeros((0, 0), dtype=np.float32)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        means = states_of(self._model, [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))])
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), dtype=np.float32)


def open_encoder(folder: Path, adapter: Path | None, options: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return tokenizer and model of a folder; raises EngineError. A checkpoint is converted, with its `adapter`."""
    import ctranslate2
    import tokenizers

    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library raises nothing more special
        raise EngineError(
            f"{folder / 'tokenizer.json'} can't be used ({error}): pull it again", code="model.tokenizer"
        ) from error
    tokenizer.no_padding()
    tokenizer.enable_truncation(MOST_TOKENS)
    if (folder / "model.bin").is_file():
        return tokenizer, ctranslate2.Encoder(str(folder), **options)
    if not (folder / WEIGHTS).is_file():
        raise EngineError(f"{folder} has no {WEIGHTS}: pull it again", code="model.format")
    with tempfile.TemporaryDirectory(prefix="interlocutor-encoder-") as made:
        write_ct2(folder, Path(made), adapter=adapter)
        return tokenizer, ctranslate2.Encoder(made, **options)


def states_of(model: Any, tokens: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None = None) -> Vectors:
    """Return the mean of the states of each text's tokens, float32 (texts, width)."""
    import ctranslate2

    output = model.forward_batch(tokens, token_type_ids=types).last_hidden_state
    states = np.array(ctranslate2.StorageView.to_device(output, ctranslate2.Device.cpu), dtype=np.float32)
    inside = np.arange(states.shape[1]) < np.array([[len(ids)] for ids in tokens])
    return np.asarray((states * inside[:, :, np.newaxis]).sum(axis=1) / inside.sum(axis=1, keepdims=True), np.float32)


@functools.lru_cache(maxsize=4)
def shared_encoder(folder: Path, *, threads: int = 1, device: str = "cpu", device_index: int = 0) -> SentenceEncoder:
    """Return one encoder for all who read with it in a process; several may ask it at once."""
    return SentenceEncoder(folder, threads=threads, device=device, device_index=device_index)


def adapter_for(checkpoint: Path, *, kind: str = "") -> Path | None:
    """Return what was learned on top of a checkpoint, if anything was."""
    adapter = adapter_path(checkpoint, kind=kind)
    return adapter if adapter.is_file() else None


def adapter_path(checkpoint: Path, *, kind: str = "") -> Path:
    """Return where that is kept, whether or not it is there; `kind` is "" for vectors, "reader" for reading pairs."""
    return ADAPTERS / f"{'-'.join(filter(None, (file_digest(checkpoint)[:DIGITS], kind)))}.safetensors"


def encoder_digest(folder: Path) -> str:
    """Return the sha256 of all that makes a text a vector: the files of the encoder, and what we taught it."""
    made_from = hashlib.sha256()
    files = [folder / name for name in FILES if (folder / name).is_file()]
    learned = adapter_for(folder / WEIGHTS) if (folder / WEIGHTS).is_file() else None
    for file in [*files, *([learned] if learned is not None else [])]:
        made_from.update(file_digest(file).encode())
    return made_from.hexdigest()


def file_digest(path: Path) -> str:
    """Return a file's sha256; one that did not change is read once."""
    stat = path.stat()
    return _digest(path, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _digest(path: Path, size: int, changed_ns: int) -> str:
    del size, changed_ns  # only so that another content under the same name is read
    return sha256_of(path)
