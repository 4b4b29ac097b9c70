"""Settings of the language model that speaks for the patient."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipelines.models.devices import DEVICE_PATTERN

FIRST_MODEL = "smollm2-135m-instruct"
"""The smallest language model of the catalogue: quick enough for two cores."""

SpeaksFor = Literal["off-card", "everything"]


class LanguageModelSettings(BaseModel):
    """Which model speaks, where, how long and how freely, and what it may keep in memory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(default=FIRST_MODEL, description="Language model: an id of the catalogue, or a folder.")
    device: str = Field(
        default="auto", pattern=DEVICE_PATTERN, description="Where it computes: auto, cpu, cuda or cuda:N."
    )
    compute: Literal[
        "auto", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "float16", "bfloat16", "float32"
    ] = Field(
        default="auto",
        description="Type of its numbers; auto: what the device computes fastest. There are none of four bits.",
    )
    speaks_for: SpeaksFor = Field(
        default="off-card",
        description="off-card: small talk, sympathy and questions that the card has no answer to; cues and facts are "
        "told in the card's words. everything: it also words cues and facts (for models of 7 billion parameters and "
        "more).",
    )
    evidence: Path | None = Field(
        default=None,
        description="File that `interlocutor eval patient --evidence` wrote: with engines.responder at auto the model "
        "speaks at the turns where it did better than the card's words. Empty: what was found of the supplied model.",
    )
    max_new_tokens: int = Field(default=48, ge=8, le=400, description="Most tokens of one reply.")
    temperature: float = Field(
        default=0.0,
        ge=0,
        le=2,
        description="How freely it chooses its words; 0: always the likeliest, so that a replay says the same.",
    )
    context_tokens: int = Field(
        default=4096,
        ge=512,
        le=32768,
        description="Most tokens of a prompt and its reply; a model with less takes less.",
    )
    history_tokens: int = Field(
        default=120,
        ge=0,
        le=16384,
        description="Most tokens of what was said before; the newest are kept. More of it makes the first word later.",
    )
    cached_cards: int = Field(
        default=4,
        ge=0,
        le=64,
        description="Most cards whose prompt is kept computed, about 60 MiB each with the smallest model; 0: none. "
        "Patients beyond that are answered more slowly.",
    )
