"""Cuts a VITS graph in two where its decoder begins, so that audio can be made in windows.

A VITS voice is one ONNX graph: phoneme ids go in, a wave comes out. Its decoder (HiFi-GAN) sees only some frames to
each side, so that it can run over windows of what the front made. The front also draws noise; here noise becomes an
input, and how long each phoneme lasts becomes an output. The cut is made in memory each time a voice is loaded: nothing
lies on the disk that could go stale, and a folder that can't be written to serves as well.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Piper's and Coqui's exports name the decoder's nodes so.
_DECODERS = ("/dec/", "/waveform_decoder/")
_RANDOM = "RandomNormalLike"
_DURATIONS = "Ceil"
_TIME_AXES = 3
_SPEAKER = "sid"
_NO_DECODER = "its graph doesn't say where the decoder begins"


@dataclass(frozen=True, slots=True)
class CutVoice:
    """The two parts of a voice, as ONNX files in memory, and the names that join them.

    `latents` (1, channels, frames) go from the front to the decoder window by window, `sides` whole; `durations` are
    the frames of each id, empty where the graph doesn't say. `noises` are the front's inputs for random numbers,
    float32 (1, channels, length) of at least the size that is needed. A voice that can't be cut has no decoder: its
    latents are the audio itself, and `why_whole` says why. `speakers` is how many the graph knows, 0 where it asks for
    none or doesn't say.
    """

    front: bytes
    latents: str
    durations: str
    noises: tuple[str, ...]
    decoder: bytes = b""
    sides: tuple[str, ...] = ()
    why_whole: str = ""
    speakers: int = 0


def cut_voice(file: Path) -> CutVoice:
    """Return the parts of the voice in `file`; raises OSError or what `onnx` raises for a broken file."""
    onnx = importlib.import_module("onnx")
    model = onnx.load(str(file))
    noises = tuple(_noise_inputs(model))
    ceilings = [node.output[0] for node in model.graph.node if node.op_type == _DURATIONS]
    durations = ceilings[0] if len(ceilings) == 1 else ""
    audio = model.graph.output[0].name
    speakers = _speakers(model)
    decoder = [node for node in model.graph.node if node.name.startswith(_DECODERS)]
    if not decoder:
        _declare(model, [durations] if durations else [])
        front = _part(model, [known.name for known in model.graph.input], [audio, *filter(None, [durations])])
        return CutVoice(front, audio, durations, noises, why_whole=_NO_DECODER, speakers=speakers)
    crossing = _crossing(model, decoder)
    inputs = [known.name for known in model.graph.input]
    _declare(model, [*crossing, *filter(None, [durations])])
    latents, *sides = crossing
    made = [name for name in sides if name not in inputs]
    front = _part(model, inputs, [latents, *filter(None, [durations]), *made])
    return CutVoice(front, latents, durations, noises, _part(model, crossing, [audio]), tuple(sides), speakers=speakers)


def _part(model: Any, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    extractor = importlib.import_module("onnx.utils").Extractor(model)
    part: bytes = extractor.extract_model(list(inputs), list(outputs)).SerializeToString()
    return part


def _crossing(model: Any, decoder: Sequence[Any]) -> list[str]:
    """Return what the decoder takes from outside itself, its latents first."""
    inside = {name for node in decoder for name in node.output}
    fixed = {weight.name for weight in model.graph.initializer}
    fixed |= {name for node in model.graph.node if node.op_type == "Constant" for name in node.output}
    taken = (name for node in decoder for name in node.input)
    return list(dict.fromkeys(name for name in taken if name and name not in inside and name not in fixed))


def _speakers(model: Any) -> int:
    """Return the rows of the table in which the graph looks its speaker up."""
    tables = {node.input[0] for node in model.graph.node if node.op_type == "Gather" and _SPEAKER in node.input[1:]}
    return next((int(weight.dims[0]) for weight in model.graph.initializer if weight.name in tables), 0)


def _noise_inputs(model: Any) -> list[str]:
    """Replace each node that draws random numbers by a piece of an input of its own; return the inputs' names."""
    onnx = importlib.import_module("onnx")
    helper, numbers = onnx.helper, onnx.TensorProto
    names: list[str] = []
    for node in [node for node in model.graph.node if node.op_type == _RANDOM]:
        name = f"noise_{len(names)}"
        shape, zeros = f"{name}_shape", f"{name}_zeros"
        place = list(model.graph.node).index(node)
        model.graph.initializer.append(helper.make_tensor(zeros, numbers.INT64, [_TIME_AXES], [0] * _TIME_AXES))
        model.graph.input.append(helper.make_tensor_value_info(name, numbers.FLOAT, [1, None, None]))
        taken = (
            helper.make_node("Shape", [node.input[0]], [shape]),
            helper.make_node("Slice", [name, zeros, shape], list(node.output)),
        )
        model.graph.node.remove(node)
        for step, new in enumerate(taken):
            model.graph.node.insert(place + step, new)
        names.append(name)
    return names


def _declare(model: Any, names: Iterable[str]) -> None:
    """Say of what type these tensors are, as the ends of a part must be known."""
    onnx = importlib.import_module("onnx")
    known = {info.name for info in (*model.graph.value_info, *model.graph.input)}
    for name in names:
        if name not in known:
            info = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            model.graph.value_info.append(info)
