"""Whether a model's folder can be what it should be: files, formats, architecture, tokenizer; nothing is loaded.

Run before every load: it takes a fraction of a second, most of it for the words, and says in one line what an engine
would say with a stack of its own.
Checksums are another matter (`store.checksum_faults`): they read every byte.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from common.errors import EngineError
from pipelines.models.bert_checkpoint import WEIGHTS, NotSafetensors, read_header
from pipelines.models.catalogue import Kind
from pipelines.models.ct2_file import Ct2File, CutOff, NotCt2, read_ct2
from pipelines.models.onnx_file import NotOnnx, read_onnx
from pipelines.models.token_vocabulary import tokenizer_faults

SPECIFICATIONS: dict[Kind, str] = {"recogniser": "WhisperSpec", "responder": "TransformerDecoderSpec"}
_CALLED = {
    "WhisperSpec": "a Whisper",
    "TransformerDecoderSpec": "a language model",
    "TransformerSpec": "a translation model",
    "TransformerEncoderSpec": "a text encoder",
    "Wav2Vec2Spec": "a wav2vec 2.0 recogniser",
    "Wav2Vec2BertSpec": "a wav2vec-BERT recogniser",
}
_WANTED: dict[Kind, str] = {
    "recogniser": "a Whisper",
    "encoder": "a text encoder",
    "responder": "a language model",
    "synthesiser": "a voice",
    "turn_detector": "a turn detector",
}
# faster-whisper assumes so many where preprocessor_config.json is missing.
_DEFAULT_MELS = 80
_VITS_INPUTS = ("input", "input_lengths", "scales")
_KOKORO_INPUTS = ("tokens", "style", "speed")
_KOKORO_FILES = ("model.onnx", "vocab.json", "voices.npz")
_ENCODER_FILES = (WEIGHTS, "config.json", "tokenizer.json", "vocab.txt")
_TURN_DETECTOR_INPUT = "input_features"
AGAIN = "pull it again"
"""How messages end that a pull would mend."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a model: a stable code, and a line for people that says what to do."""

    code: str
    message: str


def verify_folder(folder: Path, kind: Kind) -> list[Fault]:
    """Return what is wrong with a model's folder, the worst first; empty if an engine can be given it.

    Args:
        folder: Where the model lies.
        kind: What it should be: recogniser and responder are CTranslate2 models, synthesiser and turn detector ONNX
            files.
    """
    if not folder.is_dir():
        return [Fault("model.not_installed", f"{folder} is no folder: pull the model, or correct the path")]
    try:
        match kind:
            case "encoder":
                return _verify_encoder(folder)
            case "synthesiser":
                return _verify_voice(folder)
            case "turn_detector":
                return _verify_turn_detector(folder)
            case _:
                return _verify_ct2(folder, kind)
    except OSError as error:
        return [Fault("model.format", f"{folder}: {error.filename} can't be read ({error.strerror}): set its rights")]


def require_sound(folder: Path, kind: Kind) -> None:
    """Raise EngineError with the code of the first fault and one line for each, if there are any."""
    faults = verify_folder(folder, kind)
    if faults:
        raise EngineError("\n".join(fault.message for fault in faults), code=faults[0].code)


def kind_of(folder: Path) -> Kind | None:
    """Return which kind of model a folder seems to hold; None if that can't be told."""
    if (folder / "model.onnx").is_file() or list(folder.rglob("*.onnx.json")):
        return "synthesiser"
    if list(folder.glob("*.onnx")):
        return "turn_detector"
    if (folder / WEIGHTS).is_file() and (folder / "vocab.txt").is_file():
        return "encoder"
    try:
        specification = read_ct2(folder / "model.bin").specification
    except (OSError, ValueError):
        # A recogniser is what people have most; its check says what is missing.
        return "recogniser" if (folder / "model.bin").is_file() else None
    return next((kind for kind, name in SPECIFICATIONS.items() if name == specification), "recogniser")


