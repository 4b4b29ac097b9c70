"""What the observers of one role-play share: its log as examiners may see it, each event encoded once for all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np

from pipelines.events import Audience, ObserversChanged, SessionEnded
from pipelines.log.session_log import LogEntry, LogReader, SessionLog
from pipelines.session.relay import SoundRelay
from server.desk.running_measures import RunningMeasures
from server.protocol.desk_messages import parse_sound
from server.rtc.voices_track import VoicesBroadcast, VoicesTrack
from server.sessions.session import Session

# Encoding so many takes about a millisecond; the conversations have their turn between two pages.
PAGE = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Some events as one message, and the number to read on from."""

    text: str
    next_seq: int


class RoomObserver(Protocol):
    """What a room tells its observers."""

    @property
    def listens(self) -> bool:
        """Whether it is sent the voices, or wants to be."""

    def begun(self) -> None:
        """The role-play has begun."""

    def wake(self) -> None:
        """There is something to read, or it is over."""


class Room:
    """The observers of one session; `empty` is called when the last has left. All calls on the event loop."""

    def __init__(self, session: Session, *, empty: Callable[[], None]) -> None:
        self.session = session
        self.over = False
        self._empty = empty
        self._observers: list[RoomObserver] = []
        self._told = (0, 0)
        self._log: SessionLog | None = None
        self._reader: LogReader | None = None
        self.relay: SoundRelay | None = None
        self.measures: RunningMeasures | None = None
        self._unhear: Callable[[], None] | None = None
        self._texts: dict[int, str] = {}
        self._broadcast = VoicesBroadcast()
        # The number of the piece to encode next, for those who listen on a call.
        self._to_encode = 0
        self._begin()
        self._beginning = None if self._log else asyncio.create_task(self._await_beginning(), name="desk-room")

    @property
    def next_seq(self) -> int:
        """The number of the first event that is yet to come."""
        return self._log.next_seq if self._log is not None else 0

    @property
    def following(self) -> int:
        """How many observers there are."""
        return len(self._observers)

    @property
    def listening(self) -> int:
        """How many of them listen."""
        return sum(observer.listens for observer in self._observers)

    def enter(self, observer: RoomObserver) -> None:
        """Tell an observer of what happens from now on."""
        self._observers.append(observer)
        self.tell_candidate()

    def leave(self, observer: RoomObserver) -> None:
        """Tell an observer no more; does nothing for one that is not here."""
        if observer not in self._observers:
            return
        self._observers.remove(observer)
        self.tell_candidate()
        if not self._observers:
            if self._reader is not None:
                self._reader.close()
            if self._unhear is not None:
                self._unhear()
            if self._beginning is not None:
                self._beginning.cancel()
            if self.measures is not None:
                self.measures.close()
            self._empty()

    def page(self, seq: int) -> Page | None:
        """Return the next events from `seq` on, None where there are none yet."""
        if self._log is None:
            return None
        records = list(islice(self._log.read_from(seq, Audience.EXAMINER), PAGE))
        if not records:
            return None
        events = ",".join(self._text(record) for record in records)
        return Page(f'{{"type":"interlocutor.desk.events","events":[{events}]}}', records[-1].envelope.seq + 1)

    def hear(self, track: VoicesTrack) -> None:
        """Send a track the voices, from the next piece on."""
        if not self._broadcast.tracks and self.relay is not None:
            self._to_encode = self.relay.first(0.0)
        self._broadcast.tracks.append(track)

    def unhear(self, track: VoicesTrack) -> None:
        """Send a track nothing more; does nothing for one that is sent nothing."""
        if track in self._broadcast.tracks:
            self._broadcast.tracks.remove(track)

    def tell_candidate(self) -> None:
        """In a practice, have the candidate know how many follow it and how many listen, if that has changed."""
        driver, now = self.session.driver, (self.following, self.listening)
        if self.session.mode == "exam" or driver is None or self.over or now == self._told:
            return
        self._told = now
        driver.log.append(ObserversChanged(*now))

    def _text(self, record: LogEntry) -> str:
        envelope = record.envelope
        text = self._texts.get(envelope.seq)
        if text is None:
            text = self._texts[envelope.seq] = json.dumps(
                {
                    "seq": envelope.seq,
                    "media_ms": envelope.media_ms,
                    "session_ms": envelope.session_ms,
                    "wall": envelope.wall,
                    "event": envelope.type,
                    "payload": record.event.payload(),
                },
                ensure_ascii=False,
                separators=(",", ":"),
            )
        return text

    def _begin(self) -> None:
        """Follow the log, if there is one."""
        driver = self.session.driver
        if driver is None:
            return
        self._log = driver.log
        self.over = driver.ended.is_set()
        self._reader = driver.log.subscribe(Audience.EXAMINER, self._recorded)
        if self.session.mode != "exam":
            self.measures = RunningMeasures(driver.log, self.session.card, made=self._wake)
        self.relay = self.session.relay
        if self.relay is not None:
            self._unhear = self.relay.subscribe(self._heard)

    async def _await_beginning(self) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (self.session.begun, self.session.ended)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self._begin()
        self.over = self.over or self._log is None
        for observer in self._observers:
            observer.begun()
        self.tell_candidate()

    def _recorded(self, record: LogEntry) -> None:
        # This is called in the middle of a conversation: whoever reads does the work later.
        self.over = self.over or isinstance(record.event, SessionEnded)
        if self.measures is not None:
            self.measures.take_event(record.event)
        self._wake()

    def _wake(self) -> None:
        for observer in self._observers:
            observer.wake()

    def _heard(self) -> None:
        for observer in self._observers:
            if observer.listens:
                observer.wake()
        if self._broadcast.tracks:
            asyncio.get_running_loop().call_soon(self._encode)

    def _encode(self) -> None:
        """Encode what came since, once for all who listen on a call."""
        while self.relay is not None and (piece := self.relay.piece(self._to_encode)) is not None:
            self._to_encode += 1
            self._broadcast.put(np.frombuffer(parse_sound(piece.data)[1], dtype="<i2").reshape(-1, 2))
