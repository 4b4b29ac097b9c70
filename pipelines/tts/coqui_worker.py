"""Speaks with a model of the package coqui-tts: `python coqui_worker.py MODEL`, run in an environment that has it.

It imports nothing of ours, as nothing of ours is there. MODEL is a folder with `config.json` and `model_file.pth` (and
`vocoder_config.json` and `vocoder_model_file.pth`, where it has a vocoder). On standard input comes one JSON object a
line, `{"text": ..., "speaker": ...}`. On standard output goes `{"rate_hz": ...}` once it is loaded; then for each text
`{"samples": N}` and N float32 little-endian, or `{"error": ...}`. What the package prints goes to standard error.
`--fetch NAME` downloads a model instead; `scripts/setup-coqui NAME` runs that, the server never does.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, BinaryIO

# The package asks for these when it is imported, to read recordings: voices that are cloned from one need them.
_FOR_RECORDINGS = ("torchaudio", "torchcodec")
# A name such as tts_models/en/ljspeech/tacotron2-DDC.
_PARTS = 4
_VOCODER = ("vocoder_model_file.pth", "vocoder_config.json")


def main(folder: Path) -> None:
    """Load the model and speak what comes, until standard input ends."""
    # What the package prints must not come between our lines.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        synthesiser = _loaded(folder)
    # It raises whatever its libraries raise.
    except Exception as error:
        _answer(answers, {"error": f"{type(error).__name__}: {error}"})
        return
    _answer(answers, {"rate_hz": int(synthesiser.output_sample_rate)})
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        try:
            wave = synthesiser.tts(
                asked["text"],
                speaker_name=asked.get("speaker") or None,
                split_sentences=False,
            )
            samples = importlib.import_module("numpy").asarray(wave, dtype="<f4").reshape(-1)
        except Exception as error:
            _answer(answers, {"error": f"{type(error).__name__}: {error}"})
            continue
        _answer(answers, {"samples": len(samples)}, samples.tobytes())


def stand_in_for_recordings() -> None:
    """Let the package be imported where what it reads recordings with is not there."""
    for name in _FOR_RECORDINGS:
        try:
            importlib.import_module(name)
        except ImportError:
            stand_in = types.ModuleType(name)
            stand_in.__spec__ = ModuleSpec(name, None)
            sys.modules[name] = stand_in


def _loaded(folder: Path) -> Any:
    stand_in_for_recordings()
    importlib.import_module("torch").manual_seed(0)
    files = _vocoder(folder)
    found = [str(file) if all(one.is_file() for one in files) else None for file in files]
    return importlib.import_module("TTS.utils.synthesizer").Synthesizer(
        tts_checkpoint=str(folder / "model_file.pth"),
        tts_config_path=str(folder / "config.json"),
        vocoder_checkpoint=found[0],
        vocoder_config=found[1],
        use_cuda=False,
    )


def _vocoder(folder: Path) -> list[Path]:
    """Return where a model's vocoder would lie: with the model, or where the package keeps the one that fits it."""
    own = [folder / name for name in _VOCODER]
    parts = folder.name.split("--")
    if own[0].is_file() or len(parts) != _PARTS:
        return own
    package = Path(str(importlib.import_module("TTS").__file__)).parent
    known: Any = json.loads((package / ".models.json").read_bytes())
    for part in parts:
        known = known.get(part, {})
    name = str(known.get("default_vocoder") or "").replace("/", "--")
    return [folder.parent / name / "model_file.pth", folder.parent / name / "config.json"] if name else own


def _answer(to: BinaryIO, said: dict[str, object], content: bytes = b"") -> None:
    to.write(json.dumps(said).encode("utf-8") + b"\n" + content)
    to.flush()


def fetch(name: str) -> None:
    """Download a model by the package's own means, and its vocoder; raises what the package raises."""
    stand_in_for_recordings()
    manager = importlib.import_module("TTS.utils.manage").ModelManager(progress_bar=True)
    _, _, known = manager.download_model(name)
    if vocoder := (known or {}).get("default_vocoder"):
        manager.download_model(vocoder)


if __name__ == "__main__":
    if sys.argv[1] == "--fetch":
        fetch(sys.argv[2])
    else:
        main(Path(sys.argv[1]))
