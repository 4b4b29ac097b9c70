"""The clock of a role-play: runs out after a time, and stands still while the candidate has asked for a pause."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

# A phone call, a crying child: a place on the server is kept that long, in all pauses of a role-play together.
PAUSES_S = 600.0
LEAST_S = 0.1  # less is what rounding leaves


class RolePlayClock:
    """Calls `over` when its time has run out, and `tired` when it has stood still for too long; not thread-safe."""

    def __init__(self, *, over: Callable[[], None], tired: Callable[[], object], pauses_s: float = PAUSES_S) -> None:
        self._over = over
        self._tired = tired
        self.pauses_left_s = pauses_s  # for how much longer it may stand still
        self._timer: asyncio.TimerHandle | None = None
        self._left_s: float | None = None  # of the role-play, while it stands still
        self._stood_still_s = 0.0
        self._since_s = 0.0

    def start(self, seconds: float) -> None:
        """Run for `seconds`."""
        self._timer = asyncio.get_running_loop().call_later(seconds, self._run_out)

    @property
    def paused(self) -> bool:
        """Whether it stands still."""
        return self._left_s is not None

    @property
    def left_s(self) -> float:
        """How much time is left."""
        if self._left_s is not None:
            return self._left_s
        return max(0.0, self._timer.when() - asyncio.get_running_loop().time()) if self._timer is not None else 0.0

    @property
    def stood_still_s(self) -> float:
        """For how long it has stood still in all."""
        now_s = asyncio.get_running_loop().time()
        return self._stood_still_s + (now_s - self._since_s if self.paused else 0.0)

    def pause(self) -> bool:
        """Stand still; return False when its time is over, or too much of it was paused already."""
        if self.paused:
            return True
        if self._timer is None or self.pauses_left_s < LEAST_S:
            return False
        left_s = self.left_s
        self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._left_s, self._since_s = left_s, loop.time()
        self._timer = loop.call_later(self.pauses_left_s, self._tired)
        return True

    def go_on(self) -> None:
        """Run again; does nothing while it runs."""
        if self._left_s is None:
            return
        self.cancel()
        paused_s = asyncio.get_running_loop().time() - self._since_s
        self.pauses_left_s -= paused_s
        self._stood_still_s += paused_s
        left_s, self._left_s = self._left_s, None
        self.start(left_s)

    def cancel(self) -> None:
        """Stop for good, or until it is started again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run_out(self) -> None:
        self._timer = None
        self._over()
