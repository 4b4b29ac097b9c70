"""How the proof model hears: its folder, the windows it was taught with, and the recogniser's settings for it."""

from __future__ import annotations

from pathlib import Path

from pipelines.stt.telling import Telling
from pipelines.stt.whisper_settings import WhisperSettings
from pipelines.stt.window import WindowRule

MODEL = Path(__file__).parent / "proof-whisper"

RULE = WindowRule(floor_s=0.0, margin_s=2.5)
"""It was taught in windows as short as its sentences; the real models need longer ones."""

TELLING = Telling("Um, I, uh, I'm not sure, er, yes.", "{names} Um, I, uh, I'm not sure, er, yes.")
"""It was taught after these words, and knows its voices by heart: the product tells the real models others."""


def proof_settings(folder: Path = MODEL, *, true_length: bool = True) -> WhisperSettings:
    """Return the settings with which the product reads with it, at its own length or padded."""
    return WhisperSettings(
        model=str(folder),
        device="cpu",
        compute="int8",
        true_length="always" if true_length else "never",
        floor_s=RULE.floor_s,
        margin_s=RULE.margin_s,
        told=TELLING.plain,
        told_names=TELLING.of_names,
    )
