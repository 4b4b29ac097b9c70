"""Where the files lie that come with the package: cards and the pages' static files."""

from __future__ import annotations

from pathlib import Path

from server.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"
CARDS = ROOT / "configs" / "cards"


def cards_folder(settings: Settings) -> Path:
    """Return the folder of role-play cards in use."""
    return settings.cards_path or CARDS
