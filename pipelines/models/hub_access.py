"""How a hub is reached: its address, the access token, and whether the network may be used at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from common.errors import EngineError

_YES = ("1", "on", "yes", "true")


@dataclass(frozen=True, slots=True)
class HubAccess:
    """A hub's address, the access token if there is one, and whether the network may be used."""

    url: str
    token: str | None = None
    offline: bool = False

    @classmethod
    def from_environment(cls, default_url: str, environ: Mapping[str, str] = os.environ) -> HubAccess:
        """Read the names that the hub's own tools use: HF_ENDPOINT, HF_TOKEN (or its file) and HF_HUB_OFFLINE."""
        offline = environ.get("HF_HUB_OFFLINE") or environ.get("TRANSFORMERS_OFFLINE") or ""
        return cls(
            url=(environ.get("HF_ENDPOINT") or default_url).rstrip("/"),
            token=_token(environ),
            offline=offline.lower() in _YES,
        )


def require_address(url: str) -> None:
    """Raise EngineError (`model.hub_failed`) for what can't be the address of a hub."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise EngineError(
            f"{url} is no address of a hub: correct HF_ENDPOINT or the setting, as https://hub.example",
            code="model.hub_failed",
        )


def _token(environ: Mapping[str, str]) -> str | None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if environ.get(name, "").strip():
            return environ[name].strip()
    home = Path(environ.get("HF_HOME") or Path(environ.get("XDG_CACHE_HOME") or "~/.cache", "huggingface"))
    file = Path(environ.get("HF_TOKEN_PATH") or home / "token").expanduser()
    try:
        return file.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
