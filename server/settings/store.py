"""Settings of the database, of who may log in, and of the audit."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from server.settings.oidc import OidcSettings
from server.settings.s3 import S3Settings

AuthMode = Literal["accounts", "guests", "open"]


class DatabaseSettings(BaseModel):
    """Where people, keys, the index of sessions and the audit are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr | None = Field(
        default=None,
        description="Database: postgresql://USER:PASSWORD@HOST/NAME or sqlite:///FILE; unset: interlocutor.db in the "
        "data folder. It may hold a password, so it is never shown.",
    )
    migrate: bool = Field(
        default=True,
        description="Whether a start brings the database to this version's form. If not, a start on another form "
        "is refused: run `interlocutor db upgrade` first.",
    )
    busy_s: float = Field(
        default=5, gt=0, le=60, description="Seconds to wait for a database that somebody else has locked."
    )


class AuthSettings(BaseModel):
    """Who may use this server, and how long a log-in lasts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: AuthMode | None = Field(
        default=None,
        description="accounts: everybody logs in. guests: strangers may practise, never sit an exam. open: anybody may "
        "do both. Unset: open in dev and test, accounts elsewhere. Production refuses open.",
    )
    login_hours: float = Field(default=12, gt=0, le=720, description="Hours that a log-in lasts at most.")
    idle_minutes: float = Field(
        default=120, gt=0, le=43_200, description="Minutes without a request after which a log-in ends."
    )
    invitation_hours: float = Field(
        default=72, gt=0, le=720, description="Hours that an invitation or a password reset link is good for."
    )
    public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s/?#]+$",
        description="Address of this server as people type it, e.g. https://oet.example.org; invitation links begin "
        "with it. Unset: the address that it listens on.",
    )
    failures: int = Field(
        default=5, ge=1, le=1_000, description="Wrong passwords in a row for one name, after which it must wait."
    )
    oidc: OidcSettings = Field(default_factory=OidcSettings)
    attempts_per_minute: float = Field(
        default=30, gt=0, le=10_000, description="Log-ins that one address may try per minute."
    )


class AuditSettings(BaseModel):
    """Where the head of the audit is written down besides the database."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    anchor: Path | None = Field(
        default=None,
        description="File that gets the head of the audit when a session closes and when the server stops, best on "
        "another machine's disk. Unset: the server's log alone has it.",
    )
    s3: S3Settings = Field(
        default_factory=S3Settings,
        description="Bucket in which each head becomes an object of its own.",
    )

    @field_validator("anchor")
    @classmethod
    def _expand_home(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser()

    def faults(self) -> list[str]:
        """Return what is missing or wrong, one line each."""
        return self.s3.faults("audit.s3") if self.s3.bucket is not None else []
