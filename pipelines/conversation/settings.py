"""How the conversation takes turns: the waits and limits of its policy."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from pipelines.conversation.floor import FloorSettings
from pipelines.endpointing.settings import EndpointSettings


class DraftSettings(BaseModel):
    """Replies prepared in a pause, before the turn is known to be over."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    ahead_ms: float = Field(default=800, ge=0, le=5_000)  # so long before the turn would be judged over
    # At most so many are made for one turn; whoever pauses more often waits a little longer.
    most: int = Field(default=3, ge=0, le=20)


HELP_MESSAGE = (
    "What you said sounds serious. Are you all right? If you are in danger or feel unwell, call your local emergency "
    "number, or talk to somebody near you."
)


class ConversationSettings(BaseModel):
    """Turn-taking, in milliseconds of media time unless said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpointing: EndpointSettings = EndpointSettings()
    fixed_wait_ms: float | None = Field(default=None, ge=120, le=10_000)  # this silence ends any turn; None: judged
    drafts: DraftSettings = DraftSettings()
    floor: FloorSettings = FloorSettings()
    peek_ms: float = Field(default=120, ge=60, le=1_000)  # silence after which all that was said is read
    segment_pause_ms: float = Field(default=400, ge=200, le=2_000)  # silence after which a segment is finalised
    segment_max_ms: float = Field(default=60_000, ge=5_000, le=110_000)  # speech without a pause is cut here
    # At most so much missing audio in a pause is not counted as silence.
    excused_ms: float = Field(default=2_000, ge=0, le=30_000)
    noise_max_ms: float = Field(default=700, ge=0, le=5_000)  # shorter "speech" without a word is taken for noise
    silence_prompt_ms: float = Field(default=15_000, ge=0, le=120_000)  # the patient prompts once; 0: never
    recognise_timeout_ms: float = Field(default=3_000, ge=100, le=30_000)  # then the last partial has to do
    respond_timeout_ms: float = Field(default=15_000, ge=500, le=120_000)  # then the turn goes unanswered
    # After this much silence in the middle of a reply, the reply is over.
    reply_stall_ms: float = Field(default=5_000, ge=500, le=120_000)
    # What the page says to somebody who may be in danger or distress.
    help_message: str = Field(default=HELP_MESSAGE, min_length=1, max_length=1_000)
    closing_grace_s: float = Field(default=30, ge=0, le=120)  # session time from "time is up" to the hard end
