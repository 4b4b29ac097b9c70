"""Whisper's network in plain torch, with weights under the names that transformers gives them.

Functions over a dictionary of weights: short clips are encoded at their own length, which transformers' class refuses,
and the attention of chosen heads can be taught where the words are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

Weights = dict[str, Any]
"""Name to tensor."""


@dataclass(frozen=True, slots=True)
class Size:
    """The dimensions of a network."""

    tokens: int
    width: int = 128
    heads: int = 4
    encoder_layers: int = 2
    decoder_layers: int = 2
    mels: int = 80
    frames: int = 1_500
    positions: int = 448


GUIDED_HEADS = ((0, 0), (1, 0), (1, 1))
"""(layer, head) of the attention that is taught where the words are."""

ALIGNMENT_HEADS = ((1, 0), (1, 1))
"""Those of them that tell the times of words afterwards."""

_LOOK_AT = ((-8, -3, 3, 8), (-18, -7, 7, 18))
_SHARPNESS = 2.0
# These channels of the encoder tell positions; all others start with audio alone.
_PLACES = 32
_FREQUENCIES = tuple(2 * math.pi / (5.0 * 600.0 ** (number / 15)) for number in range(_PLACES // 2))


def initial(size: Size) -> Weights:
    """Return fresh weights; the encoder's positions are sinusoids and stay."""
    width = size.width
    weights: Weights = {}

    def linear(name: str, rows: int, columns: int, *, bias: bool = True) -> None:
        weights[f"{name}.weight"] = torch.randn(rows, columns) / math.sqrt(columns)
        if bias:
            weights[f"{name}.bias"] = torch.zeros(rows)

    def norm(name: str) -> None:
        weights[f"{name}.weight"], weights[f"{name}.bias"] = torch.ones(width), torch.zeros(width)

    def attention(name: str) -> None:
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            linear(f"{name}.{part}", width, width, bias=part != "k_proj")
        norm(f"{name}_layer_norm")

    for name, columns in (("conv1", size.mels), ("conv2", width)):
        weights[f"encoder.{name}.weight"] = torch.randn(width, columns, 3) / math.sqrt(3 * columns)
        weights[f"encoder.{name}.bias"] = torch.zeros(width)
    weights["encoder.embed_positions.weight"] = _positions(size.frames, width)
    weights["decoder.embed_tokens.weight"] = 0.05 * torch.randn(size.tokens, width)
    weights["decoder.embed_positions.weight"] = 0.02 * torch.randn(size.positions, width)
    for side, layers in (("encoder", size.encoder_layers), ("decoder", size.decoder_layers)):
        for number in range(layers):
            layer = f"{side}.layers.{number}"
            attention(f"{layer}.self_attn")
            if side == "decoder":
                attention(f"{layer}.encoder_attn")
            linear(f"{layer}.fc1", 4 * width, width)
            linear(f"{layer}.fc2", width, 4 * width)
            norm(f"{layer}.final_layer_norm")
        norm(f"{side}.layer_norm")
    weights["encoder.conv1.weight"] *= 2.5
    weights["encoder.conv2.weight"] *= 2.0
    weights["encoder.conv2.weight"][:_PLACES] = 0.0
    for number in range(size.encoder_layers):
        for part in ("self_attn.out_proj", "fc2"):
            weights[f"encoder.layers.{number}.{part}.weight"][:_PLACES] = 0.0
            weights[f"encoder.layers.{number}.{part}.weight"] *= 0.5
    for number, offsets in enumerate(_LOOK_AT[: size.encoder_layers]):
        _look_around(weights, size, f"encoder.layers.{number}.self_attn", offsets)
    for name, value in weights.items():
        value.requires_grad_(name != "encoder.embed_positions.weight")
    return weights


def _look_around(weights: Weights, size: Size, name: str, offsets: tuple[int, ...]) -> None:
    """Let each head of an encoder layer start by looking at the frame `offset` from its own.

    The product of two positions' codes is largest where they are equal, and turning each sine and cosine by frequency
    times offset moves a position. Left to itself, training from nothing takes most of its time to find that neighbours
    matter.
    """
    each = size.width // size.heads
    query, key = weights[f"{name}.q_proj.weight"], weights[f"{name}.k_proj.weight"]
    query *= 0.1
    key *= 0.1
    for head, offset in enumerate(offsets):
        for at, frequency in enumerate(_FREQUENCIES):
            sine, cosine = head * each + 2 * at, head * each + 2 * at + 1
            turned_sine, turned_cosine = math.sin(frequency * offset), math.cos(frequency * offset)
            query[sine, 2 * at] = query[cosine, 2 * at + 1] = _SHARPNESS * turned_cosine
            query[sine, 2 * at + 1] = _SHARPNESS * turned_sine
            query[cosine, 2 * at] = -_SHARPNESS * turned_sine
            key[sine, 2 * at] = key[cosine, 2 * at + 1] = _SHARPNESS


