"""A language model of Llama's architecture in a GGUF file, made into a CTranslate2 generator without torch.

The mapping of weights is that of CTranslate2's own converter for Llama. GGUF keeps the rows of queries and keys in the
order that rotates neighbours; CTranslate2 is given the order of the checkpoint, which rotates halves.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import EngineError
from pipelines.models.gguf_file import Floats, GgufFile, NotGguf, read_gguf
from pipelines.models.gguf_tokenizer import special, tokenizer_config, tokenizer_json, words_of

ARCHITECTURE = "llama"
_BASE = 10_000.0
_CONTEXT_TOKENS = 2_048


def convert_gguf(source: Path, target: Path, *, quantization: str | None = "int8") -> None:
    """Write the model in the file `source` to the folder `target`, which is made: weights, tokenizer, chat template.

    Raises EngineError (`model.format`) for a file that is damaged or no Llama.
    """
    try:
        gguf = read_gguf(source)
        spec = _specification(gguf)
        tokenizer = tokenizer_json(gguf.told)
        settings = tokenizer_config(gguf.told, context_tokens=_number(gguf, "context_length", _CONTEXT_TOKENS))
        spec.register_vocabulary(words_of(gguf.told))
        for name, told in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown")):
            # CTranslate2 takes a token of its own where the model has none.
            setattr(spec.config, f"{name}_token", special(gguf.told, told) or "")
        spec.config.layer_norm_epsilon = _number(gguf, "attention.layer_norm_rms_epsilon")
        spec.validate()
    except (NotGguf, ValueError, KeyError, TypeError) as error:
        why = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise EngineError(
            f"{source} can't be used, {why}: pull it again, or choose another", code="model.format"
        ) from error
    spec.optimize(quantization=quantization)
    target.mkdir(parents=True, exist_ok=True)
    spec.save(str(target))
    for name, content in (("tokenizer.json", tokenizer), ("tokenizer_config.json", settings)):
        (target / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def _number(gguf: GgufFile, name: str, default: float | None = None) -> Any:
    found = gguf.told.get(f"{ARCHITECTURE}.{name}", default)
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise NotGguf(f"{ARCHITECTURE}.{name} is missing")
    return found


def _specification(gguf: GgufFile) -> Any:
    from ctranslate2.specs import common_spec, transformer_spec

    if gguf.told.get("general.architecture") != ARCHITECTURE:
        raise NotGguf(f"its architecture is {gguf.told.get('general.architecture')}, not {ARCHITECTURE}")
    heads, width = _number(gguf, "attention.head_count"), _number(gguf, "embedding_length")
    shared = _number(gguf, "attention.head_count_kv", heads)
    scaled = gguf.told.get(f"{ARCHITECTURE}.rope.scaling.type", "none") != "none" or "rope_freqs.weight" in gguf.tensors
    if scaled or width % heads or _number(gguf, "rope.dimension_count", width // heads) != width // heads:
        raise NotGguf("its positions are encoded in a way that is not understood")
    spec: Any = transformer_spec.TransformerDecoderModelSpec.from_config(
        _number(gguf, "block_count"),
        heads,
        activation=common_spec.Activation.SWISH,
        pre_norm=True,
        ffn_glu=True,
        rms_norm=True,
        rotary_dim=0,
        rotary_interleave=False,
        rotary_base=float(_number(gguf, "rope.freq_base", _BASE)),
        num_heads_kv=None if shared == heads else shared,
    )
    decoder = spec.decoder
    decoder.scale_embeddings = False
    decoder.embeddings.weight = gguf.tensor("token_embd.weight")
    decoder.layer_norm.gamma = gguf.tensor("output_norm.weight")
    tied = "output.weight" not in gguf.tensors
    decoder.projection.weight = decoder.embeddings.weight if tied else gguf.tensor("output.weight")
    for number, layer in enumerate(decoder.layer):
        name = f"blk.{number}"
        fused, output = layer.self_attention.linear
        fused.weight = np.concatenate(
            [
                _halves_rotated(gguf.tensor(f"{name}.attn_q.weight"), heads),
                _halves_rotated(gguf.tensor(f"{name}.attn_k.weight"), shared),
                gguf.tensor(f"{name}.attn_v.weight"),
            ]
        )
        output.weight = gguf.tensor(f"{name}.attn_output.weight")
        layer.self_attention.layer_norm.gamma = gguf.tensor(f"{name}.attn_norm.weight")
        layer.ffn.layer_norm.gamma = gguf.tensor(f"{name}.ffn_norm.weight")
        layer.ffn.linear_0.weight = gguf.tensor(f"{name}.ffn_gate.weight")
        layer.ffn.linear_0_noact.weight = gguf.tensor(f"{name}.ffn_up.weight")
        layer.ffn.linear_1.weight = gguf.tensor(f"{name}.ffn_down.weight")
    return spec


def _halves_rotated(weight: Floats, heads: int) -> Floats:
    """Return rows (heads * size, width) in the order in which halves of a head are rotated, not neighbours."""
    rows, width = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, width).swapaxes(1, 2).reshape(rows, width)
