"""Reads a question and an item of a card together, and tells whether the item answers it.

Vectors tell what a question is about, made one by one; they hardly tell "Do you snore?" from "How do you sleep?". Here
one network reads both texts at once (a cross-encoder: Nogueira and Cho, 2019), which costs some milliseconds, so it is
asked about the likeliest items only. `bench/train_reader.py` teaches it, on top of the checkpoint of the text encoder.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.intent.encoder import adapter_for, open_encoder, states_of
from pipelines.models.bert_checkpoint import WEIGHTS, read_safetensors

KIND = "reader"
# So many tokens are read of a question, its last, and of an item, its first.
MOST_TOKENS = 48
START, SEPARATOR = "[CLS]", "[SEP]"
# Readings that are kept for when the same is asked again, as at the end of a turn after its last pause.
KEPT = 64

Floats = NDArray[np.float32]
_erf = np.frompyfunc(math.erf, 1, 1)


def reader_for(folder: Path) -> Path | None:
    """Return what was learned for reading on top of the checkpoint in a folder, if anything was."""
    return adapter_for(folder / WEIGHTS, kind=KIND) if (folder / WEIGHTS).is_file() else None


def item_text(topic: str, example: str, says: str) -> str:
    """Return what is read of an item: what it is about, a question that asks for it, the answer."""
    return f"{topic}. {example} {says}"


class ItemReader:
    """Tells of pairs how likely the second text answers the first; `learned` is what is on top of the checkpoint."""

    def __init__(
        self, folder: Path, learned: Path, *, threads: int = 1, device: str = "cpu", device_index: int = 0
    ) -> None:
        self._folder, self._learned = folder, learned
        self._options = {"device": device, "device_index": device_index, "inter_threads": 1, "intra_threads": threads}
        self._loading = threading.Lock()
        self._model: Any = None
        self._tokenizer: Any = None
        self._ends = (0, 0)
        self._head: dict[str, Floats] = {}
        self._kept = functools.lru_cache(maxsize=KEPT)(self._read)

    def load(self) -> None:
        """Load the model; raises EngineError."""
        with self._loading:
            if self._model is None:
                tokenizer, model = open_encoder(self._folder, self._learned, self._options)
                tokenizer.no_truncation()
                self._ends = tokenizer.token_to_id(START), tokenizer.token_to_id(SEPARATOR)
                self._head = {
                    name: tensor.astype(np.float32)
                    for name, tensor in read_safetensors(self._learned).items()
                    if name.startswith("head.")
                }
                self._tokenizer, self._model = tokenizer, model

    def log_odds(self, question: str, items: Sequence[str]) -> NDArray[np.float64]:
        """Return the log odds that each item answers the question, float64 (items,)."""
        self.load()
        return np.array(self._kept(question, tuple(items)))

    def _read(self, question: str, items: tuple[str, ...]) -> tuple[float, ...]:
        start, separator = self._ends
        asked = [start, *self._ids(question)[-MOST_TOKENS:], separator]
        told = [[*self._ids(item)[:MOST_TOKENS], separator] for item in items]
        types = [[0] * len(asked) + [1] * len(ids) for ids in told]
        means = states_of(self._model, [[*asked, *ids] for ids in told], types)
        inner = means @ self._head["head.dense"].T + self._head["head.dense_bias"]
        # GELU (Hendrycks and Gimpel, 2016).
        inner = inner * 0.5 * (1.0 + _erf(inner / math.sqrt(2.0)).astype(np.float32))
        return tuple((inner @ self._head["head.out"] + self._head["head.bias"]).tolist())

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids


@functools.lru_cache(maxsize=4)
def shared_reader(folder: Path, *, threads: int = 1, device: str = "cpu", device_index: int = 0) -> ItemReader | None:
    """Return one reader for all of a process, if there is one for the encoder in this folder."""
    learned = reader_for(folder)
    if learned is None:
        return None
    return ItemReader(folder, learned, threads=threads, device=device, device_index=device_index)
