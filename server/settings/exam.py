"""Settings of exams; their preparation and their role-plays are as long as those of practice (`session`)."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ExamSettings(BaseModel):
    """What an exam has beyond two role-plays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    warm_up_s: int = Field(
        default=60,
        ge=0,
        le=600,
        description="Seconds of the talk about the candidate's work with which an exam begins; 0: none.",
    )
    reserved_cards: tuple[str, ...] = Field(
        default=(),
        description="Ids of cards for planned exams alone: practice does not list them, and nobody can choose one.",
    )
