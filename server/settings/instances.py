"""Settings of a server that is one of several."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class InstanceSettings(BaseModel):
    """How this server works together with others, if it does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
        description="Name of this server among several that share data_path and a PostgreSQL database, such as its "
        "host's; unset: it is the only one.",
    )
    address: str | None = Field(
        default=None,
        pattern=r"^http://[^\s/?#]+$",
        description="Address at which the other servers reach this one, e.g. http://10.0.0.7:8000; unset: the one that "
        "it listens on. It must be one of their server.trusted_proxies.",
    )
    lost_after_s: float = Field(
        default=5, gt=1, le=60, description="Seconds without a sign of life after which no role-play is sent there."
    )
