"""The lane for streams: each session's recogniser stream lives on one worker, its audio in order.

While a worker is busy, audio for a stream gathers and is fed in one piece; streams that wait for a final go first. The
audio of the unfinished segment is kept, so a worker that dies loses no word: its streams are opened again on the new
one and fed from the segment's beginning.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from audio.clock import Clock
from audio.frames import ANALYSIS_HZ, Pcm, samples_for
from common.errors import AppError, EngineError, WorkerDied
from pipelines.engines import Hypothesis, Isolation, StreamSpec
from pipelines.lanes.answer_times import AnswerTimes
from pipelines.lanes.base import Lane
from pipelines.lanes.messages import Close, Feed, Finish, Open, ReadInterim, Reset
from pipelines.lanes.worker_loop import Factory

# So much is gathered before feeding: fewer flickering partials, fewer hops.
FEED_MS = 100.0
# One call stays far below the socket's buffer and never holds a worker for long.
MAX_FEED_MS = 1_000.0
MAX_SEGMENT_MS = 120_000.0  # beyond it the audio for a replay is not kept
DEATHS = 2  # a segment that killed two workers is given up


@dataclass(frozen=True, slots=True)
class _End:
    """Finish or abandon the segment at this point of the stream."""

    finish: bool


@dataclass(frozen=True, slots=True)
class _AskInterim:
    """Read the segment at this point of the stream."""

    number: int


class StreamHandle:
    """A session's stream on the lane: feed audio, finish or reset segments; hypotheses come to the listener."""

    def __init__(
        self, lane: StreamLane, number: int, spec: StreamSpec, worker: int, listener: Callable[[Hypothesis], None]
    ) -> None:
        self.number = number
        self.spec = spec
        self.worker = worker
        self.listener = listener
        self.opened = False
        self.closed = False
        self.speaker_state: str | None = None
        self.pending: deque[Pcm | _AskInterim | _End] = deque()
        self.pending_samples = 0
        self.segment: list[Pcm] = []  # what the engine was fed of the unfinished segment
        self.deaths = 0
        # How many segments were given up: what is still being understood of one must not be taken for the next.
        self.abandoned = 0
        self._lane = lane

    def feed(self, samples: Pcm) -> None:
        """Take int16 mono at 16 kHz, any length."""
        self.pending.append(samples)
        self.pending_samples += len(samples)
        if self.pending_samples >= samples_for(FEED_MS, ANALYSIS_HZ):
            self._lane.wake(self)

    def flush(self) -> None:
        """Feed what has gathered, however little: in a pause there is time, at its end somebody waits."""
        if self.pending:
            self._lane.wake(self)

    def interim(self, number: int) -> None:
        """Ask for a hypothesis of everything fed so far; it comes with this number, unless the segment ends first."""
        self.pending = deque(
            item for item in self.pending if not isinstance(item, _AskInterim)
        )  # only the newest counts
        self.pending.append(_AskInterim(number))
        self._lane.wake(self)

    def finish(self) -> None:
        """End the segment; exactly one final hypothesis will come (with empty text if the engine failed)."""
        self.pending.append(_End(finish=True))
        self._lane.wake(self)

    def reset(self) -> None:
        """Abandon the segment; what of it was not fed yet is dropped, nothing more of it is told."""
        self.abandoned += 1
        while self.pending and not isinstance(self.pending[-1], _End):
            dropped = self.pending.pop()
            self.pending_samples -= 0 if isinstance(dropped, _AskInterim) else len(dropped)  # type: ignore[arg-type]
        self.pending.append(_End(finish=False))
        self._lane.wake(self)

    def close(self) -> None:
        """End the stream."""
        self.closed = True
        self._lane.wake(self)

    @property
    def is_waited_for(self) -> bool:
        """Whether a hypothesis was asked for: somebody pauses, or waits for an answer."""
        return any(isinstance(item, _AskInterim) or (isinstance(item, _End) and item.finish) for item in self.pending)

    def take_audio(self) -> Pcm | None:
        """Return the audio at the head of the queue, up to a second of it, or None when an end comes first."""
        gathered: list[Pcm] = []
        limit = samples_for(MAX_FEED_MS, ANALYSIS_HZ)
        while self.pending and limit > 0:
            head = self.pending[0]
            if isinstance(head, _AskInterim | _End):
                break
            piece = head[:limit]
            limit -= len(piece)
            gathered.append(piece)
            if len(piece) == len(head):
                self.pending.popleft()
            else:
                self.pending[0] = head[len(piece) :]
        if not gathered:
            return None
        audio: Pcm = np.concatenate(gathered)
        self.pending_samples -= len(audio)
        return audio

    def take_interim(self) -> _AskInterim | None:
        """Return the interim request at the head of the queue, if that is what is there."""
        if self.pending and isinstance(self.pending[0], _AskInterim):
            interim = self.pending.popleft()
            return interim if isinstance(interim, _AskInterim) else None
        return None

    def take_end(self) -> _End | None:
        """Return the segment end at the head of the queue, if that is what is there."""
        if self.pending and isinstance(self.pending[0], _End):
            end = self.pending.popleft()
            return end if isinstance(end, _End) else None
        return None


