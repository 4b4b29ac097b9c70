"""Settings of the latency page for developers."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from server.paths import ROOT


class LabSettings(BaseModel):
    """The latency page: whether it is there, and the recordings it offers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(
        default=True,
        description="Whether /lab exists; it asks for the developer key. In dev on this machine the server writes a "
        "link that has one.",
    )
    recordings_path: Path | None = Field(
        default=None,
        description="Folder of the recordings, with their truth files, that /lab offers; unset: tests/data of a "
        "checkout.",
    )

    @field_validator("recordings_path")
    @classmethod
    def _expand_home(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser()

    @property
    def recordings_folder(self) -> Path | None:
        """The folder that is read, or None where there is none."""
        folder = self.recordings_path or ROOT / "tests" / "data"
        return folder if folder.is_dir() else None