def _verify_ct2(folder: Path, kind: Kind) -> list[Fault]:
    missing = [name for name in ("model.bin", "config.json", "tokenizer.json") if not (folder / name).is_file()]
    if not _vocabulary_file(folder):
        missing.append("vocabulary.json")
    if "model.bin" in missing and (list(folder.glob("*.safetensors")) or list(folder.glob("pytorch_model*.bin"))):
        advice = "it is a Hugging Face checkpoint; convert it with `interlocutor models export`"
        return [Fault("model.format", f"{folder} is not a CTranslate2 model: {advice}")]
    if missing:
        parts = list(folder.glob("*.part")) + list(folder.glob("*.incomplete"))
        why = "a download that was never finished; pull it to the end" if parts else AGAIN
        return [Fault("model.format", f"{folder} is not a whole model, {', '.join(missing)} is missing: {why}")]
    try:
        table = read_ct2(folder / "model.bin")
    except CutOff as error:
        return [Fault("model.format", f"{folder / 'model.bin'} is cut off ({error}): {AGAIN}")]
    except NotCt2 as error:
        return [Fault("model.format", f"{folder / 'model.bin'} is not a CTranslate2 model ({error}): {AGAIN}")]
    if table.specification != SPECIFICATIONS[kind]:
        found = _CALLED.get(table.specification, table.specification)
        advice = f"choose {_WANTED[kind]} here"
        return [Fault("model.architecture", f"{folder} holds {found}, not {_WANTED[kind]}: {advice}")]
    faults = [_json_fault(folder / name) for name in ("config.json", "tokenizer.json")]
    if any(faults):
        return [fault for fault in faults if fault is not None]
    return (_whisper_faults(folder, table) if kind == "recogniser" else []) + _words_faults(folder, table)


def _whisper_faults(folder: Path, table: Ct2File) -> list[Fault]:
    convolution = table.shape("encoder/conv1/weight")
    if convolution is None or len(convolution) != 3 or table.shape("decoder/embeddings/weight") is None:
        return [Fault("model.architecture", f"{folder} calls itself a Whisper but lacks its tensors: {AGAIN}")]
    settings = folder / "preprocessor_config.json"
    if settings.is_file():
        fault = _json_fault(settings)
        if fault is not None:
            return [fault]
        mels = _read_json(settings).get("feature_size", _DEFAULT_MELS)
    else:
        mels = _DEFAULT_MELS
    if mels == convolution[1]:
        return []
    if not settings.is_file():
        why = f"preprocessor_config.json is missing and it needs {convolution[1]} mel bands, not {mels}: {AGAIN}"
        return [Fault("model.format", f"{folder} is not a whole model, {why}")]
    return [Fault("model.format", f"{settings} is of another model ({mels} mel bands, not {convolution[1]}): {AGAIN}")]


def _words_faults(folder: Path, table: Ct2File) -> list[Fault]:
    embeddings = table.shape("decoder/embeddings/weight")
    path = _vocabulary_file(folder)
    if embeddings is None or path is None:
        return [Fault("model.architecture", f"{folder} has no embeddings of words: {AGAIN}")]
    try:
        vocabulary = read_vocabulary(path)
    except ValueError:
        return [Fault("model.format", f"{path} is damaged: {AGAIN}")]
    if len(vocabulary) != embeddings[0]:
        return [
            Fault(
                code="model.tokenizer",
                message=f"{path} is of another model ({len(vocabulary)} words, the weights have {embeddings[0]}): "
                f"{AGAIN}",
            )
        ]
    return [
        Fault(code="model.tokenizer", message=f"{folder / 'tokenizer.json'} is of another model ({why}): {AGAIN}")
        for why in tokenizer_faults(_read_json(folder / "tokenizer.json"), vocabulary)
    ]


