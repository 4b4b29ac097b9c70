"""Settings of the judge of the patient's replies: which language model, how sure it must be, and what it may cost."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipelines.responders.remote.settings import RemoteBudget


class JudgeSettings(BaseModel):
    """Who judges what the patient said; asked by `interlocutor judge` alone, and off without a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["auto", "remote", "language-model", "off"] = Field(
        default="auto",
        description="Who judges the patient's replies: remote: the host of engines.remote; language-model: the one of "
        "engines.language_model, on this machine; auto: a remote one where its model is named, else nobody.",
    )
    model: str = Field(
        default="", description="Name of the remote model that judges; empty: engines.remote.model (MASTER_MODEL_NAME)."
    )
    references: Path | None = Field(
        default=None,
        description="JSON file with replies and the rules that they break, which a judge must get right first; unset: "
        "the supplied one.",
    )
    least_found: float = Field(
        default=0.75,
        ge=0,
        le=1,
        description="Share of the reference replies that break a rule in which a judge must find that, for each rule; "
        "else it is not usable.",
    )
    least_spared: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description="Share of the reference replies that keep a rule of which a judge must say so, for each rule.",
    )
    max_tokens: int = Field(default=300, ge=64, le=4_096, description="Most tokens of one verdict.")
    budget: RemoteBudget = Field(default_factory=RemoteBudget)
