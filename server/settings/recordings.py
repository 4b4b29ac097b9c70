"""Settings of finished recordings: where they are kept."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from server.settings.s3 import S3Settings

RecordingsStore = Literal["disk", "s3"]


class RecordingsSettings(BaseModel):
    """Where finished recordings are kept. While a role-play goes on, its audio is on this server's disk."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: RecordingsStore = Field(
        default="disk",
        description="Where finished recordings are kept: disk (the data folder), or s3 (an object store, to which they "
        "are moved sealed).",
    )
    s3: S3Settings = Field(default_factory=S3Settings)

    def faults(self) -> list[str]:
        """Return what is missing or wrong, one line each."""
        return self.s3.faults("recordings.s3") if self.store == "s3" else []
