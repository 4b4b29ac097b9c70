"""How the conversation takes turns: the waits and limits of its policy."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ConversationSettings(BaseModel):
    """Turn-taking, in milliseconds of media time unless said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint_wait_ms: float = Field(default=900, ge=200, le=5_000)  # silence after which a turn is over
    segment_pause_ms: float = Field(default=400, ge=200, le=2_000)  # silence after which a segment is finalised
    excused_ms: float = Field(default=2_000, ge=0, le=30_000)  # missing sound in a pause that is not counted as silence
    yield_after_ms: float = Field(default=600, ge=100, le=5_000)  # speech over the patient's that takes the floor
    noise_max_ms: float = Field(default=700, ge=0, le=5_000)  # shorter "speech" without a word is taken for noise
    silence_prompt_ms: float = Field(default=15_000, ge=0, le=120_000)  # the patient prompts once; 0: never
    recognise_timeout_ms: float = Field(default=3_000, ge=100, le=30_000)  # then the last partial has to do
    respond_timeout_ms: float = Field(default=15_000, ge=500, le=120_000)  # then the turn goes unanswered
    closing_grace_s: float = Field(default=30, ge=0, le=120)  # session time from "time is up" to the hard end
