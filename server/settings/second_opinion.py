"""Settings of the second opinion: which language model is asked, by what, how sure it must be, and what it may cost."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipelines.responders.remote.settings import RemoteBudget


class SecondOpinionSettings(BaseModel):
    """Who gives a second opinion; it is asked for by `interlocutor assess` alone, and off without a model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["auto", "remote", "language-model", "off"] = Field(
        default="auto",
        description="Who gives a second opinion on role-plays: remote: the host of engines.remote; language-model: the "
        "one of engines.language_model, on this machine; auto: a remote one where its model is named, else nobody.",
    )
    model: str = Field(
        default="", description="Name of the remote model for it; empty: engines.remote.model (MASTER_MODEL_NAME)."
    )
    references: Path | None = Field(
        default=None,
        description="JSON file with what each mark means, and passages with the marks that they deserve; unset: the "
        "supplied one.",
    )
    least_exact: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of the reference passages to which a model must give the very mark; else it is not usable.",
    )
    least_adjacent: float = Field(
        default=0.9, ge=0, le=1, description="Share of them to which its mark must be one off at most."
    )
    max_tokens: int = Field(default=400, ge=64, le=4_096, description="Most tokens of one answer.")
    budget: RemoteBudget = Field(default_factory=RemoteBudget)
