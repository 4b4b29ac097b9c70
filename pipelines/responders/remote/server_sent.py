"""Server-sent events, cut out of bytes as they come (HTML standard, section 9.2.6), with a limit on their size."""

from __future__ import annotations

import codecs

from pipelines.responders.remote.failures import RemoteFailure

# A chunk of an answer has some hundred bytes.
MAX_EVENT_CHARS = 64 * 1024


class EventReader:
    """Takes bytes in any pieces and returns the data of each event that is complete."""

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        self._rest = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, content: bytes) -> list[str]:
        """Return the data of the events that end in these bytes; raises RemoteFailure where one never ends."""
        text = self._rest + self._decode(content)
        # A CR may be half of a CRLF whose LF is still under way.
        held = "\r" if text.endswith("\r") else ""
        lines = text.removesuffix("\r").replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._rest = lines.pop() + held
        events: list[str] = []
        for line in lines:
            if line:
                self._take(line)
            elif self._data:
                events.append("\n".join(self._data))
                self._data, self._size = [], 0
        if len(self._rest) + self._size > MAX_EVENT_CHARS:
            raise RemoteFailure("remote.broken", "one event is longer than 64 KiB")
        return events

    def _take(self, line: str) -> None:
        name, _, value = line.partition(":")
        if name == "data":
            self._data.append(value.removeprefix(" "))
            self._size += len(value)
