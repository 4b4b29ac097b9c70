"""An observer's call: the voices as Opus over WebRTC, beside the words on its socket, and over when these are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from server.desk.room import Room
from server.rtc.listener_peer import ListenerPeer
from server.rtc.offer import Offer
from server.rtc.turn_server import IceServer
from server.rtc.voices_track import VoicesTrack
from server.settings.rtc import RtcSettings


@dataclass(frozen=True, slots=True)
class ListenerCalls:
    """What calls of observers are made with; `servers` are the ICE servers for a session."""

    settings: RtcSettings
    servers: Callable[[str], tuple[IceServer, ...]]


class ListeningCall:
    """From an offer to its end; `over` is called when the other end is gone."""

    def __init__(self, room: Room, calls: ListenerCalls, *, over: Callable[[], None]) -> None:
        self._room = room
        self._track = VoicesTrack()
        self._peer = ListenerPeer(self._track, calls.settings, calls.servers(room.session.id))
        self._over = over
        self._watch: asyncio.Task[None] | None = None

    async def answer(self, offer: Offer) -> str:
        """Return the answer, and begin to send; raises CapacityError."""
        answer = await self._peer.answer(offer)
        self._room.hear(self._track)
        self._watch = asyncio.create_task(self._run(), name="desk-call")
        return answer

    async def close(self) -> None:
        """Send nothing more, and let go of everything."""
        self._room.unhear(self._track)
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self._peer.close()

    async def _run(self) -> None:
        await self._peer.run()
        self._over()
