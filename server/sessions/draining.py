"""The end of a server: nobody new comes in, clients are told, and role-plays finish within a time.

A second request to stop shortens it: what still runs then is cut off at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from server.sessions.admission import Admission
from server.sessions.registry import SessionRegistry

logger = structlog.get_logger("server.sessions.draining")

# Sessions that were cut off have so long to be told, and their logs to be closed.
END_GRACE_S = 5.0


class Drain:
    """Lets the sessions of a server come to their end; `deadline_s` is the longest that they may take.

    `begins` is called once nobody can come in any more.
    """

    def __init__(
        self,
        registry: SessionRegistry,
        admission: Admission,
        *,
        deadline_s: float,
        begins: Callable[[], None],
    ) -> None:
        self._registry = registry
        self._admission = admission
        self._deadline_s = deadline_s
        self._begins = begins
        self._hurried = asyncio.Event()

    def hurry(self) -> None:
        """Cut off what still runs: whoever runs the server does not want to wait."""
        self._hurried.set()

    async def run(self) -> bool:
        """Take nobody new, and return once no session runs any more; the answer says whether any did.

        To be called while the connections stand: whoever is cut off first learns nothing.
        """
        self._admission.draining = True
        self._begins()
        running = self._registry.running()
        if not running:
            return False
        if not self._hurried.is_set() and self._deadline_s:
            logger.info("draining", sessions=len(running), within_s=self._deadline_s)
            for session in running:
                if session.live is not None:
                    session.live.tell_of_stop(self._deadline_s)
            await self._finished()
        self._hurried.set()
        left = self._registry.running()
        for session in left:
            # The next server goes on with those whose clients can come back to it.
            if not self._registry.suspend(session) and session.live is not None:
                session.live.end("draining")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_GRACE_S):
                await asyncio.gather(*(session.ended.wait() for session in left))
        logger.info("drained", cut_off=len(left))
        return True

    async def _finished(self) -> None:
        """Wait until all have ended by themselves, the time is over, or somebody is in a hurry."""
        hurried = asyncio.create_task(self._hurried.wait())
        try:
            async with asyncio.timeout(self._deadline_s):
                while not self._hurried.is_set() and (running := self._registry.running()):
                    ended = asyncio.create_task(running[0].ended.wait())
                    await asyncio.wait((hurried, ended), return_when=asyncio.FIRST_COMPLETED)
                    ended.cancel()
        except TimeoutError:
            pass
        finally:
            hurried.cancel()
