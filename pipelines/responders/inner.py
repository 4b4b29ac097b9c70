"""Runs a responder beside its lane's worker, so that one that hangs holds nobody up."""

from __future__ import annotations

import contextlib
import math
import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from pipelines.engines import Cancellable, ReplyAccount, ReplyPart, Responder, RespondRequest

# So many parts are made ahead of what the voice has taken.
AHEAD = 2
# How often a part that nobody takes looks whether anybody still wants it.
LOOK_S = 0.1


class Late(Exception):
    """Nothing came in time."""


class Busy(Exception):
    """The responder still hangs in an earlier reply."""


@dataclass(slots=True)
class _Reply:
    request: RespondRequest
    parts: queue.Queue[ReplyPart | ReplyAccount | Exception | None] = field(default_factory=lambda: queue.Queue(AHEAD))
    unwanted: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    hung: bool = False


class InnerRunner:
    """One thread that makes one reply at a time; a reply that nobody wants any more is closed at its next part."""

    def __init__(self, inner: Responder) -> None:
        self._inner = inner
        self._asked: queue.SimpleQueue[_Reply] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._last: _Reply | None = None
        # The next part is waited for no longer than this.
        self._at_most_s = math.inf

    def parts(
        self, request: RespondRequest, *, first_s: float, next_s: float
    ) -> Generator[ReplyPart | ReplyAccount, None, None]:
        """Yield the responder's parts; raises Late, Busy, or what the responder raises."""
        if self._last is not None and self._last.hung and not self._last.over.is_set():
            raise Busy
        reply = self._last = _Reply(request)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="responder-inner", daemon=True)
            self._thread.start()
        self._asked.put(reply)
        self._at_most_s = math.inf
        patience_s = first_s
        try:
            while True:
                try:
                    part = reply.parts.get(timeout=min(patience_s, self._at_most_s))
                except queue.Empty:
                    reply.hung = True
                    raise Late(f"nothing came within {patience_s:g} s") from None
                if part is None:
                    return
                if isinstance(part, Exception):
                    raise part
                yield part
                patience_s = next_s
        finally:
            reply.unwanted.set()
            if not reply.over.is_set() and isinstance(self._inner, Cancellable):
                self._inner.cancel(request.id)

    def wind_up(self, request: RespondRequest, *, within_s: float) -> bool:
        """Have the reply stopped whose parts are still read for what it took; return whether that can be done."""
        if not isinstance(self._inner, Cancellable):
            return False
        self._at_most_s = within_s
        self._inner.cancel(request.id)
        return True

    def cancel(self, request_id: str) -> None:
        """Let whoever waits for that reply's next part go; may be called from any thread."""
        reply = self._last
        if isinstance(self._inner, Cancellable):
            self._inner.cancel(request_id)
        if reply is not None and reply.request.id == request_id:
            reply.unwanted.set()
            # If it is full, nobody waits.
            with contextlib.suppress(queue.Full):
                reply.parts.put_nowait(None)

    def _run(self) -> None:
        while True:
            reply = self._asked.get()
            try:
                if not reply.unwanted.is_set():
                    self._make(reply)
            finally:
                reply.over.set()

    def _make(self, reply: _Reply) -> None:
        last: ReplyPart | ReplyAccount | Exception | None = None
        made: Iterator[ReplyPart | ReplyAccount] | None = None
        try:
            made = self._inner.respond(reply.request)
            for part in made:
                if not self._give(reply, part):
                    return
        except Exception as error:  # whatever it is, the reply's reader is told
            last = error
        finally:
            if (close := getattr(made, "close", None)) is not None:
                close()
        self._give(reply, last)

    def _give(self, reply: _Reply, part: ReplyPart | ReplyAccount | Exception | None) -> bool:
        """Hand a part over; return whether the reply is still wanted."""
        while not reply.unwanted.is_set():
            try:
                reply.parts.put(part, timeout=LOOK_S)
            except queue.Full:
                continue
            return True
        return False
