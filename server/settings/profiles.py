"""Profiles: named sets of defaults for a kind of machine, laid between the code's defaults and the files.

A profile never overrides what an operator set anywhere; it only says what unset settings are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.settings.layers import Given

PROFILE = "engines.profile"


@dataclass(frozen=True, slots=True)
class Profile:
    """A named set of defaults: for what it is, and dotted paths with values."""

    meaning: str
    values: Mapping[str, str | int]


PROFILES: dict[str, Profile] = {
    "embedded": Profile("The embedded engines, and Whisper once its model is downloaded; the code's own defaults.", {}),
    "small-cpu": Profile(
        "Whisper on the processor of a small machine, with one or two sessions at the same time.",
        {
            "engines.backend": "local",
            "engines.whisper.device": "cpu",
            "engines.whisper.compute": "int8",
            "models.cache_size": 2,
            "models.batch_size": 4,
        },
    ),
    "hybrid": Profile(
        "Speech on this machine with a tiny Whisper, replies from the remote language model that engines.remote names.",
        {
            "engines.backend": "local",
            "engines.whisper.model": "tiny.en",
            "models.cache_size": 2,
            "models.batch_size": 4,
        },
    ),
    "gpu": Profile(
        "Whisper turbo on a graphics card, decoding for many sessions at once.",
        {
            "engines.backend": "local",
            "engines.whisper.model": "turbo",
            "engines.whisper.device": "cuda",
            "engines.whisper.beam": 5,
            "engines.whisper.partial_every_ms": 400,
            "models.batch_size": 16,
        },
    ),
}


def profile_layer(name: object) -> list[Given]:
    """Return what a profile sets, with where it came from; nothing for an unknown name, which the model refuses."""
    profile = PROFILES.get(name) if isinstance(name, str) else None
    values = profile.values if profile is not None else {}
    return [Given(path, value, f"profile {name}") for path, value in values.items()]
