"""How the proof model hears: its folder, the windows it was taught with, and the recogniser's settings for it."""

from __future__ import annotations

from pathlib import Path

from pipelines.stt.whisper_settings import WhisperSettings
from pipelines.stt.window import WindowRule

MODEL = Path(__file__).parent / "proof-whisper"

RULE = WindowRule(floor_s=0.0, margin_s=2.5)
"""It was taught in windows as short as its sentences; the real models need longer ones."""


def proof_settings(folder: Path = MODEL, *, true_length: bool = True) -> WhisperSettings:
    """Return the settings with which the product reads with it, at its own length or padded."""
    return WhisperSettings(
        model=str(folder),
        device="cpu",
        compute="int8",
        true_length="always" if true_length else "never",
        floor_s=RULE.floor_s,
        margin_s=RULE.margin_s,
    )
