"""How patient the endpointing is: bounds and price of its waits."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Style = Literal["practice", "exam", "slow_speaker"]
"""Whom the endpointing waits for: a brisk talk (the settings as they are); somebody whom being cut off costs marks;
somebody who needs time, with a higher ceiling too."""


class EndpointSettings(BaseModel):
    """Waits in milliseconds of silence since the last voiced sample."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    style: Style = "practice"
    floor_ms: float = Field(default=240, ge=120, le=2_000)  # however clear the end: breaths and stops are shorter
    ceiling_ms: float = Field(default=2_000, ge=200, le=10_000)  # however unclear
    # Not cutting somebody off once is worth so many seconds of waiting.
    patience_s: float = Field(default=1.8, gt=0, le=100)
    inner_share: float = Field(default=0.2, ge=0, le=10)  # pauses between words, as a share of turns' ends
    # A turn has so many pauses under half a second for each longer one.
    short_share: float = Field(default=3.7, ge=0, le=20)
    asked_factor: float = Field(default=0.15, gt=0, le=1)  # odds of going on once something was asked for
    unheard_ms: float = Field(default=900, ge=120, le=10_000)  # wait after speech of which no word was understood

    def waits(self) -> tuple[float, float, float, float]:
        """Return floor, ceiling and patience in seconds, and how much slower than most a speaker is taken for."""
        patience, stretch, ceiling = {
            "practice": (1.0, 1.0, 1.0),
            "exam": (2.0, 1.2, 1.25),
            "slow_speaker": (3.0, 1.6, 1.75),
        }[self.style]
        floor_s = self.floor_ms / 1000.0
        return floor_s, max(self.ceiling_ms * ceiling / 1000.0, floor_s), self.patience_s * patience, stretch
