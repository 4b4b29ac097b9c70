"""Real weights for tests: a cache outside the checkout, which `scripts/weights` fills."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.models.catalogue import Kind

WHY = "no weights: "
"""How the reason of a test that was skipped for want of weights begins."""


def weights_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where real models lie for tests: INTERLOCUTOR_WEIGHTS, or the user's cache."""
    cache = Path(environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return Path(environ.get("INTERLOCUTOR_WEIGHTS") or cache / "interlocutor" / "models")


def lacking(model: str, environ: Mapping[str, str] = os.environ, *, kind: Kind = "recogniser") -> str | None:
    """Return why this model can't be used here, or None if it can."""
    from pipelines.models.verify import verify_folder

    if environ.get("INTERLOCUTOR_NO_WEIGHTS") == "1":
        return f"{WHY}INTERLOCUTOR_NO_WEIGHTS is set"
    faults = verify_folder(weights_folder(environ) / model, kind)
    return f"{WHY}{faults[0].message} (`./scripts/weights` brings it)" if faults else None


def needed(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether a test without its weights fails instead of being skipped."""
    return environ.get("INTERLOCUTOR_NEED_WEIGHTS") == "1"
