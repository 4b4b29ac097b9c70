"""Coqui VITS checkpoint to ONNX: `python export_coqui.py SOURCE TARGET`, run in an environment that has coqui-tts.

It imports nothing of ours, as nothing of ours is there. SOURCE holds `config.json`, `model_file.pth` and, for a model
of several voices, `speaker_ids.json`; TARGET gets `model.onnx` (inputs `input`, `input_lengths`, `scales`, and `sid`
where there are several voices), `config.json`, `symbols.json` (the character of each id) and `speaker_ids.json`.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

# The library asks for these when it is imported, and uses them to read recordings for training alone. Their builds must
# match torch's to the letter, so an environment without them is the one that works everywhere.
_FOR_TRAINING = ("torchaudio", "torchcodec")


class NoPhonemizer:
    """Stands where the library wants espeak-ng, which need not be here: who speaks with the graph makes phonemes."""

    def __init__(self, **_told: object) -> None:
        pass

    @staticmethod
    def name() -> str:
        """Return what the library calls what it stands for."""
        return "espeak"


def main(source: Path, target: Path) -> None:
    """Convert; raises what coqui-tts raises."""
    model = load(source)
    target.mkdir(parents=True)
    sys.stdout.write("writing model.onnx\n")
    model.export_onnx(output_path=str(target / "model.onnx"), verbose=False)
    shutil.copy(source / "config.json", target / "config.json")
    speakers = source / "speaker_ids.json"
    if speakers.is_file():
        shutil.copy(speakers, target / "speaker_ids.json")
    symbols = list(model.tokenizer.characters.vocab)
    (target / "symbols.json").write_text(json.dumps(symbols, ensure_ascii=False) + "\n", encoding="utf-8")


def load(source: Path) -> Any:
    """Return the library's model of a folder, ready to speak; raises what coqui-tts raises."""
    stand_in_for_parts()
    vits_config = importlib.import_module("TTS.tts.configs.vits_config")
    vits = importlib.import_module("TTS.tts.models.vits")
    config = vits_config.VitsConfig()
    config.load_json(str(source / "config.json"))
    speakers = source / "speaker_ids.json"
    # Checkpoints name files on the machine they were trained on.
    for part in (config, config.model_args):
        for name in ("speakers_file", "language_ids_file", "d_vector_file", "speaker_encoder_config_path"):
            if hasattr(part, name):
                known = str(speakers) if name == "speakers_file" and speakers.is_file() else None
                setattr(part, name, known)
    model = vits.Vits(config)
    checkpoint = next(iter(sorted(source.glob("model_file.pth*"))))
    sys.stdout.write(f"loading {checkpoint.name}\n")
    model.load_checkpoint(config, str(checkpoint), eval=True)
    return model


def stand_in_for_parts() -> None:
    """Let the library be imported, and its models be made, without what only training and its own phonemes need."""
    for name in _FOR_TRAINING:
        stand_in = types.ModuleType(name)
        stand_in.__spec__ = ModuleSpec(name, None)
        sys.modules[name] = stand_in
    tokenizer: Any = importlib.import_module("TTS.tts.utils.text.tokenizer")
    tokenizer.get_phonemizer_by_name = lambda _name, **told: NoPhonemizer(**told)
    tokenizer.get_default_phonemizer = lambda _language: NoPhonemizer.name()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
