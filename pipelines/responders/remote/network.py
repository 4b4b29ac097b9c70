"""The thread on whose event loop all requests to remote minds run, and what a lane's thread sees of one."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Network:
    """An event loop in a thread of its own, made when it is first needed; it ends with the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop; it runs."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="remote-mind", daemon=True)
                self._thread.start()
            return self._loop

    def run(self, work: Callable[[], Coroutine[Any, Any, T]], *, timeout_s: float) -> T:
        """Run something on the loop and wait for it; raises TimeoutError."""
        return asyncio.run_coroutine_threadsafe(work(), self.loop).result(timeout_s)

    def stream(self, make: Callable[[], AsyncIterator[T]]) -> Stream[T]:
        """Begin to read an iterator on the loop."""
        return Stream(self.loop, make)

    def close(self) -> None:
        """Stop the loop and wait for its thread; what runs on it is cancelled."""
        with self._lock:
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(_cancel_all(), loop).add_done_callback(
                lambda _: loop.call_soon_threadsafe(loop.stop)
            )
            thread.join(5.0)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def _cancel_all() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class Stream(Generic[T]):
    """What an iterator on the loop yields, for a thread that waits for it; cancelling it ends the waiting at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop, make: Callable[[], AsyncIterator[T]]) -> None:
        self._items: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()
        self._make = make
        self._future = asyncio.run_coroutine_threadsafe(self._read(), loop)

    def cancel(self) -> None:
        """Stop reading; safe to call from any thread, and twice."""
        self._future.cancel()
        self._items.put((None, None))

    def read(self, *, timeout_s: float) -> Iterator[T]:
        """Yield what comes; raises what the iterator raised, and TimeoutError when the loop hangs."""
        while True:
            try:
                item, error = self._items.get(timeout=timeout_s)
            except queue.Empty:
                raise TimeoutError("the remote mind's own loop does not answer") from None
            if error is not None:
                raise error
            if item is None:
                return
            yield item

    async def _read(self) -> None:
        error: BaseException | None = None
        iterator = self._make()
        try:
            async for item in iterator:
                self._items.put((item, None))
        except asyncio.CancelledError:
            raise
        except Exception as raised:
            error = raised
        finally:
            if (close := getattr(iterator, "aclose", None)) is not None:
                await close()
            self._items.put((None, error))
