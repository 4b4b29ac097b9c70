"""A language model of Llama's architecture with random weights, written as GGUF, and what it computes, in numpy alone.

It has a few thousand weights, one token a byte and a chat template. `logits` is a forward pass of our own by the
weights in the order that the file has them (neighbours are rotated), so it says what a conversion must come to.
"""

from __future__ import annotations

import struct
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.models.cache import ModelCache
from pipelines.models.devices import Device
from pipelines.models.gguf_llama import convert_gguf
from pipelines.responders.language_model.model import LanguageModel
from pipelines.responders.language_model.model_responder import LanguageModelResponder
from pipelines.responders.language_model.settings import LanguageModelSettings

Floats = NDArray[np.float32]

WIDTH, HEADS, SHARED_HEADS, INNER, LAYERS = 64, 4, 2, 96, 2
HEAD = WIDTH // HEADS
BASE, EPSILON = 10_000.0, 1e-5
CONTEXT = 512
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 8, "BF16": 30}


def byte_letters() -> list[str]:
    """Return the letter that stands for each byte in a byte-level encoding (Radford et al., 2019)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def words() -> list[str]:
    """Return the tokens by id: the special ones, one for each byte, and a merge of two."""
    return [*SPECIALS, *byte_letters(), "he"]


def pack(values: Floats, kind: str) -> tuple[bytes, Floats]:
    """Return values as a GGUF has them, and what they are after that."""
    flat = values.astype(np.float32).reshape(-1)
    if kind == "F32":
        return flat.tobytes(), values
    if kind == "F16":
        return flat.astype(np.float16).tobytes(), flat.astype(np.float16).astype(np.float32).reshape(values.shape)
    if kind == "BF16":
        upper = flat.view(np.uint32) >> 16
        return upper.astype(np.uint16).tobytes(), (upper << 16).view(np.float32).reshape(values.shape)
    packed, kept = b"", []
    for block in flat.reshape(-1, 32):
        low, high = float(block.min()), float(block.max())
        if kind == "Q8_0":
            scale = np.float16(max(-low, high) / 127)
            numbers = np.clip(np.round(block / np.float32(scale)), -127, 127).astype(np.int8)
            packed += scale.tobytes() + numbers.tobytes()
            kept.append(np.float32(scale) * numbers)
            continue
        least = np.float16(low if kind == "Q4_1" else 0)
        scale = np.float16((high - low) / 15 if kind == "Q4_1" else max(-low, high) / 7)
        shift = 0 if kind == "Q4_1" else 8
        numbers = np.clip(np.round((block - np.float32(least)) / np.float32(scale)) + shift, 0, 15).astype(np.uint8)
        halves = bytes(int(first) | int(second) << 4 for first, second in zip(numbers[:16], numbers[16:], strict=True))
        packed += scale.tobytes() + (least.tobytes() if kind == "Q4_1" else b"") + halves
        kept.append(np.float32(scale) * (numbers.astype(np.float32) - shift) + np.float32(least))
    return packed, np.concatenate(kept).astype(np.float32).reshape(values.shape)


@dataclass
class TinyLlama:
    """The weights by their names in the file, as they are after packing, and the entries of the file's head."""

    seed: int = 0
    packing: str = "Q4_1"
    tied: bool = True
    told: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, Floats] = field(default_factory=dict)
    _packed: dict[str, tuple[bytes, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        chance = np.random.default_rng(self.seed)
        vocabulary = words()
        shapes: dict[str, tuple[int, ...]] = {"token_embd": (len(vocabulary), WIDTH), "output_norm": (WIDTH,)}
        if not self.tied:
            shapes["output"] = (len(vocabulary), WIDTH)
        for number in range(LAYERS):
            shapes |= {
                f"blk.{number}.attn_q": (WIDTH, WIDTH),
                f"blk.{number}.attn_k": (SHARED_HEADS * HEAD, WIDTH),
                f"blk.{number}.attn_v": (SHARED_HEADS * HEAD, WIDTH),
                f"blk.{number}.attn_output": (WIDTH, WIDTH),
                f"blk.{number}.attn_norm": (WIDTH,),
                f"blk.{number}.ffn_norm": (WIDTH,),
                f"blk.{number}.ffn_gate": (INNER, WIDTH),
                f"blk.{number}.ffn_up": (INNER, WIDTH),
                f"blk.{number}.ffn_down": (WIDTH, INNER),
            }
        for name, shape in shapes.items():
            norm = len(shape) == 1
            drawn = chance.normal(1.0 if norm else 0.0, 0.1 if norm else 0.2, shape).astype(np.float32)
            # As in real files, norms are never packed, and embeddings less than the rest.
            kind = "F32" if norm else ("Q8_0" if name == "token_embd" else self.packing)
            raw, self.weights[f"{name}.weight"] = pack(drawn, kind)
            self._packed[f"{name}.weight"] = raw, TYPES[kind]
        self.told = {
            "general.architecture": "llama",
            "llama.block_count": LAYERS,
            "llama.context_length": CONTEXT,
            "llama.embedding_length": WIDTH,
            "llama.feed_forward_length": INNER,
            "llama.attention.head_count": HEADS,
            "llama.attention.head_count_kv": SHARED_HEADS,
            "llama.attention.layer_norm_rms_epsilon": EPSILON,
            "llama.rope.freq_base": BASE,
            "llama.rope.dimension_count": HEAD,
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": "smollm",
            "tokenizer.ggml.tokens": vocabulary,
            "tokenizer.ggml.token_type": [3] * len(SPECIALS) + [1] * (len(vocabulary) - len(SPECIALS)),
            "tokenizer.ggml.merges": ["h e"],
            "tokenizer.ggml.bos_token_id": 1,
            "tokenizer.ggml.eos_token_id": 2,
            "tokenizer.ggml.unknown_token_id": 0,
            "tokenizer.chat_template": TEMPLATE,
        } | self.told

    def write(self, path: Path) -> Path:
        """Write the file and return it."""
        head = b"GGUF" + struct.pack("<IQQ", 3, len(self._packed), len(self.told))
        for key, value in self.told.items():
            head += _text(key) + _value(value)
        data, place = b"", 0
        for name, (raw, kind) in self._packed.items():
            shape = self.weights[name].shape
            head += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape[::-1], kind, place)
            padded = raw + bytes(-len(raw) % 32)
            data, place = data + padded, place + len(padded)
        path.write_bytes(head + bytes(-len(head) % 32) + data)
        return path

    def logits(self, ids: list[int]) -> Floats:
        """Return what the model makes of these tokens: (tokens, words)."""
        weights = self.weights
        states = weights["token_embd.weight"][ids]
        for number in range(LAYERS):
            name = f"blk.{number}"
            normed = _norm(states, weights[f"{name}.attn_norm.weight"])
            query, key, value = (
                (normed @ weights[f"{name}.attn_{part}.weight"].T).reshape(len(ids), -1, HEAD) for part in "qkv"
            )
            query, key = _rotated(query), _rotated(key)
            mixed = np.zeros_like(query)
            for head in range(HEADS):
                of = head // (HEADS // SHARED_HEADS)
                scores = query[:, head] @ key[:, of].T / np.sqrt(HEAD)
                scores[np.triu_indices(len(ids), 1)] = -np.inf
                shares = np.exp(scores - scores.max(axis=1, keepdims=True))
                mixed[:, head] = shares / shares.sum(axis=1, keepdims=True) @ value[:, of]
            states = states + mixed.reshape(len(ids), WIDTH) @ weights[f"{name}.attn_output.weight"].T
            normed = _norm(states, weights[f"{name}.ffn_norm.weight"])
            gate = normed @ weights[f"{name}.ffn_gate.weight"].T
            inner = gate / (1 + np.exp(-gate)) * (normed @ weights[f"{name}.ffn_up.weight"].T)
            states = states + inner @ weights[f"{name}.ffn_down.weight"].T
        last = weights["token_embd.weight"] if self.tied else weights["output.weight"]
        return np.asarray(_norm(states, weights["output_norm.weight"]) @ last.T, dtype=np.float32)


def tiny_responder(**told: Any) -> LanguageModelResponder:
    """Return a responder with such a model, which is read and forgotten on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        convert_gguf(TinyLlama(told={"llama.context_length": 4096} | told).write(root / "tiny.gguf"), root / "tiny")
        model = LanguageModel(root / "tiny", device=Device("cpu", 0, "float32", "tests"))
    cache = ModelCache(max_models=1, max_bytes=1 << 40)
    return LanguageModelResponder(
        lambda: cache.lease("tiny", lambda: model, estimate_bytes=1), LanguageModelSettings(), "tiny"
    )


def _norm(states: Floats, gamma: Floats) -> Floats:
    return np.asarray(states / np.sqrt((states**2).mean(axis=-1, keepdims=True) + EPSILON) * gamma, dtype=np.float32)


def _rotated(heads: Floats) -> Floats:
    """Rotate neighbours of (tokens, heads, size) by their position, as ggml does it for Llama."""
    angles = np.arange(len(heads))[:, None] * BASE ** (-np.arange(0, HEAD, 2) / HEAD)
    cosine, sine = np.cos(angles)[:, None], np.sin(angles)[:, None]
    first, second = heads[..., 0::2], heads[..., 1::2]
    turned = np.empty_like(heads)
    turned[..., 0::2], turned[..., 1::2] = first * cosine - second * sine, first * sine + second * cosine
    return turned


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(value: Any) -> bytes:
    match value:
        case bool():
            return struct.pack("<I?", 7, value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case str():
            return struct.pack("<I", 8) + _text(value)
        case [str(), *_]:
            return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(_text(item) for item in value)
        case _:
            return struct.pack(f"<IIQ{len(value)}i", 9, 5, len(value), *value)
