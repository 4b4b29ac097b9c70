"""The virtual clock jumps over waiting, and stands still while real work is outstanding."""

from __future__ import annotations

import asyncio
import time

import pytest

from pipelines.virtual_time import run_virtual, virtual_clock


def test_an_hour_passes_at_once_and_timers_keep_their_order() -> None:
    async def main() -> list[str]:
        done: list[str] = []

        async def sleeper(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            done.append(name)

        await asyncio.gather(sleeper("late", 3600), sleeper("early", 0.5), sleeper("middle", 60))
        assert virtual_clock().now_ms() >= 3_600_000
        return done

    began = time.perf_counter()
    assert run_virtual(main()) == ["early", "middle", "late"]
    assert time.perf_counter() - began < 2


@pytest.mark.virtual
async def test_the_clock_stands_still_while_a_thread_works_then_the_cost_is_charged() -> None:
    clock = virtual_clock()
    ticks: list[float] = []

    async def ticker() -> None:
        while True:
            await asyncio.sleep(0.01)
            ticks.append(clock.now_ms())

    task = asyncio.create_task(ticker())
    await asyncio.sleep(0)
    with clock.computing():
        await asyncio.to_thread(lambda: sum(range(200_000)))
    assert clock.now_ms() == 0.0
    assert ticks == []
    await clock.charge(42.0)
    task.cancel()
    assert clock.now_ms() == 42.0


class Broken(Exception):
    """What a callback raises here; nothing else does."""


def _break(what: str = "late") -> None:
    raise Broken(what)


def test_what_a_callback_raises_is_raised_by_the_run_though_main_would_wait_for_ever() -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_later(5.0, _break)
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Broken, match="late"):
        run_virtual(main())


def test_what_a_callback_raises_is_raised_by_the_run_though_main_had_its_result() -> None:
    async def main() -> str:
        asyncio.get_running_loop().call_soon(_break)  # runs when main has returned already
        return "a figure"

    with pytest.raises(Broken):
        run_virtual(main())


def test_what_a_callback_raises_is_raised_though_main_swallows_the_cancellation() -> None:
    async def main() -> str:
        asyncio.get_running_loop().call_later(1.0, _break)
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return "a figure all the same"
        return "never"

    with pytest.raises(Broken):
        run_virtual(main())


def test_of_several_faults_the_first_is_raised() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(2.0, _break, "second")
        loop.call_later(1.0, _break, "first")
        try:
            await asyncio.sleep(3600)
        finally:
            loop.call_soon(_break, "in the clearing up")
            await asyncio.sleep(3600)

    with pytest.raises(Broken, match="first"):
        run_virtual(main())


def test_what_main_itself_raises_or_a_cancellation_of_its_own_stays_what_it_is() -> None:
    async def fails() -> None:
        raise Broken("of its own")

    async def cancelled() -> None:
        raise asyncio.CancelledError

    with pytest.raises(Broken, match="of its own"):
        run_virtual(fails())
    with pytest.raises(asyncio.CancelledError):
        run_virtual(cancelled())


def test_what_breaks_while_the_run_is_cleared_up_is_raised() -> None:
    async def clears_up_badly() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            _break("in the clearing up")

    async def main() -> str:
        left = asyncio.create_task(clears_up_badly())
        await asyncio.sleep(1.0)
        assert not left.done()
        return "a figure"

    with pytest.raises(Broken, match="in the clearing up"):
        run_virtual(main())
