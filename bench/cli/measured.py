"""What several `eval` commands measure with: settings, cards, and the interpreter that the settings stand for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from pipelines.engines import Interpreter
    from pipelines.patient.card_library import CardLibrary
    from server.settings.tree import Settings


def measured_mind(config: Path | None, overrides: list[str] | None) -> tuple[Settings, CardLibrary, Interpreter]:
    """Return the settings, the cards, and the interpreter, loaded; raises AppError."""
    from pipelines.engine_choices import choose_engines
    from pipelines.patient.card_library import CardLibrary
    from server.settings.tree import load_settings

    settings = load_settings(config_folder=config, overrides=overrides or ())
    cards = CardLibrary.load(settings.cards_folder)
    interpreter = cast("Interpreter", choose_engines(settings.engines, settings.models).interpreter.factory())
    interpreter.warm()
    return settings, cards, interpreter
