"""Settings of traces: where the spans of each turn go, if anywhere."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

# What the extra brings; without it nothing of this can be imported.
PACKAGES = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


class TracingSettings(BaseModel):
    """Traces of turns by OpenTelemetry; off without an address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s?#@]+$",
        description="Whole address of the receiver of traces (OTLP over HTTP), e.g. http://127.0.0.1:4318/v1/traces; "
        "the server contacts no other. Unset: no traces. It needs the packages of the extra `tracing`.",
    )
    authorization: SecretStr | None = Field(
        default=None,
        description="What the header Authorization says to the receiver, e.g. Bearer and a token; unset: no header.",
    )
    authorization_file: Path | None = Field(default=None, description="File that holds tracing.authorization.")
    ca_file: Path | None = Field(
        default=None,
        description="File with the certificates that sign the receiver's (PEM); unset: those that browsers know.",
    )
    timeout_s: float = Field(
        default=5, gt=0, le=60, description="Seconds that one delivery to the receiver may take, with its repeats."
    )

    @field_validator("authorization_file", "ca_file")
    @classmethod
    def _expand_home(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser()

    def faults(self) -> list[str]:
        """Return why traces can't be sent as it is set, one line each; empty where none are wanted."""
        if self.endpoint is None:
            return []
        found = []
        if not all(_is_installed(package) for package in PACKAGES):
            found.append(
                "tracing.endpoint: traces need the packages of the extra tracing, which are not installed; "
                "run ./scripts/setup-tracing, or unset it"
            )
        if self.ca_file is not None and not self.ca_file.is_file():
            found.append(f"tracing.ca_file: there is no file {self.ca_file}")
        return found


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # what it lies in is missing
        return False
