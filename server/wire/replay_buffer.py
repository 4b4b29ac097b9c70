"""What was sent and may have to be sent again: events by their numbers, bounded, without audio and what is stale."""

from __future__ import annotations

from server.protocol import server_events as e

# A role-play of ten minutes has so many; a caption is replaced by the next one.
MAX_EVENTS = 2_000

# Audio, and what a client does with audio, mean nothing on a new connection: playout begins anew there.
_NOT_KEPT = (e.OutputAudioDelta, e.PlayoutHold, e.PlayoutResume, e.PlayoutRestart, e.SessionResumed)


class ReplayBuffer:
    """The events of one session after number `after`, as text."""

    def __init__(self, *, after: int) -> None:
        self.complete_after = after  # everything with a higher number is here
        self._texts: dict[int, str] = {}
        self._captions: dict[str, int] = {}  # the newest of each item

    def keep_event(self, number: int, event: e.ServerEvent, text: str) -> None:
        """Keep an event; numbers grow."""
        if isinstance(event, _NOT_KEPT):
            return
        if isinstance(event, e.TranscriptPartialMessage | e.TranscriptionCompleted):
            self._texts.pop(self._captions.pop(event.item_id, -1), None)
        if isinstance(event, e.TranscriptPartialMessage):
            self._captions[event.item_id] = number
        self._texts[number] = text
        if len(self._texts) > MAX_EVENTS:
            self.complete_after = next(iter(self._texts))
            del self._texts[self.complete_after]

    def after(self, seen: int) -> list[str]:
        """Return the events with numbers above `seen`, in order."""
        return [text for number, text in self._texts.items() if number > seen]