def encode(weights: Weights, size: Size, features: Any) -> Any:
    """Return the encoder's output, (batch, frames / 2, width), of features (batch, mels, frames)."""
    hidden = F.gelu(F.conv1d(features, weights["encoder.conv1.weight"], weights["encoder.conv1.bias"], padding=1))
    hidden = F.conv1d(hidden, weights["encoder.conv2.weight"], weights["encoder.conv2.bias"], stride=2, padding=1)
    hidden = F.gelu(hidden).transpose(1, 2)
    hidden = hidden + weights["encoder.embed_positions.weight"][: hidden.shape[1]]
    for number in range(size.encoder_layers):
        layer = f"encoder.layers.{number}"
        normed = _norm(weights, f"{layer}.self_attn_layer_norm", hidden)
        query, key, value = _heads(weights, size, f"{layer}.self_attn", normed, normed)
        mixed = F.scaled_dot_product_attention(query, key, value)
        hidden = hidden + _joined(weights, f"{layer}.self_attn", mixed)
        hidden = hidden + _feed_forward(weights, layer, hidden)
    return _norm(weights, "encoder.layer_norm", hidden)


def decode(weights: Weights, size: Size, encoded: Any, tokens: Any, positions: Any, *, asked: Any) -> tuple[Any, Any]:
    """Return the logits (n, vocabulary) and the guided heads' attention (batch, heads, tokens, frames).

    `asked` (batch, tokens) says of which n tokens the logits are wanted: a prompt's cost time and are not.
    """
    hidden = weights["decoder.embed_tokens.weight"][tokens] + weights["decoder.embed_positions.weight"][positions]
    guided = []
    for number in range(size.decoder_layers):
        layer = f"decoder.layers.{number}"
        normed = _norm(weights, f"{layer}.self_attn_layer_norm", hidden)
        query, key, value = _heads(weights, size, f"{layer}.self_attn", normed, normed)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        hidden = hidden + _joined(weights, f"{layer}.self_attn", mixed)
        normed = _norm(weights, f"{layer}.encoder_attn_layer_norm", hidden)
        query, key, value = _heads(weights, size, f"{layer}.encoder_attn", normed, encoded)
        attention = torch.softmax(query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]), dim=-1)
        guided += [attention[:, head] for at, head in GUIDED_HEADS if at == number]
        hidden = hidden + _joined(weights, f"{layer}.encoder_attn", attention @ value)
        hidden = hidden + _feed_forward(weights, layer, hidden)
    hidden = _norm(weights, "decoder.layer_norm", hidden)
    return hidden[asked] @ weights["decoder.embed_tokens.weight"].T, torch.stack(guided, dim=1)


def _norm(weights: Weights, name: str, hidden: Any) -> Any:
    return F.layer_norm(hidden, hidden.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"])


def _heads(weights: Weights, size: Size, name: str, asking: Any, asked: Any) -> tuple[Any, Any, Any]:
    def split(hidden: Any) -> Any:
        return hidden.unflatten(-1, (size.heads, -1)).transpose(1, 2)

    query = F.linear(asking, weights[f"{name}.q_proj.weight"], weights[f"{name}.q_proj.bias"])
    key = F.linear(asked, weights[f"{name}.k_proj.weight"])
    value = F.linear(asked, weights[f"{name}.v_proj.weight"], weights[f"{name}.v_proj.bias"])
    return split(query), split(key), split(value)


def _joined(weights: Weights, name: str, mixed: Any) -> Any:
    flat = mixed.transpose(1, 2).flatten(-2)
    return F.linear(flat, weights[f"{name}.out_proj.weight"], weights[f"{name}.out_proj.bias"])


def _feed_forward(weights: Weights, layer: str, hidden: Any) -> Any:
    normed = _norm(weights, f"{layer}.final_layer_norm", hidden)
    wide = F.gelu(F.linear(normed, weights[f"{layer}.fc1.weight"], weights[f"{layer}.fc1.bias"]))
    return F.linear(wide, weights[f"{layer}.fc2.weight"], weights[f"{layer}.fc2.bias"])


def _positions(length: int, width: int) -> Any:
    """Return the codes of positions: sines and cosines in the first channels, nothing in those kept for audio."""
    angles = torch.arange(length)[:, None] * torch.tensor(_FREQUENCIES)
    codes = torch.zeros(length, width)
    codes[:, 0:_PLACES:2], codes[:, 1:_PLACES:2] = torch.sin(angles), torch.cos(angles)
    return codes
