"""A BERT checkpoint as its authors publish it (safetensors), made into a CTranslate2 encoder without torch.

The mapping of weights is that of CTranslate2's own converter for BERT; a nightly test compares both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.errors import EngineError

WEIGHTS = "model.safetensors"
_DTYPES: dict[str, type[np.generic]] = {"F32": np.float32, "F16": np.float16, "I64": np.int64}
_ACTIVATIONS = {"gelu": "GELU", "relu": "RELU", "gelu_new": "GELUTanh"}

Tensors = Mapping[str, NDArray[Any]]


class NotSafetensors(ValueError):
    """A file that does not begin, or not end, as a safetensors file does."""


def read_header(path: Path) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return where the tensors begin and what is said of each; raises NotSafetensors for another file or one cut off.

    The format: the length of a JSON header as 8 bytes, little-endian, the header, the tensors one after another.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > size - 8:
            raise NotSafetensors("its header is cut off")
        try:
            header = json.loads(file.read(length))
            tensors = {name: told for name, told in header.items() if name != "__metadata__"}
            ends = [int(told["data_offsets"][1]) for told in tensors.values()]
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise NotSafetensors("its header can't be read") from error
    if 8 + length + max(ends, default=0) > size:
        raise NotSafetensors("it is cut off")
    return 8 + length, tensors


def read_safetensors(path: Path) -> dict[str, NDArray[Any]]:
    """Return the tensors of a safetensors file by name; raises NotSafetensors."""
    start, told = read_header(path)
    raw = np.memmap(path, dtype=np.uint8, mode="r")
    tensors: dict[str, NDArray[Any]] = {}
    for name, each in told.items():
        begin, end = (start + int(offset) for offset in each["data_offsets"])
        try:
            data = np.frombuffer(raw[begin:end].tobytes(), dtype=_DTYPES[each["dtype"]])
            tensors[name] = data.reshape(each["shape"])
        except (ValueError, KeyError) as error:
            raise NotSafetensors(f"{name} can't be read") from error
    return tensors


def write_safetensors(path: Path, tensors: Tensors) -> None:
    """Write tensors of a type that `read_safetensors` knows to a file, in their order."""
    names = {np.dtype(kind): name for name, kind in _DTYPES.items()}
    header, data = {}, b""
    for name, tensor in tensors.items():
        raw = tensor.tobytes()
        header[name] = {
            "dtype": names[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [len(data), len(data) + len(raw)],
        }
        data += raw
    told = json.dumps(header).encode()
    path.write_bytes(len(told).to_bytes(8, "little") + told + data)


def write_ct2(folder: Path, target: Path, *, adapter: Path | None = None, quantization: str | None = "int8") -> None:
    """Write the checkpoint in `folder` as a CTranslate2 encoder to `target`, which is made.

    `adapter` holds what was learned on top of the checkpoint, in few numbers (Hu et al., 2021: LoRA): for a weight NAME
    of (out, in), NAME.up of (out, rank) and NAME.down of (rank, in), whose product is added to it.
    Raises EngineError (`model.format`, `model.architecture`) for what is not a whole BERT.
    """
    try:
        settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        words = (folder / "vocab.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")
        tensors = read_safetensors(folder / WEIGHTS)
        learned = read_safetensors(adapter) if adapter is not None else {}
        spec = _specification(settings, _Reader(tensors, learned))
        spec.register_vocabulary(words)
        spec.config.unk_token = "[UNK]"  # noqa: S105 - a token of text
        spec.config.layer_norm_epsilon = settings["layer_norm_eps"]
        spec.validate()
    except NotSafetensors as error:
        raise EngineError(f"{folder / WEIGHTS} can't be used, {error}: pull it again", code="model.format") from error
    except (OSError, ValueError, KeyError) as error:
        raise EngineError(
            f"{folder} holds no text encoder that can be used ({type(error).__name__}: {error}): pull it again, or "
            f"choose another",
            code="model.architecture",
        ) from error
    spec.optimize(quantization=quantization)
    target.mkdir(parents=True, exist_ok=True)
    spec.save(str(target))


def _specification(settings: Mapping[str, Any], read: _Reader) -> Any:
    from ctranslate2.specs import common_spec, transformer_spec

    if settings.get("model_type") != "bert" or settings.get("position_embedding_type", "absolute") != "absolute":
        raise ValueError(f"its type is {settings.get('model_type')}, not bert")
    encoder: Any = transformer_spec.TransformerEncoderSpec(
        settings["num_hidden_layers"],
        settings["num_attention_heads"],
        pre_norm=False,
        activation=getattr(common_spec.Activation, _ACTIVATIONS[settings["hidden_act"]]),
        layernorm_embedding=True,
        num_source_embeddings=2,
        embeddings_merge=common_spec.EmbeddingsMerge.ADD,
    )
    encoder.scale_embeddings = False
    encoder.embeddings[0].weight = read.array("embeddings.word_embeddings.weight")
    encoder.embeddings[1].weight = read.array("embeddings.token_type_embeddings.weight")
    encoder.position_encodings.encodings = read.array("embeddings.position_embeddings.weight")
    read.norm(encoder.layernorm_embedding, "embeddings.LayerNorm")
    for number, layer in enumerate(encoder.layer):
        name = f"encoder.layer.{number}"
        parts = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
        fused, output = layer.self_attention.linear
        fused.weight = np.concatenate([read.array(f"{part}.weight") for part in parts])
        fused.bias = np.concatenate([read.array(f"{part}.bias") for part in parts])
        read.linear(output, f"{name}.attention.output.dense")
        read.norm(layer.self_attention.layer_norm, f"{name}.attention.output.LayerNorm")
        read.linear(layer.ffn.linear_0, f"{name}.intermediate.dense")
        read.linear(layer.ffn.linear_1, f"{name}.output.dense")
        read.norm(layer.ffn.layer_norm, f"{name}.output.LayerNorm")
    return transformer_spec.TransformerEncoderModelSpec(encoder, pooling_layer=False)


class _Reader:
    """Takes tensors by their names, with what was learned on top; checkpoints may put the model's name before them."""

    def __init__(self, tensors: Tensors, learned: Tensors) -> None:
        self._tensors = tensors
        self._learned = learned
        self._prefix = "bert." if "bert.embeddings.word_embeddings.weight" in tensors else ""

    def array(self, name: str) -> NDArray[np.float32]:
        weight = self._tensors[self._prefix + name].astype(np.float32)
        if f"{name}.up" in self._learned:
            up, down = (self._learned[f"{name}.{part}"].astype(np.float32) for part in ("up", "down"))
            weight = weight + up @ down
        return weight

    def linear(self, spec: Any, name: str) -> None:
        spec.weight, spec.bias = self.array(f"{name}.weight"), self.array(f"{name}.bias")

    def norm(self, spec: Any, name: str) -> None:
        spec.gamma, spec.beta = self.array(f"{name}.weight"), self.array(f"{name}.bias")
