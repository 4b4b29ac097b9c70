"""The lane for recognisers that read whole pieces of speech: it streams for them, and batches across sessions.

Each session's growing segment is kept here; the engine only ever sees audio and gives words. What somebody waits for,
final texts and pauses' readings, goes before captions; captions that came too late are dropped; those of different
sessions take turns, and come more seldom the more there are. They are read in lulls if there are any, since a lull that
turns out to be a pause has then been read before anybody asks. A worker that dies loses nothing.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from weakref import WeakSet

from audio.clock import Clock
from audio.frames import Pcm
from common.errors import AppError, EngineError, WorkerDied
from pipelines.engines import Decoded, DecodedBatch, Hypothesis, Isolation, StreamSpec
from pipelines.lanes.answer_times import AnswerTimes
from pipelines.lanes.base import Lane
from pipelines.lanes.messages import Decode
from pipelines.lanes.streams import StreamHandle, StreamLane
from pipelines.lanes.worker_loop import Factory
from pipelines.stt.growing import CAPTION_EVERY_MS, LULL_EVERY_MS, GrowingSegment, Growth, ReadRequest
from pipelines.stt.reading_plan import Purpose, ReadingMade

# Captions may take this share of the workers' time: with 0.5 sixteen sessions wait noticeably.
CAPTION_SHARE = 0.25
# Captions that come so much more rarely than they should are a sign that nothing else should be computed.
STRAINED = 2.0
# A caption that is not read in a lull comes after this many times the time between captions.
LATER = 2.0
# One batch of captions takes at most this time, because somebody who begins to wait may have to wait for all of it.
CAPTIONS_MS = 150.0
SMOOTHING = 0.2  # of what a caption costs, from one to the next
TRIES = 2  # at a piece of speech before it is given up


@dataclass(slots=True, eq=False)
class _Ended:
    """A segment whose final text is waited for."""

    segment: GrowingSegment
    # This is the lane's number of the request: first come, first served.
    asked: int
    tries: int = 0


class DecodeHandle:
    """A session's stream on the lane: feed audio, finish or reset segments; hypotheses come to the listener."""

    def __init__(
        self, lane: DecodeLane, spec: StreamSpec, listener: Callable[[Hypothesis], None], times: AnswerTimes
    ) -> None:
        self.spec = spec
        self.listener = listener
        self.times = times
        self.speaker_state: str | None = None
        self.closed = False
        self._lane = lane
        self._segments = 0
        self.segment = self._new()
        self.ended: deque[_Ended] = deque()
        self.interim_number: int | None = None
        self.peek_asked = 0
        self.reading: list[_Piece] = []  # of it, now
        # This is the lane's count of captions when this stream had its last caption.
        self.served = 0

    def feed(self, samples: Pcm) -> None:
        """Take int16 mono at 16 kHz, any length."""
        if not self.segment.samples:
            self.segment.from_ms = self.times.now_ms()
            self.segment.plan = self.times.past.readings_of(self.segment.number, self.segment.from_ms)
        self.segment.add_audio(samples)
        self._lane.wake()

    def flush(self) -> None:
        """Nothing is held back."""

    def interim(self, number: int) -> None:
        """Ask for a hypothesis of everything fed so far; it comes with this number, unless the segment ends first."""
        self.interim_number = number
        self.peek_asked = self._lane.ask()
        self._lane.wake()

    def finish(self) -> None:
        """End the segment; exactly one final hypothesis will come (with empty text if the engine failed)."""
        self.ended.append(_Ended(self.segment, self._lane.ask()))
        self._begin()

    def reset(self) -> None:
        """Abandon the segment; nothing more of it is told."""
        self._begin()

    def close(self) -> None:
        """End the stream; what was finished before is still read."""
        self.closed = True
        self._begin()

    def _begin(self) -> None:
        self.segment = self._new()
        self.interim_number = None
        self._lane.wake()

    def _new(self) -> GrowingSegment:
        self._segments += 1
        return GrowingSegment(self.spec.vocabulary, self._lane.growth, number=self._segments)


