"""Addresses that the operator named: what they are, and which may be spoken to without encryption."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from common.errors import EngineError

_OLLAMA_PORT = 11434


@dataclass(frozen=True, slots=True)
class Origin:
    """Whom a request reaches: scheme, host and port."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Address:
    """A base address: its origin, and the path before `/chat/completions`."""

    origin: Origin
    path: str

    def url(self, path: str) -> str:
        """Return the address of something below it."""
        return f"{self.origin}{self.path}{path}"


def read_address(text: str, *, setting: str, path: str = "") -> Address:
    """Return what an operator's address says; raises EngineError with what to do.

    Args:
        text: A base address; without a scheme it is Ollama's, as in `host` or `host:port`.
        setting: The dotted path to name in a refusal.
        path: The path of an address that has none.
    """
    bare = "://" not in text
    try:
        parts = urlsplit(f"http://{text}" if bare else text)
        port = parts.port
    except ValueError:
        raise EngineError(f"{setting}: '{_shown(text)}' is no address; write https://host/v1") from None
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in ("http", "https") or not host:
        raise EngineError(f"{setting}: '{_shown(text)}' is no address; write https://host/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise EngineError(f"{setting}: '{host}' must be an address alone; give a key in engines.remote.keys")
    if parts.scheme == "http" and not may_be_private(host):
        raise EngineError(
            f"{setting}: '{host}' is not on a private network, so what is said would go there unencrypted; "
            "write https:// in its address"
        )
    if port is None:
        port = _OLLAMA_PORT if bare else {"http": 80, "https": 443}[parts.scheme]
    return Address(Origin(parts.scheme, host, port), parts.path.rstrip("/") or path)


def may_be_private(host: str) -> bool:
    """Return whether a host may be on the operator's own network.

    A name is looked up when it is used, and refused then if it leads elsewhere.
    """
    try:
        return is_private(host)
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".lan", ".localhost", ".home.arpa"))


def is_private(address: str) -> bool:
    """Return whether an IP address is of this machine or of a private network; raises ValueError for a name."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_loopback or (ip.is_private and not ip.is_unspecified and not ip.is_multicast)


def _shown(text: str) -> str:
    """Return an address without what may be a secret in it."""
    return text.rpartition("@")[2][:60]
