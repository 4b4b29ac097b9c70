"""A job of a lane and all that comes of it, for whoever does not want it part by part."""

from __future__ import annotations

import asyncio
from typing import Any

from common.errors import AppError
from pipelines.lanes.jobs import JobLane
from pipelines.lanes.messages import JobRequest


async def parts_of(lane: JobLane, request: JobRequest, *, priority: int) -> list[Any]:
    """Return what a lane makes of a request, in order; raises AppError.

    Whoever stops waiting stops the work.
    """
    parts: list[Any] = []
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def end(error: AppError | None) -> None:
        if not done.done():
            done.set_exception(error) if error is not None else done.set_result(None)

    ticket = lane.submit(request, priority=priority, on_part=parts.append, on_end=end)
    try:
        await done
    finally:
        ticket.cancel()
    return parts
