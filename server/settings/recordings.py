"""Settings of finished recordings: where they are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from server.settings.oidc import is_safe

RecordingsStore = Literal["disk", "s3"]


class S3Settings(BaseModel):
    """An object store that speaks S3: MinIO, Ceph, Garage, or a cloud's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s?#]+$",
        description="Address of the object store, e.g. https://s3.example.org:9000; the server contacts no other.",
    )
    bucket: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]$",
        description="Bucket for recordings; it must exist, and be this server's alone.",
    )
    prefix: str = Field(
        default="",
        pattern=r"^([A-Za-z0-9_\-]+/)*$",
        description="Beginning of the objects' names, e.g. oet/; empty: none.",
    )
    region: str = Field(default="us-east-1", min_length=1, max_length=64, description="Region, as the store names it.")
    access_key_id: str | None = Field(
        default=None, min_length=1, max_length=256, description="Name under which the store knows this server."
    )
    secret_access_key: SecretStr | None = Field(default=None, description="Secret that belongs to access_key_id.")
    secret_access_key_file: Path | None = Field(
        default=None, description="File that holds recordings.s3.secret_access_key."
    )
    timeout_s: float = Field(default=20, gt=0, le=600, description="Seconds that one request to the store may take.")

    @field_validator("secret_access_key_file")
    @classmethod
    def _expand_home(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser()


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
        if self.store == "disk":
            return []
        found = []
        for name in ("endpoint", "bucket", "access_key_id", "secret_access_key"):
            if getattr(self.s3, name) is None:
                found.append(f"recordings.s3.{name}: is missing; recordings.store=s3 needs it")
        if self.s3.endpoint is not None and not is_safe(self.s3.endpoint):
            found.append(
                "recordings.s3.endpoint: must begin with https://, or whoever is on the way could delete recordings"
            )
        return found
