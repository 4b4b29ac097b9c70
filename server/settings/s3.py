"""Settings of a bucket in an object store."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from server.settings.oidc import is_safe


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
        description="Bucket; it must exist, and be for this alone.",
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
    secret_access_key_file: Path | None = Field(default=None, description="File that holds secret_access_key.")
    timeout_s: float = Field(default=20, gt=0, le=600, description="Seconds that one request to the store may take.")

    @field_validator("secret_access_key_file")
    @classmethod
    def _expand_home(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser()

    def faults(self, path: str) -> list[str]:
        """Return what is missing or wrong for somebody who needs the bucket, one line each; `path` is the section's."""
        found = []
        for name in ("endpoint", "bucket", "access_key_id", "secret_access_key"):
            if getattr(self, name) is None:
                found.append(f"{path}.{name}: is missing; the object store can't be used without it")
        if self.endpoint is not None and not is_safe(self.endpoint):
            found.append(f"{path}.endpoint: must begin with https://, or others could change what lies there")
        return found
