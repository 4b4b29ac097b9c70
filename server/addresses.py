"""Names of hosts and origins as clients write them, compared by what they mean: capitals and ports that go without."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.\-]{0,253})")
_PORT = re.compile(r"[0-9]{1,5}")
_MOST_CHARS = 300


@dataclass(frozen=True, slots=True)
class Host:
    """A host's name in small letters, an address of IPv6 without its brackets, and the port if one is said."""

    name: str
    port: int | None = None

    @property
    def is_ipv6(self) -> bool:
        """Whether the name is an address of IPv6."""
        return ":" in self.name

    def at(self, scheme: str) -> Host:
        """Return the host with its port, which goes without saying if it is the scheme's own."""
        return Host(self.name, self.port or DEFAULT_PORTS.get(scheme))


def is_loopback(host: str) -> bool:
    """Return whether a host's name or address is this machine's own."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_host(text: str | None) -> Host | None:
    """Return what a Host header names, or None where it is no host."""
    if not text or len(text) > _MOST_CHARS:
        return None
    text = text.strip().lower()
    if text.startswith("["):
        name, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            return None
        try:
            name = str(ipaddress.IPv6Address(name))
        except ValueError:
            return None
        port = port.removeprefix(":")
    else:
        name, _, port = text.partition(":")
        name = name.removesuffix(".")
        if not _NAME.fullmatch(name):
            return None
    if port and not (_PORT.fullmatch(port) and 0 < int(port) < 65_536):
        return None
    return Host(name, int(port) if port else None)


def parse_origin(text: str | None) -> tuple[str, Host] | None:
    """Return an origin's scheme and host with its port; None where it is no origin, as `null` is none."""
    try:
        parts = urlsplit((text or "")[:_MOST_CHARS])
        scheme, place = parts.scheme.lower(), parts.netloc
    except ValueError:
        return None
    host = parse_host(place)
    if scheme not in ("http", "https") or host is None or parts.path.strip("/") or parts.query or parts.fragment:
        return None
    return scheme, host.at(scheme)


def normal_origin(text: str) -> str | None:
    """Return an origin as browsers write it, or None where it is none."""
    found = parse_origin(text)
    if found is None:
        return None
    scheme, host = found
    name = f"[{host.name}]" if host.is_ipv6 else host.name
    return f"{scheme}://{name}" + ("" if host.port == DEFAULT_PORTS[scheme] else f":{host.port}")


def is_same_host(origin: str, host: str | None) -> bool:
    """Return whether a page of this origin was served by the host that is asked now."""
    page, asked = parse_origin(origin), parse_host(host)
    if page is None or asked is None:
        return False
    scheme, own = page
    return own == asked.at(scheme)


def is_one_of(host: str | None, allowed: Iterable[str]) -> bool:
    """Return whether a Host header names one of the hosts that are allowed, `*.example.org` being all below it."""
    asked = parse_host(host)
    if asked is None:
        return False
    for one in allowed:
        if one.startswith("*.") and asked.name.endswith(one[1:].lower()):
            return True
        known = parse_host(one)
        if known is not None and known.name == asked.name and known.port in (None, asked.port):
            return True
    return False