@dataclass(slots=True, eq=False)
class _Piece:
    """What of a stream is to be read next, and for what."""

    handle: DecodeHandle
    segment: GrowingSegment
    reading: ReadRequest
    interim: int | None = None
    ended: _Ended | None = None
    # The same reading as it was made before, where this is a replay.
    made: ReadingMade | None = None

    @property
    def is_waited(self) -> bool:
        """Whether somebody waits for it."""
        return self.interim is not None or self.ended is not None

    @property
    def turn(self) -> tuple[bool, int]:
        """When it is its turn among what is waited for: final texts first, then by who asked first."""
        return self.ended is None, self.handle.peek_asked if self.ended is None else self.ended.asked


class DecodeLane(Lane):
    """Runs segment decoders."""

    def __init__(
        self,
        factory: Factory,
        *,
        isolation: Isolation,
        workers: int,
        clock: Clock,
        name: str,
        batch_size: int = 8,
        caption_every_ms: float = CAPTION_EVERY_MS,
        growth: Growth | None = None,
    ) -> None:
        super().__init__(factory, isolation=isolation, workers=workers, clock=clock, name=name)
        self.caption_ms = 0.0  # of a worker's time that a caption costs, smoothed
        self.captions = 0  # that were read
        self._captioning = 0  # workers that read captions now
        self._batch_size = batch_size
        self._caption_every_ms = caption_every_ms
        self.growth = growth or Growth()
        self._handles: list[DecodeHandle] = []
        self._something = asyncio.Event()
        self._asked = itertools.count(1)
        # These are read by themselves, since a batch with them failed.
        self._alone: WeakSet[GrowingSegment] = WeakSet()

    def open(
        self, spec: StreamSpec, listener: Callable[[Hypothesis], None], times: AnswerTimes | None = None
    ) -> DecodeHandle:
        """Open a stream; its readings are noted in `times`, or made as they were then."""
        handle = DecodeHandle(self, spec, listener, times or AnswerTimes(lambda: 0.0))
        self._handles.append(handle)
        return handle

    def wake(self) -> None:
        """Note that a stream has something new."""
        self._something.set()

    def ask(self) -> int:
        """Return a number for a request that somebody waits for."""
        return next(self._asked)

    @property
    def speaking(self) -> int:
        """How many streams have something that was said."""
        return sum(handle.segment.samples > 0 for handle in self._handles)

    @property
    def is_strained(self) -> bool:
        """Whether so many speak that captions have become rarer."""
        return self.interval_ms > STRAINED * self._caption_every_ms

    @property
    def interval_ms(self) -> float:
        """Audio from a reading of a stream to its next caption, in ms, so that captions take a quarter of the time."""
        return self.speaking * self.caption_ms / (CAPTION_SHARE * len(self._workers))

    async def _run(self, index: int) -> None:
        while True:
            pieces = self._next()
            if not pieces:
                self._something.clear()
                await self._something.wait()
                continue
            for piece in pieces:
                piece.handle.reading.append(piece)
            captions = not pieces[0].is_waited
            self._captioning += captions
            try:
                await self._read(index, pieces)
            except WorkerDied as error:
                self._failed(pieces, error)
                await self._replace(index)
            except AppError as error:
                self._failed(pieces, error)
            finally:
                self._captioning -= captions
                for piece in pieces:
                    piece.handle.reading.remove(piece)
                self.wake()  # other workers: some of these streams may wait already

    # -------------------------------------------------------------- what is read next

    def _next(self) -> list[_Piece]:
        """Return what shares the next batch: what is waited for, or else captions."""
        self._give_known()
        planned = next((piece for handle in self._handles if (piece := self._planned(handle)) is not None), None)
        if planned is not None:
            return [planned]
        waited = [piece for handle in self._handles if (piece := self._waited(handle)) is not None]
        if waited:
            # Workers that are free take a share each, so that all of it is read sooner.
            share = -(-len(waited) // len(self._workers))
            return self._batch(sorted(waited, key=lambda piece: piece.turn), min(share, self._batch_size))
        most = max(1, int(CAPTIONS_MS / self.caption_ms)) if self.caption_ms else 1
        few, interval_ms = self.speaking <= max(1, len(self._workers) // 2), self.interval_ms
        due = [
            (handle, purpose)
            for handle in self._handles
            if (purpose := self._caption_due(handle, few=few, interval_ms=interval_ms)) is not None
        ]
        due.sort(key=lambda each: each[0].served)
        captions = [
            self._piece(handle, handle.segment, purpose) for handle, purpose in due[: min(most, self._batch_size)]
        ]
        return self._batch(captions, most)

    def _caption_due(self, handle: DecodeHandle, *, few: bool, interval_ms: float) -> Purpose | None:
        """Return as what a caption of it is to be read now; where few speak, every lull is read as a pause would be."""
        if handle.segment.follows_plan or any(piece.reading.purpose != "caption" for piece in handle.reading):
            return None
        purpose = handle.segment.caption_due(
            every_ms=max(self._caption_every_ms, LATER * interval_ms), in_lull_ms=LULL_EVERY_MS if few else interval_ms
        )
        if few and purpose == "lull":
            return purpose
        # Somebody may begin to wait at any time, and must find a worker free.
        kept_free = handle.reading or (self._captioning and self._captioning * 2 >= len(self._workers))
        return None if kept_free else purpose

    def _batch(self, pieces: list[_Piece], most: int) -> list[_Piece]:
        alone = next((piece for piece in pieces if piece.segment in self._alone), None)
        if alone is not None:
            return [alone]
        return pieces[:most]

    def _waited(self, handle: DecodeHandle) -> _Piece | None:
        ended = handle.ended[0] if handle.ended else None
        segment = handle.segment if ended is None else ended.segment
        if segment.follows_plan:
            return None
        for piece in handle.reading:
            # What reads all that was said answers this, too. Nobody has to wait for a caption while speech goes on.
            if piece.is_waited or (piece.segment is segment and segment.will_be_read(piece.reading)):
                return None
        if ended is not None:
            return self._piece(handle, segment, "final", ended=ended)
        if handle.interim_number is not None:
            return self._piece(handle, segment, "interim", interim=handle.interim_number)
        return None

    def _planned(self, handle: DecodeHandle) -> _Piece | None:
        """Return what a plan has for the stream now."""
        ended = handle.ended[0] if handle.ended else None
        segment = handle.segment if ended is None else ended.segment
        made = segment.take_planned(ended=ended is not None)
        if made is None:
            return None
        interim = handle.interim_number if made.purpose == "interim" and ended is None else None
        final = ended if made.purpose == "final" else None
        return _Piece(handle, segment, segment.reading(made.purpose, made), interim, final, made)

    def _piece(
        self,
        handle: DecodeHandle,
        segment: GrowingSegment,
        purpose: Purpose,
        *,
        interim: int | None = None,
        ended: _Ended | None = None,
    ) -> _Piece:
        return _Piece(handle, segment, segment.reading(purpose), interim, ended)

    def _give_known(self) -> None:
        """Give what a pause's reading has settled, and forget streams that are done."""
        for handle in self._handles:
            self._give_finals(handle)
            if handle.interim_number is not None and handle.segment.is_read and not handle.ended:
                self._give_peek(handle, handle.segment.known())
                self._give_finals(handle)  # who is told of a pause may end the segment
        self._handles = [handle for handle in self._handles if not handle.closed or handle.ended or handle.reading]

    def _give_finals(self, handle: DecodeHandle) -> None:
        while handle.ended and self._is_known(handle.ended[0].segment):
            self._give_final(handle)

    @staticmethod
    def _is_known(segment: GrowingSegment) -> bool:
        return segment.is_read or not segment.samples

    def _give_final(self, handle: DecodeHandle) -> None:
        ended = handle.ended.popleft()
        self._hand(handle.listener, ended.segment.final())

    def _give_peek(self, handle: DecodeHandle, hypothesis: Hypothesis) -> None:
        number, handle.interim_number = handle.interim_number, None
        self._hand(handle.listener, replace(hypothesis, interim=number))

    # -------------------------------------------------------------- reading

    async def _read(self, index: int, pieces: Sequence[_Piece]) -> None:
        requests = tuple(piece.reading.request for piece in pieces)
        # What is read by a plan takes no virtual time: the plan says when it is known.
        async for part in self._call(index, Decode(next(self._call_ids), requests), free=pieces[0].made is not None):
            batch: DecodedBatch = part.value
            if len(batch.results) != len(pieces):
                raise EngineError(f"{self.name} answered {len(batch.results)} of {len(pieces)} requests")
            if not pieces[0].is_waited:
                self.captions += len(pieces)
                self._note_cost(part.cost_ms / len(pieces))
            for piece, decoded in zip(pieces, batch.results, strict=True):
                if piece.made is None:
                    self._take(piece, decoded)
                else:
                    piece.handle.times.call_at(piece.made.known_ms, partial(self._take_planned, piece, decoded))

    def _take_planned(self, piece: _Piece, decoded: Decoded) -> None:
        if piece.segment.plan is not None:
            piece.segment.plan.is_known()
        self._take(piece, decoded)
        self.wake()

    def _note_cost(self, cost_ms: float) -> None:
        self.caption_ms += (cost_ms - self.caption_ms) * (SMOOTHING if self.caption_ms else 1.0)

    def _take(self, piece: _Piece, decoded: Decoded) -> None:
        handle = piece.handle
        self._note(piece)
        hypothesis = piece.segment.take_decoded(piece.reading, decoded)
        if not piece.is_waited:
            handle.served = self.captions
        if piece.ended is not None:
            piece.ended.tries = 0
            if piece.segment.is_read or self._is_done(piece):
                self._give_final(handle)
            return
        if handle.segment is not piece.segment or hypothesis is None:
            # The segment has ended, or was abandoned, or more of it has to be read first.
            return
        if piece.interim is None:
            self._hand(handle.listener, hypothesis)
        elif piece.interim == handle.interim_number:
            self._give_peek(handle, hypothesis)

    @staticmethod
    def _note(piece: _Piece) -> None:
        segment, reading, times = piece.segment, piece.reading, piece.handle.times
        if segment.is_current(reading):
            told = len(reading.request.prefix)
            made = (segment.number, segment.from_ms, reading.purpose, reading.to_samples, told, times.now_ms())
            times.note_reading(ReadingMade(*made))

    @staticmethod
    def _is_done(piece: _Piece) -> bool:
        return piece.reading.to_samples >= piece.segment.samples

    def _failed(self, pieces: Sequence[_Piece], error: AppError) -> None:
        """Try the pieces again, each by itself; give up what failed alone."""
        self._tell("failed", error.message)
        for piece in pieces:
            self._alone.add(piece.segment)
            if piece.segment.plan is not None:
                piece.segment.plan.give_up()
            if piece.ended is not None:
                piece.ended.tries += 1
                if piece.ended.tries >= TRIES:
                    piece.ended.segment.give_up()
            elif piece.handle.segment is piece.segment:
                piece.segment.skip()
                if piece.interim == piece.handle.interim_number and len(pieces) == 1:
                    piece.handle.interim_number = None


RecogniserLane = StreamLane | DecodeLane
RecogniserHandle = StreamHandle | DecodeHandle
"""What a session is given: the same calls, whichever engine is behind them."""
