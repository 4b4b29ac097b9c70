"""What is allowed in production and hardly ever meant: said at each start and by `interlocutor config check`."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from server.settings.tree import Settings

EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


def production_advice(settings: Settings) -> list[str]:
    """Return one line for each setting that somebody should think about; nothing outside production."""
    if settings.environment != "production":
        return []
    server = settings.server
    found = []
    if server.host in EVERY_ADDRESS:
        found.append(
            "server.host: listens on every address of this machine; behind a proxy on the same machine set 127.0.0.1"
        )
    if not server.allowed_hosts:
        found.append("server.allowed_hosts: answers under any name; set the name that people use")
    if server.metrics_enabled:
        found.append("server.metrics_enabled: /metrics answers anybody; let the proxy refuse it, or set false")
    if others_may_enter(settings):
        found.append(
            f"data_path: other users of this machine may enter {settings.data_path}; take their rights away: chmod 0700"
        )
    return found


def others_may_enter(settings: Settings) -> bool:
    """Return whether the data folder is there, and people besides its owner and group may enter it."""
    try:
        mode = settings.data_path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISDIR(mode) and bool(mode & stat.S_IRWXO)


def data_path_faults(settings: Settings) -> list[str]:
    """Return why the data folder can't be one, if something else stands in its place."""
    for place in (settings.data_path, *settings.data_path.parents):
        if place.is_dir():
            return []
        if place.exists():
            return [f"data_path: {place} is not a folder; name a folder"]
    return []
