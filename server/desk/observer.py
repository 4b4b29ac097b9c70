"""One observer's connection: reads the log at its own pace, and is cut off when it may no longer, or can't keep up.

It has no queue of events: it keeps the number it has read up to, and the log itself is the queue. So there is no gap
and nothing twice by construction, and an observer that is slow holds up nobody and costs no memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Literal

import structlog

from common.errors import AccessError, AppError, ProtocolError
from pipelines.patient.card import Card
from server.desk.listening_call import ListenerCalls, ListeningCall
from server.desk.listening_in import Listening
from server.desk.room import Room
from server.desk.seat import Seat
from server.principal import Principal
from server.protocol.desk_messages import (
    DeskAnswer,
    DeskCall,
    DeskError,
    DeskListen,
    DeskMessage,
    DeskOver,
    DeskSession,
    DeskSnapshot,
    DeskSound,
    SoundReason,
    parse_request,
)
from server.protocol.refusal import Refused
from server.rights import Action
from server.rtc.offer import check_offer
from server.sessions.session import Status
from server.wire.channel import Channel, ChannelClosed

logger = structlog.get_logger("server.desk.observer")

# A client that sends more requests that can't be understood is broken.
MAX_BAD = 20
# Whoever may no longer follow is closed politely if that is possible within so long.
CUT_S = 0.3
CARD_PARTS = {"id", "version", "title", "profession", "setting", "candidate", "patient", "opening", "cues", "facts"}


class Observer:
    """Sends one observer the log of a room's session from its beginning, and then as it grows."""

    def __init__(
        self,
        room: Room,
        channel: Channel,
        seat: Seat,
        *,
        session_s: int,
        deadline_s: float,
        note: Callable[[str, Seat], None],
        calls: ListenerCalls | None = None,
    ) -> None:
        """Serve a seat; without `calls` there are no voices by WebRTC."""
        self.seat = seat
        self.principal = seat.principal
        self._note = note
        self._wanted: DeskListen | None = None
        self._listening: Listening | None = None
        self._calls = calls
        self._call: ListeningCall | None = None
        self._ending: asyncio.Task[None] | None = None
        self._listened = False
        self._room = room
        self._channel = channel
        self._session_s = session_s
        self._deadline_s = deadline_s
        self._seq = 0
        # The number of the figures that it was sent last.
        self._measured = 0
        self._told: deque[DeskMessage] = deque()
        self._awake = asyncio.Event()
        self._cut = asyncio.Event()
        self._bad = 0

    @property
    def listens(self) -> bool:
        """Whether it is sent the voices, or wants to be."""
        return self._wanted is not None or self._call is not None

    def begun(self) -> None:
        """The role-play has begun."""
        self._told.append(self._snapshot())
        self._listen()
        self.wake()

    def wake(self) -> None:
        """There is something to read, or it is over."""
        self._awake.set()

    def check(self, principal: Principal | None) -> None:
        """Go by what somebody may do now: they may be cut, or hear nothing more."""
        if principal is None or not self.seat.allows(principal, Action.FOLLOW):
            self.cut()
            return
        self.principal = principal
        if self.listens and not self.seat.allows(principal, Action.LISTEN):
            self._stop_listening("not_allowed")
            self.wake()

    def cut(self) -> None:
        """Whoever this is may no longer follow: send nothing more, and close."""
        self._cut.set()

    async def run(self) -> int:
        """Serve until the role-play is over, the connection gone or the right withdrawn; return the close code."""
        self._told.append(self._snapshot())
        self._room.enter(self)
        writer = asyncio.create_task(self._write(), name="desk-writer")
        reader = asyncio.create_task(self._read(), name="desk-reader")
        cut = asyncio.create_task(self._cut.wait(), name="desk-cut")
        tasks = (writer, reader, cut)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            self._room.leave(self)
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._end_call()
            if self._ending is not None:
                await asyncio.gather(self._ending, return_exceptions=True)
        if self._cut.is_set():
            withdrawn = AccessError(
                "you may no longer follow this role-play", code="access.withdrawn", http_status=403, close_code=4403
            )
            return await self._close(withdrawn.close_code, withdrawn.code, withdrawn.message)
        return await self._over(writer, reader)

    async def _over(self, writer: asyncio.Task[None], reader: asyncio.Task[None]) -> int:
        done = writer if writer.done() and not writer.cancelled() else reader
        match error := done.exception():
            case None if done is writer:
                return await self._close(1000, None, "")
            case None:
                return await self._close(1008, "protocol.too_many_errors", "too many requests were not understood")
            case ChannelClosed(code=theirs):
                return theirs
            case TimeoutError():
                logger.warning("observer_too_slow", session=self._room.session.id)
            case _:
                logger.error("observer_failed", session=self._room.session.id, exc_info=error)
        self._channel.abort()
        return 1006

    async def _close(self, code: int, why: str | None, message: str) -> int:
        try:
            async with asyncio.timeout(CUT_S):
                if why is not None:
                    await self._channel.send_text(DeskError(code=why, message=message).model_dump_json())
                await self._channel.close(code, why or "")
        except (TimeoutError, ChannelClosed):
            self._channel.abort()
        return code

    # -------------------------------------------------------------- out

    async def _write(self) -> None:
        """Send what there is, words before sound; returns when it is over."""
        while not self._cut.is_set():
            self._awake.clear()
            while not self._cut.is_set() and await self._write_next():
                pass
            if self._room.over and not self._cut.is_set():
                await self._send(DeskOver().model_dump_json())
                return
            await self._awake.wait()

    async def _write_next(self) -> bool:
        """Send one message; return whether there was one."""
        if self._told:
            await self._send(self._told.popleft().model_dump_json())
            return True
        if (page := self._room.page(self._seq)) is not None:
            self._seq = page.next_seq
            await self._send(page.text)
            # Sending need not wait, so a long log would be read in one go.
            await asyncio.sleep(0)
            return True
        measures = self._room.measures
        if measures is not None and measures.number > self._measured:
            self._measured = measures.number
            await self._send(measures.text)
            return True
        return await self._send_sound()

    async def _send_sound(self) -> bool:
        if self._listening is None:
            return False
        if self._listening.fell_behind:
            self._stop_listening("slow")
            return True
        piece = self._listening.take()
        if piece is None:
            return False
        async with asyncio.timeout(self._deadline_s):
            await self._channel.send_bytes(piece.data)
        return True

    async def _send(self, text: str) -> None:
        async with asyncio.timeout(self._deadline_s):
            await self._channel.send_text(text)

    def _snapshot(self) -> DeskSnapshot:
        session = self._room.session
        driver = session.driver
        running = session.status is Status.RUNNING
        return DeskSnapshot(
            session=DeskSession(
                id=session.id,
                mode=session.mode,
                status=session.status.value,
                candidate=self.seat.candidate,
                card=card_for_examiners(session.card),
                session_s=self._session_s,
                left_ms=round(driver.clock.left_s * 1000.0, 1) if driver is not None and running else None,
                paused=driver is not None and driver.clock.paused,
            ),
            next_seq=self._room.next_seq,
        )

    # -------------------------------------------------------------- in

    async def _read(self) -> None:
        """Take requests until the other end is gone, or too many of them were not understood."""
        while self._bad < MAX_BAD:
            message = await self._channel.receive_message()
            try:
                asked = parse_request(message)
                if isinstance(asked, DeskCall):
                    await self._take_call(asked)
                    continue
                if asked.on:
                    await self._end_call()
                self._take(asked)
            except (Refused, AppError) as refused:
                self._bad += 1
                self._told.append(DeskError(code=str(refused.code), message=refused.message))
                self.wake()

    async def _take_call(self, asked: DeskCall) -> None:
        """Answer an offer, and send the voices there and no longer here; raises AppError."""
        if self._calls is None or not self._calls.settings.enabled:
            raise ProtocolError(
                "this server takes no calls by WebRTC; listen on this socket", code="rtc.disabled", http_status=404
            )
        if not self.seat.allows(self.principal, Action.LISTEN):
            self._stop_listening("not_allowed")
            self.wake()
            return
        offer = check_offer(asked.sdp.encode(), self._calls.settings, listens=True)
        await self._end_call()
        self._wanted = self._listening = None
        call = ListeningCall(self._room, self._calls, over=self._lost_call)
        try:
            answer = await call.answer(offer)
        except BaseException:
            await call.close()
            raise
        self._call = call
        self._told.append(DeskAnswer(sdp=answer))
        self._told.append(DeskSound(on=True, reason="asked", by="call"))
        self._note_listening()
        self._room.tell_candidate()
        self.wake()

    async def _end_call(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            await call.close()

    def _lost_call(self) -> None:
        self._stop_listening("lost")
        self.wake()

    def _take(self, asked: DeskListen) -> None:
        if not asked.on:
            self._stop_listening("asked")
        elif not self.seat.allows(self.principal, Action.LISTEN):
            self._stop_listening("not_allowed")
        else:
            self._wanted = asked
            self._listen()
            self._room.tell_candidate()
        self.wake()

    def _listen(self) -> None:
        """Begin to send sound, if it is wanted and there is any."""
        if self._wanted is None or self._room.relay is None:
            return
        now_s = asyncio.get_running_loop().time
        self._listening = Listening(self._room.relay, back_ms=1000.0 * self._wanted.back_s, now_s=now_s)
        self._told.append(DeskSound(on=True, reason="asked", from_ms=self._listening.from_ms))
        self._note_listening()

    def _note_listening(self) -> None:
        if not self._listened:
            self._listened = True
            self._note("desk.listened", self.seat)

    def _stop_listening(self, reason: SoundReason) -> None:
        self._wanted = self._listening = None
        by: Literal["socket", "call"] = "socket"
        if self._call is not None:
            by = "call"
            self._ending = asyncio.create_task(self._end_call(), name="desk-call-end")
        self._told.append(DeskSound(on=False, reason=reason, by=by))
        self._room.tell_candidate()


def card_for_examiners(card: Card) -> dict[str, object]:
    """Return both sides of a card, its cues and facts: what an interlocutor has before them."""
    return card.model_dump(mode="json", include=CARD_PARTS)
