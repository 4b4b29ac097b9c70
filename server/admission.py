"""Who may reserve a session, and who gives way: limits by the network that somebody asks from.

There are no accounts, so an address is all that is known of a stranger. Whole classes share one, and whoever wants to
do harm can send any number of requests from one. All that tells them apart is that those who mean it join.
"""

from __future__ import annotations

import ipaddress
import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from server.settings.reservations import ReservationSettings

# A household or a school is given so much; within it anybody takes as many addresses as they like.
IPV6_PREFIX = 64
MOST_NETWORKS = 10_000  # a few megabytes; whoever is forgotten is met as a stranger
MOST_CHARS = 64  # of a name that is no address: a proxy may send anything


def network_of(host: str | None) -> str:
    """Return the network that an address counts for: an IPv4 address itself, of IPv6 its first 64 bits.

    Without an address (a Unix socket) it is "", which all such callers share.
    """
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return (host or "")[:MOST_CHARS]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)


class RateLimit:
    """A token bucket for each network; those that were heard of least recently are forgotten.

    `now_s` is a monotonic clock in seconds.
    """

    def __init__(
        self, settings: ReservationSettings, *, now_s: Callable[[], float], most_networks: int = MOST_NETWORKS
    ) -> None:
        self._burst = settings.burst
        self._per_s = settings.per_minute / 60.0  # 0: no limit
        self._now_s = now_s
        self._most = most_networks
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # network -> (tokens, seconds then)

    def __len__(self) -> int:
        return len(self._buckets)

    def wait_s(self, network: str) -> int:
        """Return in how many whole seconds a network has a token; 0 if it has one."""
        if not self._per_s:
            return 0
        return math.ceil(max(0.0, 1.0 - self._tokens(network)) / self._per_s)

    def take(self, network: str) -> None:
        """Take a token."""
        if not self._per_s:
            return
        self._buckets[network] = (self._tokens(network) - 1.0, self._now_s())
        self._buckets.move_to_end(network)
        while len(self._buckets) > self._most:
            self._buckets.popitem(last=False)

    def _tokens(self, network: str) -> float:
        tokens, then_s = self._buckets.get(network, (float(self._burst), 0.0))
        return min(float(self._burst), tokens + (self._now_s() - then_s) * self._per_s)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A place that nobody has joined yet; `network` is None for a developer's."""

    session_id: str
    network: str | None
    made_ms: float


def gives_way(
    reservations: Iterable[Reservation], asking: str | None, *, overdue_before_ms: float, firm: int = 1
) -> str | None:
    """Return the session whose reservation gives way to somebody who asks when all places are taken; None: none does.

    The oldest of those made before `overdue_before_ms`, since their candidates would have come by now. Else, of the
    network with the most reservations, the latest, whose candidate has prepared least; but only where that network
    keeps `firm` of them, and as many as the one that asks then has: nobody is turned out by those who have more.
    """
    waiting = sorted(reservations, key=lambda one: one.made_ms)
    if waiting and waiting[0].made_ms < overdue_before_ms:
        return waiting[0].session_id
    held = Counter(one.network for one in waiting)
    strangers = [one for one in waiting if one.network is not None]
    if not strangers:
        return None
    most = max(held[one.network] for one in strangers)
    if most <= max(firm, (held[asking] if asking is not None else 0) + 1):
        return None
    return next(one.session_id for one in reversed(strangers) if held[one.network] == most)
