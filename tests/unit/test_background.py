"""Work of a server that nobody waits for: it ends with the server, and none begins after that."""

from __future__ import annotations

import asyncio

import pytest

from server.background import Background

pytestmark = pytest.mark.asyncio


async def test_what_is_begun_after_the_end_never_runs() -> None:
    background, done = Background(), []

    async def work(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            done.append(name)

    background.begin(work("early"))
    await asyncio.sleep(0)
    await background.stop()
    background.begin(work("late"))
    await asyncio.sleep(0)
    assert done == ["early"]
    assert len(asyncio.all_tasks()) == 1