def _verify_voice(folder: Path) -> list[Fault]:
    if list(folder.glob("model_file.pth*")) and not (folder / "model.onnx").is_file():
        return [Fault("model.format", f"{folder} is a Coqui checkpoint: convert it with `interlocutor models export`")]
    if is_kokoro(folder):
        return _voice_faults(folder, folder / "model.onnx", _KOKORO_FILES, _KOKORO_INPUTS, "Kokoro")
    piper = next(iter(sorted(folder.rglob("*.onnx.json"))), None)
    model, description = (piper.with_suffix(""), piper) if piper else (folder / "model.onnx", folder / "config.json")
    needed = [str(file.relative_to(folder)) for file in (model, description)]
    return _voice_faults(folder, model, needed, _VITS_INPUTS, "VITS") or list(filter(None, [_json_fault(description)]))


def is_kokoro(folder: Path) -> bool:
    """Return whether a voice's folder holds Kokoro: it keeps its speakers' styles in a file of their own."""
    return (folder / "voices.npz").is_file()


def _voice_faults(folder: Path, model: Path, files: Sequence[str], inputs: Sequence[str], name: str) -> list[Fault]:
    missing = [file for file in files if not (folder / file).is_file()]
    if missing:
        return [Fault("model.format", f"{folder} is not a whole voice, {', '.join(missing)} is missing: {AGAIN}")]
    try:
        graph = read_onnx(model)
    except NotOnnx as error:
        return [Fault("model.format", f"{model} can't be used, {error}: {AGAIN}")]
    lacking = [known for known in inputs if known not in graph.inputs]
    if lacking:
        return [Fault("model.architecture", f"{folder} holds no {name} voice (no input {lacking[0]}): choose another")]
    return []


def _verify_encoder(folder: Path) -> list[Fault]:
    missing = [name for name in _ENCODER_FILES if not (folder / name).is_file()]
    if missing:
        lacking = f"{folder} is not a whole text encoder, {', '.join(missing)} is missing: {AGAIN}"
        return [Fault("model.format", lacking)]
    try:
        read_header(folder / WEIGHTS)
    except NotSafetensors as error:
        return [Fault("model.format", f"{folder / WEIGHTS} can't be used, {error}: {AGAIN}")]
    faults = [_json_fault(folder / name) for name in ("config.json", "tokenizer.json")]
    if any(faults):
        return [fault for fault in faults if fault is not None]
    found = _read_json(folder / "config.json").get("model_type")
    if found != "bert":
        return [Fault("model.architecture", f"{folder} holds no text encoder of BERT's kind ({found}): choose another")]
    return []


def _verify_turn_detector(folder: Path) -> list[Fault]:
    files = sorted(folder.glob("*.onnx"))
    if not files:
        return [Fault("model.format", f"{folder} is no turn detector, its ONNX file is missing: {AGAIN}")]
    try:
        inputs = read_onnx(files[0]).inputs
    except NotOnnx as error:
        return [Fault("model.format", f"{files[0]} can't be used, {error}: {AGAIN}")]
    if inputs == (_TURN_DETECTOR_INPUT,):
        return []
    why = f"holds no turn detector (its inputs are {', '.join(inputs) or 'none'}): choose another"
    return [Fault("model.architecture", f"{folder} {why}")]


def read_vocabulary(path: Path) -> list[str]:
    """Return a CTranslate2 vocabulary, one token for each id; raises ValueError if it is damaged."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        tokens = json.loads(text)
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise ValueError("not a list of tokens")
        return cast("list[str]", tokens)
    # Only the line feed separates: other line ends of Unicode are tokens of their own.
    return text.removesuffix("\n").split("\n")


def _vocabulary_file(folder: Path) -> Path | None:
    return next((folder / name for name in ("vocabulary.json", "vocabulary.txt") if (folder / name).is_file()), None)


def _read_json(path: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))


def _json_fault(path: Path) -> Fault | None:
    try:
        audio = isinstance(_read_json(path), dict)
    except ValueError:
        audio = False
    return None if audio else Fault("model.format", f"{path} is damaged: {AGAIN}")
