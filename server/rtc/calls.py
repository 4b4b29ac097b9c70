"""All calls of this server: each session has one at most, and a newer one takes the older one's place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from common.errors import ProtocolError
from server.rtc.call import Call
from server.rtc.offer import Offer
from server.session_tags import tagged_secret

logger = structlog.get_logger("server.rtc.calls")

PREFIX = "rtc_"


class Calls:
    """Calls by their id, each with the task that serves it."""

    def __init__(self) -> None:
        self._calls: dict[str, tuple[str, Call, asyncio.Task[int | None]]] = {}  # id -> (session id, ...)
        # Calls whose offer is being answered, which takes as long as the ways to the server are looked for.
        self._answering: list[tuple[str, Call]] = []

    def __len__(self) -> int:
        return len(self._calls)

    async def open(
        self, session_id: str, offer: Offer, make: Callable[[str], Call], *, over: Callable[[int | None], None]
    ) -> tuple[Call, str]:
        """Answer an offer with a new call that runs by itself; return it with the SDP answer.

        `over` is told the close code, or None if it never connected.
        """
        call = make(f"{PREFIX}{tagged_secret(session_id, size_bytes=10)}")
        self._answering.append((session_id, call))
        try:
            answer = await call.answer(offer)
        except BaseException:
            await call.peer.close()
            raise
        finally:
            self._answering.remove((session_id, call))
        for other in self._waiting(session_id):
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

    def overtaken(self, session_id: str) -> None:
        """Hang up a session's calls that have not connected: its client came another way, and waits for none of them.

        On a busy machine such a call may connect seconds later, and would take the session from its client.
        """
        answering = [call for session, call in self._answering if session == session_id]
        for call in (*self._waiting(session_id), *answering):
            logger.info("call_overtaken", call=call.id)
            call.hang_up()

    def _waiting(self, session_id: str) -> list[Call]:
        """Return a session's calls that were answered and never connected; one that did is told by its session."""
        return [call for session, call, _ in self._calls.values() if session == session_id and call.live is None]

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
