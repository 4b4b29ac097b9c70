"""The only way out: a transport that reaches the origins that the operator named, and no others.

It stands below the HTTP client, so a redirect, an address in an answer or a mistake of ours can't get past it.
Proxies of the environment are not used: they would be hosts that nobody named.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Collection

import httpx2

from pipelines.responders.remote.allowed_addresses import Origin, is_private
from pipelines.responders.remote.failures import RemoteFailure

# A turn takes longer than the five seconds for which connections are kept by default, and connecting takes as long as a
# short answer.
_LIMITS = httpx2.Limits(max_connections=128, max_keepalive_connections=32, keepalive_expiry=120.0)


class Gate(httpx2.AsyncBaseTransport):
    """Passes requests to the named origins on, and refuses all others before anything is connected."""

    def __init__(self, allowed: Collection[Origin], inner: httpx2.AsyncBaseTransport | None = None) -> None:
        self.allowed = frozenset(allowed)
        self._inner = inner or httpx2.AsyncHTTPTransport(trust_env=False, retries=0, limits=_LIMITS)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request to an origin that was named; raises RemoteFailure for any other."""
        origin = origin_of(request.url)
        if origin not in self.allowed:
            raise RemoteFailure("remote.egress", f"{origin} is not among the hosts that were named", final=True)
        if origin.scheme == "https":
            return await self._inner.handle_async_request(request)
        # The name is looked up here and connected to as it was found: it can't lead elsewhere in between.
        *others, last = await _private_addresses(origin)
        for address in others:
            request.url = request.url.copy_with(host=address)
            with contextlib.suppress(httpx2.ConnectError):
                return await self._inner.handle_async_request(request)
        request.url = request.url.copy_with(host=last)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


def origin_of(url: httpx2.URL) -> Origin:
    """Return whom an address reaches."""
    return Origin(url.scheme, url.host.rstrip("."), url.port or {"http": 80, "https": 443}.get(url.scheme, 0))


def make_client(allowed: Collection[Origin], *, connect_s: float) -> httpx2.AsyncClient:
    """Return a client behind the gate: no redirects, no proxies, no cookies kept, no time limit but for connecting."""
    return httpx2.AsyncClient(
        transport=Gate(allowed),
        follow_redirects=False,
        trust_env=False,
        timeout=httpx2.Timeout(None, connect=connect_s, pool=connect_s),
    )


async def _private_addresses(origin: Origin) -> list[str]:
    """Return the addresses of a host that is spoken to without encryption; raises RemoteFailure for a public one."""
    try:
        private = is_private(origin.host)
    except ValueError:
        return await _look_up(origin)
    if not private:
        raise _refused(origin)
    return [origin.host]


async def _look_up(origin: Origin) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise RemoteFailure("remote.unreachable", f"{origin.host} has no address ({error.strerror})") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not addresses or not all(is_private(address) for address in addresses):
        raise _refused(origin)
    return addresses


def _refused(origin: Origin) -> RemoteFailure:
    return RemoteFailure("remote.egress", f"{origin.host} is public, and http:// may not go there", final=True)
