"""Models of a few kilobytes that CTranslate2 wrote and can load: random weights, whole folders."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

WIDTH = 8
WORDS = [
    *(f"word{number}" for number in range(24)),
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|transcribe|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
    *(f"<|{number * 0.02:.2f}|>" for number in range(1501)),
]


def write_whisper(folder: Path, *, mels: int = 80, seed: int = 0) -> Path:
    """Write a Whisper with one layer each side; returns the folder."""
    spec = _specs().WhisperSpec(1, 2, 1, 2)
    _fill(spec, seed=seed)
    spec.encoder.conv1.weight = _numbers(seed, WIDTH, mels, 3)
    spec.encoder.conv2.weight = _numbers(seed, WIDTH, WIDTH, 3)
    spec.encoder.position_encodings.encodings = _numbers(seed, 1500, WIDTH)
    spec.decoder.position_encodings.encodings = _numbers(seed, 448, WIDTH)
    spec.config.lang_ids = [WORDS.index("<|en|>")]
    spec.config.alignment_heads = [(0, 0)]
    return _save(spec, folder, mels=mels)


def write_language_model(folder: Path) -> Path:
    """Write a GPT-like decoder with one layer; returns the folder."""
    spec = _specs().TransformerDecoderModelSpec.from_config(1, 2)
    _fill(spec, seed=0)
    spec.decoder.position_encodings.encodings = _numbers(0, 64, WIDTH)
    return _save(spec, folder, mels=80)


def write_onnx(path: Path, inputs: tuple[str, ...] = ("input", "input_lengths", "scales")) -> Path:
    """Write the smallest ONNX file with these inputs, and as much in weights that it can be cut off."""

    def field(number: int, content: bytes) -> bytes:
        length = len(content)
        size = bytes([length]) if length < 128 else bytes([length & 0x7F | 0x80, length >> 7])
        return bytes([number << 3 | 2]) + size + content

    value = b"".join(field(11, field(1, name.encode())) for name in inputs) + field(12, field(1, b"output"))
    graph = field(2, b"vits") + field(5, field(9, bytes(1000))) + value
    path.write_bytes(b"\x08\x08" + field(7, graph) + field(8, b"\x10\x11"))
    return path


def _specs() -> Any:
    return importlib.import_module("ctranslate2.specs")


def _save(spec: Any, folder: Path, *, mels: int) -> Path:
    spec.register_vocabulary(WORDS)
    spec.validate()
    folder.mkdir(parents=True, exist_ok=True)
    spec.save(str(folder))
    text, special = WORDS[:24], WORDS[24:]
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": WORDS.index(word),
                "content": word,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for word in special
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {word: WORDS.index(word) for word in text}, "unk_token": "word0"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    if mels != 80:
        (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": mels}))
    return folder


def _fill(spec: Any, *, seed: int) -> None:
    for part, name in _unset(spec):
        kind = type(part).__name__
        if kind == "LayerNormSpec":
            setattr(part, name, np.ones(WIDTH, np.float32) if name == "gamma" else np.zeros(WIDTH, np.float32))
        elif kind == "EmbeddingsSpec":
            setattr(part, name, _numbers(seed, len(WORDS), WIDTH))
        elif name == "bias":
            part.bias = np.zeros(WIDTH, np.float32)
        else:
            part.weight = _numbers(seed, WIDTH, WIDTH)
    for stack in (getattr(spec, "encoder", None), spec.decoder):
        for layer in stack.layer if stack is not None else []:
            _widen(layer.self_attention.linear[0], 3)
            if hasattr(layer, "attention"):
                _widen(layer.attention.linear[1], 2)
            _widen(layer.ffn.linear_0, 4)
            layer.ffn.linear_1.weight = _numbers(seed, WIDTH, 4 * WIDTH)
    spec.decoder.projection.weight = _numbers(seed, len(WORDS), WIDTH)
    spec.decoder.projection.bias = np.zeros(len(WORDS), np.float32)


def _widen(linear: Any, times: int) -> None:
    linear.weight = _numbers(0, times * WIDTH, WIDTH)
    linear.bias = np.zeros(times * WIDTH, np.float32)


def _unset(part: Any) -> Iterator[tuple[Any, str]]:
    for name, value in list(vars(part).items()):
        if value is None and name in ("weight", "bias", "gamma", "beta"):
            yield part, name
        elif isinstance(value, list):
            for one in value:
                if hasattr(one, "__dict__"):
                    yield from _unset(one)
        elif hasattr(value, "__dict__") and type(value).__module__.startswith("ctranslate2"):
            yield from _unset(value)


def _numbers(seed: int, *shape: int) -> Any:
    return np.random.default_rng(seed).normal(0, 0.02, shape).astype(np.float32)
