"""Settings of marking."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class MarkingSettings(BaseModel):
    """How many mark a role-play, and when a third decides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    examiners: int = Field(default=2, ge=1, le=5, description="Examiners who mark each exam, each by themselves.")
    blind: bool = Field(
        default=True,
        description="Whether nobody sees another examiner's marks, or the measures of an exam, until all of them "
        "have signed.",
    )
    differ_linguistic: int = Field(
        default=2, ge=1, le=6, description="A linguistic mark (0 to 6) that differs by so much is decided by a third."
    )
    differ_clinical: int = Field(
        default=2, ge=1, le=3, description="A clinical mark (0 to 3) that differs by so much is decided by a third."
    )
