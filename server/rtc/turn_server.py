"""ICE servers as clients are told them, with TURN credentials that are good for one session and a while.

The scheme is coturn's `use-auth-secret` (draft-uberti-behave-turn-rest-00): the user is "expiry:session", the
credential the base64 of HMAC-SHA1 of that with the secret that both servers share.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from server.settings.rtc import RtcSettings


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server; `username` and `credential` for TURN where a secret is shared."""

    url: str
    username: str | None = None
    credential: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as browsers' RTCPeerConnection takes it."""
        found: dict[str, Any] = {"urls": [self.url]}
        if self.username is not None and self.credential is not None:
            found |= {"username": self.username, "credential": self.credential}
        return found


def ice_servers(settings: RtcSettings, secret: str | None, session_id: str, *, now_s: float) -> tuple[IceServer, ...]:
    """Return the ICE servers of the settings for one session; `now_s` is the wall clock's Unix time."""
    return tuple(
        minted(url, secret, session_id, expires_s=int(now_s) + settings.turn_ttl_s)
        if secret is not None and url.startswith(("turn:", "turns:"))
        else IceServer(url)
        for url in settings.ice_servers
    )


def minted(url: str, secret: str, session_id: str, *, expires_s: int) -> IceServer:
    """Return a TURN server with credentials that expire."""
    username = f"{expires_s}:{session_id}"
    digest = hmac.new(secret.encode(), username.encode(), hashlib.sha1).digest()  # what coturn computes
    return IceServer(url, username, base64.b64encode(digest).decode())
