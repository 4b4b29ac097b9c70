"""Settings of marking."""

from __future__ import annotations

from pathlib import Path

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
    report_to_candidates: bool = Field(
        default=False,
        description="Whether candidates may read the report on a role-play of theirs once its marks are decided. "
        "Usually whoever holds the exam tells them.",
    )
    coefficients_from: int = Field(
        default=30,
        ge=2,
        le=100_000,
        description="Fewest role-plays with blind marks of which a weighted kappa, or an interval, is made.",
    )
    statistics_python: Path = Field(
        default=Path(".marking-env/bin/python"),
        description="Python of the environment that has statsmodels, which makes the coefficients. "
        "It needs `./scripts/setup-marking`.",
    )
