"""Settings of the vault: where the master key is."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class VaultSettings(BaseModel):
    """Where the master key is, which wraps the keys of all that is kept of people."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: SecretStr | None = Field(
        default=None,
        description="Master key: 32 bytes in base64 (`openssl rand -base64 32`). During a rotation the former one "
        "stands after it, with a space between. Losing it loses every recording.",
    )
    key_file: Path | None = Field(
        default=None,
        description="File that holds vault.key; it is read again when it changes. Unset in dev and test: vault.key in "
        "the data folder. Elsewhere one of the two is needed, outside the data folder.",
    )

    @field_validator("key_file")
    @classmethod
    def _expand_home(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser()
