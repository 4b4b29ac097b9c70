"""A Whisper with random weights, as small as one likes: real files that CTranslate2 loads, for tests of loading."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

_SPECIALS = ("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|startofprev|>", "<|nospeech|>")
_HEADS = 2


def make_random_whisper(folder: Path, *, width: int = 32, texts: int = 50, seed: int = 0) -> Path:
    """Write a Whisper of one layer each way to `folder`; `texts` tokens of `width` weights are most of its size."""
    from ctranslate2.specs import WhisperSpec

    random = np.random.default_rng(seed)

    def weights(*shape: int) -> np.ndarray[Any, Any]:
        return random.standard_normal(shape, dtype=np.float32) * np.float32(0.05)

    def norm(into: Any) -> None:
        into.gamma, into.beta = np.ones(width, dtype=np.float32), weights(width)

    def linear(into: Any, rows: int, columns: int) -> None:
        into.weight, into.bias = weights(rows, columns), weights(rows)

    def attention(into: Any, *blocks: int) -> None:
        norm(into.layer_norm)
        for layer, count in zip(into.linear, blocks, strict=True):
            linear(layer, count * width, width)

    def feed_forward(into: Any) -> None:
        norm(into.layer_norm)
        linear(into.linear_0, 4 * width, width)
        linear(into.linear_1, width, 4 * width)

    timestamps = ["<|notimestamps|>", *(f"<|{step * 0.02:.2f}|>" for step in range(1_501))]
    vocabulary = [*(f"w{number}" for number in range(texts)), *_SPECIALS, *timestamps]
    spec = WhisperSpec(1, _HEADS, 1, _HEADS)
    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = weights(width, 80, 3), weights(width)
    encoder.conv2.weight, encoder.conv2.bias = weights(width, width, 3), weights(width)
    encoder.position_encodings.encodings = weights(1_500, width)
    decoder.position_encodings.encodings = weights(448, width)
    decoder.embeddings.weight = weights(len(vocabulary), width)
    decoder.projection.weight = decoder.embeddings.weight
    attention(encoder.layer[0].self_attention, 3, 1)
    attention(decoder.layer[0].self_attention, 3, 1)
    attention(decoder.layer[0].attention, 1, 2, 1)
    for part in (encoder, decoder):
        norm(part.layer_norm)
        feed_forward(part.layer[0].ffn)
    spec.register_vocabulary(vocabulary)
    spec.config.alignment_heads = [(0, 0)]
    spec.config.lang_ids = [vocabulary.index("<|en|>")]
    spec.config.suppress_ids = spec.config.suppress_ids_begin = []
    spec.validate()
    spec.optimize(quantization="int8")
    folder.mkdir(parents=True)
    spec.save(str(folder))
    added = [{"id": place, "content": word, "special": True} for place, word in enumerate(vocabulary) if word[0] == "<"]
    for token in added:
        token |= dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    vocab = {word: place for place, word in enumerate(vocabulary)}
    model = {"type": "WordLevel", "vocab": vocab, "unk_token": "w0"}
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "added_tokens": added, "model": model}))
    return folder
