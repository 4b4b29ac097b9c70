"""Settings of who may open sessions, and which reservations give way."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ReservationSettings(BaseModel):
    """How many sessions strangers may open, and which of those that nobody has joined make room for others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    burst: int = Field(
        default=30,
        ge=1,
        le=10_000,
        description="Sessions that one address may open in a row; a class that shares an address begins together.",
    )
    per_minute: float = Field(
        default=10,
        ge=0,
        le=10_000,
        description="Sessions that one address (IPv6: one /64 network) may open a minute after that; 0: no limit.",
    )
    firm: int = Field(
        default=1,
        ge=1,
        le=10_000,
        description="Sessions of one address that nobody has joined yet and that never make room for another address; "
        "what is beyond them does when all places are taken.",
    )
    spare_s: int = Field(
        default=120,
        ge=10,
        le=86_400,
        description="Seconds beyond the preparation after which a session that nobody has joined makes room for "
        "anybody when all places are taken.",
    )
