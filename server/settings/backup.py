"""Settings of backups."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator


class BackupSettings(BaseModel):
    """Where backups go, how often the server makes one, and how many are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path | None = Field(
        default=None,
        description="Folder for backups, best on another disk or machine. Unset: `backups` in the data folder, which "
        "does not help when that disk is lost.",
    )
    every_hours: float | None = Field(
        default=None,
        ge=0,
        le=8_760,
        description="Hours between two backups that the server makes by itself; 0: it makes none. Unset: 24, and none "
        "in dev and test.",
    )
    keep: int = Field(
        default=7,
        ge=1,
        le=1_000,
        description="Backups that are kept; after each new one the oldest go. What was erased is in the earlier ones "
        "until then.",
    )

    @field_validator("folder")
    @classmethod
    def _expand_home(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser()
