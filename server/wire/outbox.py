"""The way out of a connection: one queue, one writer, a deadline for every message.

A message that could not be sent within the deadline, counted from when it was queued, ends the connection; so the
queue never holds more than the deadline's worth of sound. Control is never dropped; stale sound and captions are.
What a client is to do with sound that it plays overtakes the sound that is still to come.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from server.protocol import events as e
from server.wire.channel import Channel

CLOSE_S = 2.0  # for the closing handshake; a peer that lets it pass is dropped


@dataclass(frozen=True, slots=True)
class _Queued:
    event: e.ServerEvent
    due_s: float  # on the loop's clock


class Outbox:
    """Queues events for a channel; `run` sends them until `finish` was called and the queue is empty."""

    def __init__(self, channel: Channel, *, deadline_s: float) -> None:
        self._channel = channel
        self._deadline_s = deadline_s
        self._queue: deque[_Queued] = deque()
        self._wake = asyncio.Event()
        self._close: tuple[int, str] | None = None
        self._sent = 0
        self._sounding: str | None = None  # the item whose sound was sent last

    def put(self, *events: e.ServerEvent) -> None:
        """Queue events; a caption takes the place of an older one of the same turn that was not sent."""
        due_s = asyncio.get_running_loop().time() + self._deadline_s
        for event in events:
            if isinstance(event, e.TranscriptPartial):
                self._drop(e.TranscriptPartial, event.item_id)
            self._queue.append(_Queued(event, due_s))
        self._wake.set()

    def overtake(self, item_id: str, event: e.ServerEvent) -> None:
        """Queue an event ahead of an item's sound that was not sent yet: a hold is of no use after it.

        An item that the client knows nothing of can't be held, so one chunk of its sound goes first.
        """
        due_s = asyncio.get_running_loop().time() + self._deadline_s
        sound = [i for i, q in enumerate(self._queue) if _is_sound_of(q.event, item_id)]
        place = sound[0 if self._sounding == item_id else 1 :]
        self._queue.insert(place[0] if place else len(self._queue), _Queued(event, due_s))
        self._wake.set()

    def drop_audio(self, item_id: str) -> None:
        """Drop the sound of an item that was not sent yet."""
        self._drop(e.OutputAudioDelta, item_id)

    def finish(self, code: int, reason: str) -> None:
        """Close the channel once everything is sent; the first call counts."""
        if self._close is None:
            self._close = (code, reason)
        self._wake.set()

    async def run(self) -> None:
        """Send what is queued, then close.

        Raises TimeoutError when a message missed its deadline, ChannelClosed when the other end is gone.
        """
        while True:
            while self._queue:
                await self._send(self._queue.popleft())
            if self._close is not None:
                break
            self._wake.clear()
            await self._wake.wait()
        async with asyncio.timeout(CLOSE_S):
            await self._channel.close(*self._close)

    async def _send(self, queued: _Queued) -> None:
        self._sent += 1
        event = queued.event.model_copy(update={"event_id": f"event_{self._sent:06d}"})
        if isinstance(event, e.OutputAudioDelta):
            self._sounding = event.item_id
        async with asyncio.timeout_at(queued.due_s):
            await self._channel.send_text(event.model_dump_json())

    def _drop(self, kind: type[e.TranscriptPartial | e.OutputAudioDelta], item_id: str) -> None:
        kept = [q for q in self._queue if not (isinstance(q.event, kind) and q.event.item_id == item_id)]
        if len(kept) < len(self._queue):
            self._queue = deque(kept)


def _is_sound_of(event: e.ServerEvent, item_id: str) -> bool:
    return isinstance(event, e.OutputAudioDelta) and event.item_id == item_id
