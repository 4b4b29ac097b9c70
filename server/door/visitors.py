"""Who is connected: bounds by address and in all, and who makes room when they are reached.

A connection *waits* while it has asked for nothing yet: nothing came, or half a request, or its answer is not taken.
Such connections cost whoever opens them nothing, so they are the ones that make room.
"""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

import structlog

from server.sessions.rate_limit import RateLimit, network_of
from server.settings.limits import LimitSettings
from server.settings.reservations import ReservationSettings

logger = structlog.get_logger("server.door.visitors")

# Files, the database, worker processes and calls need their own.
FILES_BESIDES = 512
FEWEST = 64
# No client comes to these by mistake.
BLAMED = frozenset({"pings", "parts"})
FORGIVEN = ReservationSettings(burst=5, per_minute=6)


@dataclass(eq=False, slots=True)
class Visitor:
    """One connection; `waits` while it has asked for nothing. `address` is None for a trusted proxy."""

    address: str | None
    transport: asyncio.Transport
    waits: bool = True
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)

    def within(self, seconds: float, late: Callable[[], None]) -> None:
        """Have `late` called unless the connection gets on before; one such wait at a time."""
        self.at_ease()
        self.timer = asyncio.get_running_loop().call_later(seconds, late)

    def at_ease(self) -> None:
        """Wait for nothing any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Visitors:
    """All connections of a server; `cut` is told why each was that is cut off."""

    def __init__(
        self, settings: LimitSettings, *, trusted: tuple[str, ...] = (), cut: Callable[[str], None] = lambda _why: None
    ) -> None:
        self.settings = settings
        self.most = most_connections(settings.connections)
        self._trusted = tuple(ip_network(one) for one in trusted)
        self._cut = cut
        # Most of what an attacker costs us is the handshake that comes before each flood.
        self._blame = RateLimit(FORGIVEN, now_s=time.monotonic)
        self._all: dict[asyncio.BaseTransport, Visitor] = {}
        self._by_address: dict[str | None, dict[Visitor, None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, transport: asyncio.Transport) -> Visitor | None:
        """Return the visitor that this new connection is; None where it is not let in, which is counted."""
        address = self._address(transport)
        if address is not None and self._blame.wait_s(address):
            self._cut("blamed")
            return None
        theirs = len(self._by_address.get(address, ()))
        crowded = address is not None and theirs >= self.settings.connections_per_address
        if crowded and not self._make_room(address, "address"):
            self._cut("address")
            return None
        if len(self._all) >= self.most and not self._make_room(self._largest(), "full"):
            self._cut("full")
            return None
        visitor = self._all[transport] = Visitor(address, transport)
        self._by_address.setdefault(address, {})[visitor] = None
        return visitor

    def of(self, transport: asyncio.BaseTransport) -> Visitor | None:
        """Return whose connection this is, or None where it has left or never entered."""
        return self._all.get(transport)

    def leave(self, transport: asyncio.BaseTransport) -> None:
        """Forget a connection that is gone; does nothing for one that never entered."""
        visitor = self._all.pop(transport, None)
        if visitor is None:
            return
        visitor.at_ease()
        theirs = self._by_address[visitor.address]
        theirs.pop(visitor, None)
        if not theirs:
            del self._by_address[visitor.address]

    def cut_off(self, visitor: Visitor, why: str) -> None:
        """Drop a connection at once, and count why; whoever is cut off for `BLAMED` too often is not let in."""
        self._cut(why)
        if why in BLAMED and visitor.address is not None:
            self._blame.take_token(visitor.address)
        visitor.transport.abort()
        self.leave(visitor.transport)

    def refused(self, why: str) -> None:
        """Count a connection that was never let in."""
        self._cut(why)

    def _make_room(self, address: str | None, why: str) -> bool:
        """Cut off the oldest connection of an address that waits; return whether there was one."""
        oldest = next((one for one in self._by_address.get(address, ()) if one.waits), None)
        if oldest is None:
            return False
        self.cut_off(oldest, why)
        return True

    def _largest(self) -> str | None:
        """Return the address with the most connections."""
        return max(self._by_address, key=lambda address: len(self._by_address[address]))

    def _address(self, transport: asyncio.Transport) -> str | None:
        peer = transport.get_extra_info("peername")
        host = peer[0] if isinstance(peer, tuple) and peer else None
        try:
            known = ip_address((host or "").partition("%")[0])
        except ValueError:
            return network_of(host)
        return None if any(known in network for network in self._trusted) else network_of(host)


def most_connections(wanted: int) -> int:
    """Return how many connections there may be: as many as wanted, or as the system's limit of open files leaves.

    The limit is raised as far as the system lets us.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + FILES_BESIDES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < needed:
            logger.warning("few_open_files", allowed=soft, wanted=needed)
            return max(FEWEST, min(wanted, soft - FILES_BESIDES))
    return wanted
