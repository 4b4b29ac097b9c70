"""Settings of how long role-plays are kept."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

DAY_MS = 86_400_000


class RetentionSettings(BaseModel):
    """How long role-plays are kept, and what keeps a wrong clock from deleting them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    practice_days: int = Field(
        default=90,
        ge=1,
        le=36_500,
        description="Days that a practice's recording and log are kept; then they are deleted.",
    )
    exam_days: int = Field(
        default=180,
        ge=1,
        le=36_500,
        description="Days that an exam's recording and log are kept; then they are deleted.",
    )
    most_per_run: int = Field(
        default=100,
        ge=1,
        le=100_000,
        description="Most role-plays that one run of the retention deletes; it runs at the start and every six hours.",
    )
    exams_of_erased: Literal["keep", "erase"] = Field(
        default="keep",
        description="What becomes of the exams of a person who is erased. keep: they stay for their examiners, without "
        "the name, until exam_days are over. erase: they go at once.",
    )

    def days(self, mode: str) -> int:
        """Return how many days a role-play of this mode is kept; one whose mode is unknown as long as the longest."""
        known = {"practice": self.practice_days, "exam": self.exam_days}
        return known.get(mode, max(known.values()))
