"""All calls of this server: each session has one at most, and a newer one takes the older one's place."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

import structlog

from common.errors import ProtocolError
from server.rtc.call import Call
from server.rtc.offer import Offer

logger = structlog.get_logger("server.rtc.calls")


class Calls:
    """Calls by their id, each with the task that serves it."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[str, Call, asyncio.Task[int | None]]] = {}  # id -> (session id, ...)

    def __len__(self) -> int:
        return len(self._calls)

    async def open(
        self, session_id: str, offer: Offer, make: Callable[[str], Call], *, over: Callable[[int | None], None]
    ) -> tuple[Call, str]:
        """Answer an offer with a new call that runs by itself; return it with the SDP answer.

        `over` is told the close code, or None if it never connected.
        """
        call = make(f"rtc_{secrets.token_hex(10)}")
        try:
            answer = await call.answer(offer)
        except BaseException:
            await call.peer.close()
            raise
        for _, other, _ in [entry for entry in self._calls.values() if entry[0] == session_id]:
            if other.live is None:
                # It never connected; one that did is told by its session.
                other.hang_up()
        task = asyncio.create_task(call.run(), name="rtc-call")
        self._calls[call.id] = (session_id, call, task)
        task.add_done_callback(lambda done: self._done(call.id, done, over))
        return call, answer

    def get(self, call_id: str, session_id: str | None) -> Call:
        """Return a call of a session's, or (None) of anybody's; raises ProtocolError (404)."""
        found = self._calls.get(call_id)
        if found is None or session_id not in (None, found[0]):
            raise ProtocolError("this call is not here (any more); make a new one", code="rtc.gone", http_status=404)
        return found[1]

    async def close(self) -> None:
        """End all calls at once."""
        tasks = [task for _, _, task in self._calls.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, call_id: str, task: asyncio.Task[int | None], over: Callable[[int | None], None]) -> None:
        self._calls.pop(call_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("call_failed", call=call_id, exc_info=error)
            over(1011)
            return
        over(None if task.cancelled() else task.result())
