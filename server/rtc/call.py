"""One call: a peer connection that becomes a session's connection once its data channel is open."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

from audio.frames import Pcm
from common.errors import AppError
from server.protocol import server_events as e
from server.rtc.call_presence import LOOK_S, CallPresence
from server.rtc.offer import Offer
from server.rtc.peer import CallPeer
from server.rtc.turn_server import IceServer
from server.rtc.voice import TrackVoice
from server.settings.rtc import RtcSettings
from server.wire.connection import RealtimeConnection
from server.wire.live import LiveSession

logger = structlog.get_logger("server.rtc.call")

# Without any packet; a cut of nine seconds heals by itself, and aiortc notices after half a minute. Who comes back by
# another connection takes the session off this one at once.
GONE_S = 15.0
ROUND_TRIP_EVERY = 40  # looks: RTCP tells it about once a second


class Join(Protocol):
    """What makes a call a session's connection."""

    def __call__(self) -> LiveSession:
        """Join the session, or come back to it; raises AppError when that can't be any more."""


class Call:
    """A call from its offer to its end; `run` serves it, and nothing of it is left when it returns."""

    def __init__(
        self,
        call_id: str,
        *,
        join: Join,
        make_connection: Callable[[LiveSession, CallPeer, TrackVoice], RealtimeConnection],
        settings: RtcSettings,
        servers: tuple[IceServer, ...],
        first_messages: Iterable[str] = (),
    ) -> None:
        self.id = call_id
        self.live: LiveSession | None = None
        self._join = join
        self._make_connection = make_connection
        self._settings = settings
        self._hung_up = asyncio.Event()
        self._presence = CallPresence()
        self.peer = CallPeer(
            settings,
            servers=servers,
            rate_hz=self._rate_hz,
            hear=self._hear,
            heard=self._heard,
            missing_ms=self._missing_ms,
            hang_up=self._hung_up.set,
        )
        for text in first_messages:
            self.peer.channel.put_first(text)

    async def answer(self, offer: Offer) -> str:
        """Return the SDP answer to the first offer, or to a later one."""
        return await self.peer.answer(offer)

    def hang_up(self) -> None:
        """End the call, and the session if it was joined."""
        if self.live is not None:
            self.live.end("ended")  # the connection closes once the client was told
        else:
            self._hung_up.set()

    async def run(self) -> int | None:
        """Serve the call to its end; return the close code of its connection, None if it never connected."""
        watch = asyncio.create_task(self._watch(), name="rtc-watch")
        try:
            if not await self._connected():
                return None
            return await self._serve()
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            await self.peer.close()
            self._say_counts()

    async def _connected(self) -> bool:
        """Wait for the data channel; return whether it came before the call was hung up."""
        opened = asyncio.create_task(self.peer.channel.opened(), name="rtc-opened")
        given_up = asyncio.create_task(self._hung_up.wait(), name="rtc-hung-up")
        try:
            await asyncio.wait(
                (opened, given_up), timeout=self._settings.connect_s, return_when=asyncio.FIRST_COMPLETED
            )
            # One that was hung up in the same moment is over: another connection has the session.
            return not self._hung_up.is_set() and opened.done() and opened.result()
        finally:
            for task in (opened, given_up):
                task.cancel()
            await asyncio.gather(opened, given_up, return_exceptions=True)

    async def _serve(self) -> int:
        try:
            live = self._join()
        except AppError as error:
            with contextlib.suppress(Exception):  # the channel may be gone by now
                await self.peer.channel.send_text(
                    e.ProblemMessage(code=error.code, message=error.message).model_dump_json()
                )
                await self.peer.channel.close(error.close_code, error.code)
            return error.close_code
        connection = self._make_connection(live, self.peer, TrackVoice(live, self.peer.track))
        self.live = live
        try:
            return await connection.run()
        finally:
            self.live = None

    # -------------------------------------------------------------- audio

    def _rate_hz(self) -> int:
        return self.live.wire.input_hz if self.live is not None else 24_000

    def _hear(self, samples: Pcm) -> None:
        """Hand audio on once the session is joined; what comes before is nobody's."""
        live = self.live
        if live is None:
            return
        try:
            live.hear(samples)
        except AppError as error:
            # An engine is gone, or a folder can't be written.
            live.put(e.ProblemMessage(code=error.code, message=error.message))
            live.abandon(error.close_code, error.code)
        except Exception:
            logger.exception("sound_failed", session=live.id)
            live.put(e.ProblemMessage(code="internal", message="something went wrong on our side; start again"))
            live.abandon(1011, "internal")

    def _heard(self, reply: int, played_ms: float) -> None:
        if self.live is not None:
            self.live.played(reply, played_ms)

    def _missing_ms(self) -> float:
        driver = self.live.driver if self.live is not None else None
        return driver.missing_ms if driver is not None else 0.0

    # -------------------------------------------------------------- the watch

    async def _watch(self) -> None:
        """Notice a peer that is gone, has stopped to send, or floods; aiortc notices the first after half a minute."""
        loop, looks = asyncio.get_running_loop(), 0
        while True:
            await asyncio.sleep(LOOK_S)
            looks += 1
            now_s, received_s, silent = loop.time(), self.peer.received_s, self._presence.silent
            left = self._presence.look(received_s, self.peer.audio_s)
            self.peer.track.alive(self._presence.alive_s(now_s))
            if self._presence.silent and not silent:  # the session goes on: missing audio is no silence
                logger.info("call_silent", call=self.id)
            if self.peer.state in ("failed", "closed"):
                self._lose("failed")
            elif self.peer.flooded:
                self._lose("flood")
            elif self.live is not None and received_s is not None:
                if now_s - received_s > GONE_S:
                    self._lose("gone")
                elif left:
                    self._note_absence(self.live)
            if looks % ROUND_TRIP_EVERY == 0:
                await self.peer.measure_round_trip()

    def _note_absence(self, live: LiveSession) -> None:
        """Have the patient wait for one who may come back; what was sent since the last sign of them was not heard."""
        if not live.comes_back:
            return
        if (heard := self.peer.track.heard()) is not None:
            live.played(*heard)
        self.peer.track.drop()
        live.unheard()

    def _lose(self, why: str) -> None:
        logger.info("call_lost", call=self.id, reason=why)
        self.peer.channel.lost()
        self._hung_up.set()

    def _say_counts(self) -> None:
        packets, audio, track = self.peer.jitter.counts, self.peer.inbound.counts, self.peer.track
        logger.info(
            "call_over",
            call=self.id,
            packets=packets.received,
            lost=packets.lost,
            late=packets.late,
            duplicate=packets.duplicate,
            reordered=packets.reordered,
            jitter_ms=round(packets.jitter_ms, 1),
            concealed_ms=round(audio.concealed_ms),
            round_trip_ms=round(track.places.round_trip_ms, 1),
            skipped=track.skipped,
            gaps=track.audio.gaps,
        )
