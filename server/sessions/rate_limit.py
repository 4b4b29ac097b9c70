"""How often somebody may ask: limits by the network that they ask from.

There are no accounts, so an address is all that is known of a stranger; whole classes share one.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from collections.abc import Callable

from server.settings.reservations import ReservationSettings

# A household or a school is given so much; within it anybody takes as many addresses as they like.
IPV6_PREFIX = 64
# These take a few megabytes; whoever is forgotten is met as a stranger.
MOST_NETWORKS = 10_000
# A name that is no address is kept up to this length: a proxy may send anything.
MOST_CHARS = 64


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

    def take_token(self, network: str) -> None:
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
