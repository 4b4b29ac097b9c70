"""What a client's coming and going means for its session: who is waited for how long, and a patient who waits too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pipelines.events import ConnectionLost
from server.wire.attachment import Disconnection
from server.wire.client_link import ClientLink
from server.wire.presence import Happened, Presence, after
from server.wire.role_play import RolePlay

# Whoever came back sends audio within a round trip, what was kept first; else it has none.
BACK_AFTER_S = 1.0


class Attendance:
    """Keeps the table of presence for one session: its timers, its patient, its log.

    `left` is called when nobody came back within `resume_s`.
    """

    def __init__(self, link: ClientLink, role_play: RolePlay, *, resume_s: float, left: Callable[[], None]) -> None:
        self.state = Presence.EXPECTED
        self._link = link
        self._role_play = role_play
        self._resume_s = resume_s
        self._left = left
        self._timer: asyncio.TimerHandle | None = None  # of the state
        self._disconnection: Disconnection | None = None

    def note(self, happened: Happened, transport: str = "") -> None:
        """Take what happened; `transport` is of the connection over which somebody was there until now."""
        before, self.state = self.state, after(self.state, happened)
        if self.state is before and happened is not Happened.RESUMED:
            return
        self._set_timer()
        if self.state.absent and not before.absent:
            self._begin_disconnection(transport)
        elif before.absent and self.state is Presence.ATTACHED:
            self._end_disconnection()

    def fall_silent(self) -> None:
        """Have the patient fall silent at what was heard, if the client may come back: its audio reaches nobody."""
        self._link.outbox.drop_all_audio()
        if (driver := self._role_play.driver) is not None and self._link.comes_back:
            driver.lost()

    def sent_again(self, events: int) -> None:
        """Note how many events were sent again to whoever came back."""
        if self._disconnection is not None:
            self._disconnection.replayed += events

    def came_late(self, samples: int) -> None:
        """Note audio that was kept while nobody was there; it is no sign of life."""
        if self._disconnection is not None:
            self._disconnection.late += samples

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        if self.state is Presence.AWAY:
            self._timer = loop.call_later(self._resume_s, self._left)
        elif self.state is Presence.RETURNING:
            self._timer = loop.call_later(BACK_AFTER_S, self.note, Happened.HEARD)

    def _begin_disconnection(self, transport: str) -> None:
        self._disconnection = Disconnection(_now_s())
        self.fall_silent()
        driver = self._role_play.driver
        if driver is not None and self._link.comes_back and self._link.code is None:
            driver.log.append(ConnectionLost(transport))

    def _end_disconnection(self) -> None:
        """Somebody is there again, and what they kept has been heard: the patient goes on."""
        absence, self._disconnection = self._disconnection, None
        driver, attachment = self._role_play.driver, self._link.attachment
        if driver is None or absence is None or attachment is None:
            return
        if self._link.code is None:
            over = absence.over(attachment.transport, _now_s(), input_hz=self._link.wire.input_hz)
            driver.log.append(over)
        driver.back()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
