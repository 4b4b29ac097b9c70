"""The way out of a session: one queue, at most one writer, a deadline for every message.

A message that could not be sent within the deadline, counted from when it was queued, ends the connection; so the
queue never holds more than the deadline's worth of audio. Control is never dropped; stale audio and captions are.
What a client is to do with audio that it plays overtakes the audio that is still to come.

The queue outlives connections: what was not sent on one goes out on the next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from types import UnionType

from server.protocol import server_events as e
from server.wire.channel import Channel
from server.wire.replay_buffer import ReplayBuffer

# A role-play has thousands of events: each server that holds it in turn counts from a million more.
SERVER_NUMBERS = 1_000_000
# A peer that lets so long pass at the closing handshake is dropped.
CLOSE_S = 2.0


@dataclass(frozen=True, slots=True)
class BinaryAudio:
    """A piece of an item's audio as a binary message."""

    item_id: str
    data: bytes


Message = e.ServerEvent | BinaryAudio | str
"""An event, a piece of audio, or the text of an event that is sent again."""


@dataclass(frozen=True, slots=True)
class _Queued:
    message: Message
    due_s: float  # on the loop's clock


@dataclass(frozen=True, slots=True)
class SentAgain:
    """How many events are sent once more, and whether they are all that was missed."""

    events: int
    complete: bool


class Outbox:
    """Queues messages; `run` sends them on a channel until `finish` was called and the queue is empty."""

    def __init__(self, *, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._queue: deque[_Queued] = deque()
        self._wake = asyncio.Event()
        self._close: tuple[int, str] | None = None
        self._sent = 0
        self._kept: ReplayBuffer | None = None
        self._sounding: str | None = None  # the item whose audio was sent last
        self._writer = 0  # the number of the one that may take from the queue

    def put(self, *messages: Message) -> None:
        """Queue messages; a caption takes the place of an older one of the same turn that was not sent."""
        due_s = self._due_s()
        for message in messages:
            if isinstance(message, e.TranscriptPartialMessage):
                self._drop(e.TranscriptPartialMessage, message.item_id)
            elif isinstance(message, e.ServerHeartbeat):
                self._drop(e.ServerHeartbeat, None)
            self._queue.append(_Queued(message, due_s))
        self._wake.set()

    def put_first(self, event: e.ServerEvent) -> None:
        """Queue an event before all others."""
        self._queue.appendleft(_Queued(event, self._due_s()))
        self._wake.set()

    def overtake(self, item_id: str, event: e.ServerEvent) -> None:
        """Queue an event ahead of an item's audio that was not sent yet: a hold is of no use after it.

        An item that the client knows nothing of can't be held, so one chunk of its audio goes first.
        """
        audio = [i for i, q in enumerate(self._queue) if _is_sound_of(q.message, item_id)]
        place = audio[0 if self._sounding == item_id else 1 :]
        self._queue.insert(place[0] if place else len(self._queue), _Queued(event, self._due_s()))
        self._wake.set()

    def drop_audio(self, item_id: str) -> None:
        """Drop the audio of an item that was not sent yet."""
        self._drop(e.OutputAudioDelta | BinaryAudio, item_id)

    def drop_all_audio(self) -> None:
        """Drop all audio that was not sent yet."""
        self._queue = deque(q for q in self._queue if not isinstance(q.message, e.OutputAudioDelta | BinaryAudio))
        self._sounding = None

    def keep(self) -> None:
        """Keep what is sent from now on, so that it can be sent again."""
        self._kept = self._kept or ReplayBuffer(after=self._sent)

    def go_on(self, number: int, before: Sequence[e.ServerEvent], since: Sequence[e.ServerEvent]) -> None:
        """Count on from an earlier server, which had sent `before` when its last event was `number`.

        `since` may have been sent as well, or not: their new numbers are higher than any that a client can have seen.
        """
        kept = self._kept = ReplayBuffer(after=0)
        first = max(1, number - len(before) + 1)
        self._sent = (number // SERVER_NUMBERS + 1) * SERVER_NUMBERS
        for place, event in enumerate(before, first):
            kept.keep_event(place, event, _numbered(event, place))
        for event in since:
            self._text(event)

    @property
    def is_empty(self) -> bool:
        """Whether all was sent, but for audio."""
        return all(isinstance(q.message, e.OutputAudioDelta | BinaryAudio) for q in self._queue)

    @property
    def number(self) -> int:
        """The number of the last event that was sent."""
        return self._sent

    def send_again(self, seen: int) -> SentAgain:
        """Queue what was sent after event `seen` once more, before all else; everything gets a new deadline."""
        texts = self._kept.after(seen) if self._kept is not None else []
        due_s = self._due_s()
        again = [_Queued(message, due_s) for message in (*texts, *(q.message for q in self._queue))]
        self._queue = deque(again)
        return SentAgain(len(texts), self._kept is not None and seen >= self._kept.complete_after)

    def release(self) -> None:
        """Let the writer take nothing more: its connection was replaced, and what comes now is for the next one."""
        self._writer += 1
        self._wake.set()

    def finish(self, code: int, reason: str) -> None:
        """Close the channel once everything is sent; the first call counts."""
        if self._close is None:
            self._close = (code, reason)
        self._wake.set()

    async def run(self, channel: Channel) -> None:
        """Send what is queued, then close; returns without closing once it was released.

        Raises TimeoutError when a message missed its deadline, ChannelClosed when the other end is gone.
        """
        self._writer += 1
        mine = self._writer
        while True:
            while self._queue and self._writer == mine:
                await self._send(channel, self._queue.popleft())
            if self._writer != mine:
                return
            if self._close is not None:
                break
            self._wake.clear()
            await self._wake.wait()
        async with asyncio.timeout(CLOSE_S):
            await channel.close(*self._close)

    async def _send(self, channel: Channel, queued: _Queued) -> None:
        message = queued.message
        if isinstance(message, e.OutputAudioDelta | BinaryAudio):
            self._sounding = message.item_id
        if isinstance(message, BinaryAudio):
            async with asyncio.timeout_at(queued.due_s):
                await channel.send_bytes(message.data)
            return
        text = message if isinstance(message, str) else self._text(message)
        async with asyncio.timeout_at(queued.due_s):
            await channel.send_text(text)

    def _text(self, event: e.ServerEvent) -> str:
        """Return an event as it is sent; by then it is kept, as nobody knows how much of it will arrive."""
        if isinstance(event, e.ServerHeartbeat):
            return event.model_dump_json()
        self._sent += 1
        text = _numbered(event, self._sent)
        if self._kept is not None:
            self._kept.keep_event(self._sent, event, text)
        return text

    def _due_s(self) -> float:
        return asyncio.get_running_loop().time() + self._deadline_s

    def _drop(self, kind: type | UnionType, item_id: str | None) -> None:
        kept = [q for q in self._queue if not (isinstance(q.message, kind) and _item_of(q.message) == item_id)]
        if len(kept) < len(self._queue):
            self._queue = deque(kept)


def _numbered(event: e.ServerEvent, number: int) -> str:
    return event.model_copy(update={"event_id": f"event_{number:06d}"}).model_dump_json()


def _item_of(message: Message) -> str | None:
    return getattr(message, "item_id", None)


def _is_sound_of(message: Message, item_id: str) -> bool:
    return isinstance(message, e.OutputAudioDelta | BinaryAudio) and message.item_id == item_id
