"""The key of the latency page on a developer's own machine: made at the start, and written into a link."""

from __future__ import annotations

import hmac
import secrets

from server.addresses import is_loopback
from server.settings.tree import Settings

KEY_BYTES = 24


# By this the page knows that it opens no role-play, as a developer's key does.
PREFIX = "lab_"


class LabKey:
    """Opens the latency page, and nothing else, as long as this process runs; there is one only in dev on loopback.

    No rule tells a browser on this machine from a proxy on it that says nothing of whom it asks for. A link that is
    written where only the person who started the server reads it does.
    """

    def __init__(self, settings: Settings) -> None:
        wanted = settings.lab.enabled and settings.environment == "dev" and is_loopback(settings.server.host)
        self._key = PREFIX + secrets.token_urlsafe(KEY_BYTES) if wanted else None

    @property
    def exists(self) -> bool:
        """Whether there is one."""
        return self._key is not None

    def opens(self, token: str | None) -> bool:
        """Return whether this is the key."""
        if self._key is None or token is None:
            return False
        return hmac.compare_digest(token.encode(errors="replace"), self._key.encode())

    def link(self, base_url: str) -> str | None:
        """Return the page's address with the key, which browsers keep to themselves; None where there is no key."""
        return None if self._key is None else f"{base_url}/lab#key={self._key}"
