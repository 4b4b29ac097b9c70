"""The virtual clock jumps over waiting, and stands still while real work is outstanding."""

from __future__ import annotations

import asyncio
import time

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


def test_the_clock_stands_still_while_a_thread_works_then_the_cost_is_charged() -> None:
    async def main() -> tuple[float, float]:
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
        stood_at = clock.now_ms()
        assert ticks == []
        await clock.charge(42.0)
        task.cancel()
        return stood_at, clock.now_ms()

    stood_at, after = run_virtual(main())
    assert stood_at == 0.0
    assert after == 42.0
