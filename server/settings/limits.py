"""Settings of the outer door: how long a connection may take for each step, and how many there may be."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class LimitSettings(BaseModel):
    """What a connection may take before anybody knows who it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    connections: int = Field(
        default=2_048,
        ge=64,
        le=100_000,
        description="Most connections at once. When all are taken, one that has asked for nothing yet makes room. The "
        "server takes fewer where the system allows it too few open files.",
    )
    connections_per_address: int = Field(
        default=512,
        ge=8,
        le=100_000,
        description="Most connections at once of one address (IPv6: one /64 network); a trusted proxy has no such "
        "limit.",
    )
    first_byte_s: float = Field(
        default=10, gt=0, le=3_600, description="Seconds within which a new connection must send something."
    )
    headers_s: float = Field(
        default=10, gt=0, le=3_600, description="Seconds within which the headers of a request must be complete."
    )
    body_s: float = Field(
        default=30, gt=0, le=3_600, description="Seconds within which the body of a request must be complete."
    )
    stalled_s: float = Field(
        default=30, gt=0, le=3_600, description="Seconds that a client may take nothing of an answer that waits for it."
    )
    pings_per_s: float = Field(
        default=5,
        gt=0,
        le=1_000,
        description="WebSocket pings that a client may send per second in the long run, after the first 50.",
    )
