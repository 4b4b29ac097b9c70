"""Settings of WebRTC: ICE servers, addresses and ports."""

from __future__ import annotations

import ipaddress
import re
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

_ICE_SERVER = re.compile(r"(stun|stuns|turn|turns):[A-Za-z0-9.\-]+(:\d{1,5})?(\?transport=(udp|tcp))?")


class RtcSettings(BaseModel):
    """WebRTC: where its packets go through."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(
        default=True, description="Whether the server accepts calls by WebRTC; if not, the page uses its WebSocket."
    )
    ice_servers: tuple[str, ...] = Field(
        default=(),
        description="STUN and TURN servers for clients, e.g. turn:turn.example.org:3478; empty: none, which works if "
        "clients can reach this machine's address.",
    )
    turn_ttl_s: int = Field(
        default=7_200, ge=60, le=86_400, description="Seconds for which a session's TURN credentials are valid."
    )
    use_ice_servers: bool = Field(
        default=False,
        description="Whether this server also gathers its own addresses from them; calls then begin later.",
    )
    public_address: str | None = Field(
        default=None,
        description="Address to give clients instead of this machine's own, if a router forwards the UDP ports.",
    )
    host_networks: tuple[str, ...] = Field(
        default=(),
        description="Networks, e.g. 192.168.0.0/16: clients get only this machine's addresses in them; empty: all "
        "addresses except loopback.",
    )
    peer_networks: tuple[str, ...] = Field(
        default=(),
        description="Networks of clients, e.g. 10.0.0.0/8, to which this server may send before it hears from them. "
        "With rtc.use_ice_servers it does so to public addresses, and to no others but these.",
    )
    udp_port_min: int = Field(default=0, ge=0, le=65535, description="First UDP port of calls; 0: any free one.")
    udp_port_max: int = Field(
        default=0, ge=0, le=65535, description="Last UDP port of calls; each call takes one port on each address."
    )
    connect_s: int = Field(
        default=15, ge=1, le=120, description="Seconds that a call may take to connect before the server gives it up."
    )

    @field_validator("ice_servers")
    @classmethod
    def _are_addresses(cls, servers: tuple[str, ...]) -> tuple[str, ...]:
        for server in servers:
            if not _ICE_SERVER.fullmatch(server):
                raise ValueError(f"{server!r} is no STUN or TURN address; write turn:host:port or stun:host:port")
        return servers

    @field_validator("host_networks", "peer_networks")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ipaddress.ip_network(network)
        return networks

    @field_validator("public_address")
    @classmethod
    def _is_address(cls, address: str | None) -> str | None:
        if address is not None:
            ipaddress.ip_address(address)
        return address

    @model_validator(mode="after")
    def _is_range(self) -> Self:
        if bool(self.udp_port_min) != bool(self.udp_port_max) or self.udp_port_min > self.udp_port_max:
            raise ValueError("udp_port_min and udp_port_max are the ends of a range: set both, the smaller first")
        return self
