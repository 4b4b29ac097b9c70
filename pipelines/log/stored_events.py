"""Events as they were: a stored log read back, for whoever may see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.seal import Seal
from pipelines.engines import Word
from pipelines.events import EVENT_TYPES, Audience, Event
from pipelines.log.jsonl import read_jsonl
from pipelines.log.session_log import Envelope, LogEntry


@dataclass(frozen=True, slots=True)
class StoredLog:
    """A session's log on disk; the one way to read it, so that the audience is enforced here as it is when live."""

    folder: Path
    # None for one that was written in the plain; whoever reads has to ask.
    seal: Seal | None

    def records(self, audience: Audience) -> Iterator[LogEntry]:
        """Yield the events that `audience` may see, in order; what was erased is left out.

        Raises StorageError when there is no log, or it does not open.
        """
        for entry in read_jsonl(self.folder, self.seal):
            if entry.payload is None or entry.envelope.audience > audience:
                continue
            event = event_of(entry.envelope.type, entry.payload)
            if event is not None:
                yield LogEntry(entry.envelope, event)

    def entries(self, audience: Audience) -> Iterator[tuple[Envelope, dict[str, Any] | None]]:
        """Yield envelopes with their payloads as plain data, None once erased; raises StorageError."""
        for entry in read_jsonl(self.folder, self.seal):
            if entry.envelope.audience <= audience:
                yield entry.envelope, entry.payload


def event_of(type_name: str, payload: dict[str, Any]) -> Event | None:
    """Return the event of a payload, or None for one of a version that had other events or fields."""
    made_of = EVENT_TYPES.get(type_name)
    if made_of is None:
        return None
    fields = {name: tuple(_plain(each) for each in value) if isinstance(value, list) else value
              for name, value in payload.items()}  # fmt: skip
    try:
        return made_of(**fields)
    except TypeError:
        return None


def _plain(value: Any) -> Any:
    return Word(**value) if isinstance(value, dict) else value
