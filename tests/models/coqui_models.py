"""Makes a Coqui model at random, run in the environment that has coqui-tts: `python coqui_models.py KIND FOLDER`.

What it says is noise, but all of the package is real: text to ids, the model, Griffin-Lim or its own decoder.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any


def main(kind: str, folder: Path) -> None:
    """Write `config.json` and `model_file.pth` of a `vits` or a `tacotron2`."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "pipelines" / "tts"))
    worker: Any = importlib.import_module("coqui_worker")
    worker.stand_in_for_recordings()
    torch: Any = importlib.import_module("torch")
    torch.manual_seed(0)
    modules = {"vits": ("vits_config", "VitsConfig", "vits", "Vits")}
    modules["tacotron2"] = ("tacotron2_config", "Tacotron2Config", "tacotron2", "Tacotron2")
    config_module, config_name, model_module, model_name = modules[kind]
    config = getattr(importlib.import_module(f"TTS.tts.configs.{config_module}"), config_name)(
        text_cleaner="english_cleaners", use_phonemes=False
    )
    if kind == "tacotron2":
        # Untrained it never says that it is at the end.
        config.max_decoder_steps = 40
    model = getattr(importlib.import_module(f"TTS.tts.models.{model_module}"), model_name).init_from_config(config)
    folder.mkdir(parents=True, exist_ok=True)
    config.save_json(str(folder / "config.json"))
    torch.save({"model": model.state_dict()}, folder / "model_file.pth")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
