"""Virtual time: an event loop whose clock jumps to the next timer, and stands still while real work is outstanding.

An hour of conversation replays in seconds, with the same decisions. The idea of jumping to the next timer is known from
trio's MockClock; what is added here is that computation has a cost: measured for real engines, modelled for fakes.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.BaseSelector):
    """Wraps the real selector: instead of waiting for a timer it moves the loop's clock to it."""

    def __init__(self) -> None:
        self._inner = selectors.DefaultSelector()
        self.now_s = 0.0
        self.outstanding = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.outstanding and timeout != 0:
            # Real work will wake us; meanwhile the clock stands still.
            return self._inner.select(None)
        if timeout is None:
            return self._inner.select(None)  # no timers: only the outside world can go on
        events = self._inner.select(0)
        if not events:
            self.now_s += timeout
        return events

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._inner.modify(fileobj, events, data)

    def close(self) -> None:
        self._inner.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._inner.get_map()

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._inner.get_key(fileobj)


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop on virtual time; start it with `run_virtual`."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Return virtual seconds since the loop was made."""
        return self._jumping.now_s

    def rewind(self) -> None:
        """Set the clock back to zero, between runs that are to be equal to the last bit of a float.

        Only when nothing is under way: what is scheduled then would come late by all the time taken back.
        """
        self._jumping.now_s = 0.0

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep the clock still while the block runs."""
        self._jumping.outstanding += 1
        try:
            yield
        finally:
            self._jumping.outstanding -= 1


class VirtualClock:
    """The session clock on a VirtualTimeLoop.

    With `steady_ms` each computation costs so much, whatever it took: then a busy machine changes nothing.
    """

    virtual = True

    def __init__(self, loop: VirtualTimeLoop, *, steady_ms: float | None = None) -> None:
        self._loop = loop
        self._steady_ms = steady_ms

    def now_ms(self) -> float:
        """Return virtual milliseconds."""
        return self._loop.time() * 1000.0

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Hold the clock while real work is outstanding."""
        with self._loop.hold():
            yield

    def rewind(self) -> None:
        """Set the clock back to zero, when nothing is under way."""
        self._loop.rewind()

    async def charge(self, cost_ms: float) -> None:
        """Let the measured cost pass, or the steady one."""
        await asyncio.sleep((cost_ms if self._steady_ms is None else self._steady_ms) / 1000.0)


def virtual_clock(*, steady_ms: float | None = None) -> VirtualClock:
    """Return the clock of the running VirtualTimeLoop; with `steady_ms` a computation costs that."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop), "virtual_clock() needs run_virtual()"  # noqa: S101 - a programming error
    return VirtualClock(loop, steady_ms=steady_ms)


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` on a new VirtualTimeLoop and return its result.

    What a callback raises ends the run and is raised here: figures of a session that broke would look like figures.
    """
    faults: list[BaseException] = []

    async def guarded() -> T:
        task = asyncio.ensure_future(main)

        def fail(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            if (fault := context.get("exception")) is not None:
                faults.append(fault)
                task.cancel()

        asyncio.get_running_loop().set_exception_handler(fail)
        return await task

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        try:
            result = runner.run(guarded())
        except asyncio.CancelledError:
            if not faults:
                raise
    if faults:
        raise faults[0]
    return result
