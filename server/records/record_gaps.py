"""What a record lacks: whether the role-play broke off, went on after a restart, or lost some of its sound."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipelines.events import SessionEnded, SessionRestored
from pipelines.log.session_log import LogEntry

# Any other end came before its time.
WHOLE = ("ended", "time_limit")


def record_gaps(entries: Iterable[LogEntry], folder: Path) -> list[str]:
    """Return what is not whole, of broke_off, no_end, restarted and sound; `entries` is the whole log of the folder."""
    reason, restarted, any_event = None, False, False
    for entry in entries:
        any_event = True
        match entry.event:
            case SessionEnded(reason=ended):
                reason = ended
            case SessionRestored():
                restarted = True
            case _:
                pass
    found = []
    if any_event and reason is None:
        found.append("no_end")
    elif any_event and reason not in WHOLE:
        found.append("broke_off")
    if restarted:
        found.append("restarted")
    # The recorder keeps what it could not read, and has silence in its place.
    if any(folder.glob("*.broken")):
        found.append("sound")
    return found