class StreamLane(Lane):
    """Runs recognisers."""

    def __init__(self, factory: Factory, *, isolation: Isolation, workers: int, clock: Clock, name: str) -> None:
        super().__init__(factory, isolation=isolation, workers=workers, clock=clock, name=name)
        # It reads audio as it comes, and has nothing that it could do more rarely.
        self.is_strained = False
        self._numbers = itertools.count(1)
        self._streams: list[list[StreamHandle]] = [[] for _ in range(workers)]
        self._ready: list[deque[StreamHandle]] = [deque() for _ in range(workers)]
        self._wakes = [asyncio.Event() for _ in range(workers)]

    def open(
        self, spec: StreamSpec, listener: Callable[[Hypothesis], None], _times: AnswerTimes | None = None
    ) -> StreamHandle:
        """Open a stream on the worker that has the fewest; its text does not depend on when it was made."""
        index = min(range(len(self._streams)), key=lambda i: len(self._streams[i]))
        handle = StreamHandle(self, next(self._numbers), spec, index, listener)
        self._streams[index].append(handle)
        self.wake(handle)
        return handle

    def wake(self, handle: StreamHandle) -> None:
        """Note that a stream has something to do."""
        ready = self._ready[handle.worker]
        if handle not in ready:
            ready.append(handle)
        self._wakes[handle.worker].set()

    async def _run(self, index: int) -> None:
        ready, wake = self._ready[index], self._wakes[index]
        while True:
            if not ready:
                wake.clear()
                await wake.wait()
                continue
            handle = next((h for h in ready if h.is_waited_for), ready[0])  # before mere partials
            ready.remove(handle)
            try:
                more = await self._step(index, handle)
            except WorkerDied:
                await self._replace(index)
                self._recover(index)
            except AppError as error:
                self._give_up(handle, error)
            else:
                if more and handle not in ready:
                    ready.append(handle)  # at the back: fair between sessions

    async def _step(self, index: int, handle: StreamHandle) -> bool:
        """Do one call for a stream; return whether it has more to do."""
        if not handle.opened:
            async for _ in self._call(index, Open(next(self._call_ids), handle.number, handle.spec)):
                pass
            handle.opened = True
            return True
        stream, abandoned = handle.number, handle.abandoned
        audio = handle.take_audio()
        if audio is not None:
            handle.segment.append(audio)
            _forget_beyond(handle.segment, samples_for(MAX_SEGMENT_MS, ANALYSIS_HZ))
            async for part in self._call(index, Feed(next(self._call_ids), stream, audio)):
                if handle.abandoned == abandoned:
                    self._hand(handle.listener, part.value)
            return bool(handle.pending) or handle.closed
        interim = handle.take_interim()
        # An interim request is lost if the worker dies of it: the final will come all the same.
        if interim is not None:
            async for part in self._call(index, ReadInterim(next(self._call_ids), stream)):
                if handle.abandoned == abandoned:
                    self._hand(handle.listener, replace(part.value, interim=interim.number))
            return bool(handle.pending) or handle.closed
        end = handle.take_end()
        if end is not None:
            # The end stays at the head until it is done, in case the worker dies of it.
            handle.pending.appendleft(end)
            call = Finish(next(self._call_ids), stream) if end.finish else Reset(next(self._call_ids), stream)
            async for part in self._call(index, call):
                handle.pending.popleft()
                handle.segment.clear()
                handle.deaths = 0
                self._hand(handle.listener, part.value)
            if not end.finish:
                handle.pending.popleft()
                handle.segment.clear()
            return bool(handle.pending) or handle.closed
        if handle.closed:
            async for part in self._call(index, Close(next(self._call_ids), stream)):
                handle.speaker_state = part.value
            self._streams[index].remove(handle)
        return False

    def _recover(self, index: int) -> None:
        """Open every stream of a dead worker again and queue its unfinished segment from the beginning."""
        for handle in self._streams[index]:
            handle.opened = False
            if handle.segment or handle.pending:
                handle.deaths += 1
            if handle.deaths >= DEATHS:
                self._give_up(handle, EngineError(f"{self.name} failed twice at the same words"))
            for audio in reversed(handle.segment):
                handle.pending.appendleft(audio)
                handle.pending_samples += len(audio)
            handle.segment.clear()
            self.wake(handle)

    def _give_up(self, handle: StreamHandle, error: AppError) -> None:
        """Drop the segment at hand; whoever waits for its final gets an empty one."""
        self._tell("failed", error.message)
        handle.deaths = 0
        handle.segment.clear()
        while handle.take_audio() is not None or handle.take_interim() is not None:
            pass
        end = handle.take_end()
        if end is not None and end.finish:
            self._hand(handle.listener, Hypothesis(text="", final=True))
        if handle.pending:
            self.wake(handle)


def _forget_beyond(segment: list[Pcm], samples: int) -> None:
    while len(segment) > 1 and sum(map(len, segment)) > samples:
        segment.pop(0)
