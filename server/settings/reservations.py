"""Settings of who may open sessions, and which reservations give way."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ReservationSettings(BaseModel):
    """How many sessions strangers may open, and which of those that have not begun make room for others."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    burst: int = Field(
        default=30,
        ge=1,
        le=10_000,
        description="Sessions that one address may open in a row; a class that shares an address starts together.",
    )
    per_minute: float = Field(
        default=10,
        ge=0,
        le=10_000,
        description="Sessions that one address (IPv6: one /64 network) may open per minute after that; 0: no limit.",
    )
    firm: int = Field(
        default=1,
        ge=1,
        le=10_000,
        description="Sessions that have not begun and that one address always keeps, joined or not. When all places "
        "are taken, its other such sessions make room for other addresses.",
    )
    spare_s: int = Field(
        default=120,
        ge=10,
        le=86_400,
        description="How many seconds after the preparation a session that nobody has joined begins to make room for "
        "anybody, if all places are taken.",
    )
    silent_s: int = Field(
        default=15,
        ge=6,
        le=3_600,
        description="How many seconds the page of somebody who prepares may say nothing before its place makes room "
        "for anybody, if all places are taken. It says every 5 seconds that it is there.",
    )
    begin_s: int = Field(
        default=60,
        ge=5,
        le=86_400,
        description="How many seconds a client may be connected without any audio or item before its place makes room "
        "for anybody, if all places are taken. Clients that connect before the preparation need more.",
    )
