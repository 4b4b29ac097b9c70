"""The examiners' desk under virtual time: joined whenever, an observer gets all there is, once and in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio.frames import WIRE_HZ, Frame, FrameKind, pcm_to_bytes, samples_for
from pipelines import events as e
from pipelines.assessment.measure_set import measure_log
from pipelines.log.disk import DiskThread
from pipelines.log.session_log import SessionLog
from pipelines.patient.card_library import CardLibrary
from pipelines.session.recording import HAND_ON_MS, SessionRecorder
from pipelines.session.relay import KEEP_MS, SoundRelay
from pipelines.virtual_time import run_virtual
from server.desk.observer import CUT_S, Observer
from server.desk.room import PAGE, Room
from server.desk.seat import Seat
from server.principal import Principal
from server.protocol.desk_messages import DeskEvents, DeskSnapshot, pack_sound, parse_sound
from server.sessions.session import Session, Status
from server.wire.channel import ChannelClosed
from tests.app.inside import until
from tests.component.realtime_talk import MemoryChannel
from tests.unit.spoken_log import SpokenLog

CARD = CardLibrary.load(Path(__file__).resolve().parents[2] / "configs" / "cards")["nursing-leg-wound"]
EXAMINER = Principal("examiner", None, person_id="per_e")
EVENTS: tuple[Callable[[int], e.Event], ...] = (
    lambda n: e.TranscriptPartial(n, f"word {n}", 0),
    lambda n: e.CueHeard("pain", n, n),
    lambda n: e.MediaGap(float(n), 0.0, 0.0),  # a developer's
    lambda n: e.ReplyFinished(n, n, "completed", "“Ja” 😀 <b>", 400.0, False),
)


class Stage:
    """A session whose log the test writes, and its observers."""

    def __init__(self, mode: str = "exam") -> None:
        self.log = SessionLog(now_ms=lambda: 0.0, media_ms=lambda: 0.0, salt=lambda: "", wall=lambda: 0.0)
        self.session = Session(cast(Any, SimpleNamespace(session_id="sess_1")), CARD, mode, Path("nowhere"), 0.0)
        self.session.examiners = frozenset({"per_e"})
        self.relay = SoundRelay(lambda at_ms, stereo: pack_sound(at_ms, pcm_to_bytes(stereo)))
        self.left: list[str] = []
        self.noted: list[str] = []
        self.room: Room | None = None

    def begin(self) -> None:
        clock = SimpleNamespace(left_s=200.0, paused=False)
        ended = asyncio.Event()
        if any(isinstance(record.event, e.SessionEnded) for record in self.log.read_from(0, e.Audience.INTERNAL)):
            ended.set()
        self.session.driver = cast(Any, SimpleNamespace(log=self.log, clock=clock, ended=ended))
        self.session.status, self.session.relay = Status.RUNNING, self.relay
        self.session.begun.set()

    def observer(self, channel: MemoryChannel, deadline_s: float = 5.0) -> Observer:
        async def renew() -> Principal | None:
            return who

        who = EXAMINER if self.session.mode == "exam" else Principal("developer", None)
        self.room = self.room or Room(self.session, empty=lambda: self.left.append("room"))
        seat = Seat(self.session, who, "key", "per_e", renew)
        note: Callable[[str, Seat], None] = lambda action, _seat: self.noted.append(action)  # noqa: E731
        return Observer(self.room, channel, seat, session_s=300, deadline_s=deadline_s, note=note)

    def say(self, count: int, start: int = 0) -> None:
        for number in range(start, start + count):
            self.log.append(EVENTS[number % len(EVENTS)](number))


def seen(channel: MemoryChannel) -> list[int]:
    return [
        event["seq"] for one in channel.sent if one["type"] == "interlocutor.desk.events" for event in one["events"]
    ]


def wanted(log: SessionLog) -> list[int]:
    return [record.envelope.seq for record in log.read_from(0, e.Audience.EXAMINER)]


@settings(max_examples=60, deadline=None)
@given(
    before=st.integers(0, 3 * PAGE),
    joins=st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=4),
    begins_at=st.integers(0, 10),
)
def test_whenever_somebody_joins_nothing_is_missing_and_nothing_comes_twice(
    before: int, joins: list[tuple[int, bool]], begins_at: int
) -> None:
    async def play() -> None:
        stage = Stage()
        stage.say(before)
        channels: list[MemoryChannel] = []
        tasks: list[asyncio.Task[int]] = []
        for step in range(32):
            if step == begins_at:
                stage.begin()
            for at, stalls in joins:
                if at == step:
                    channels.append(MemoryChannel())
                    channels[-1].stall(stalls)
                    tasks.append(asyncio.create_task(stage.observer(channels[-1], 60.0).run()))
            if step >= begins_at:
                stage.say(step % 5, start=step)
            await asyncio.sleep(0.001 * (step % 3))
            for channel in channels[:: 1 + step % 2]:
                channel.stall(False)
        stage.log.append(e.SessionEnded("ended"))
        for channel in channels:
            channel.stall(False)
        assert await asyncio.gather(*tasks) == [1000] * len(tasks)
        for channel in channels:
            assert seen(channel) == wanted(stage.log)
            assert channel.sent[0]["type"] == "interlocutor.desk.snapshot"
            assert channel.sent[-1]["type"] == "interlocutor.desk.over"
        assert stage.left == ["room"]

    run_virtual(play())


def test_what_is_sent_is_what_the_models_say() -> None:
    async def play() -> None:
        stage, channel = Stage(), MemoryChannel()
        stage.say(8)
        # Its client is still being told: whoever comes now gets all of it too.
        stage.log.append(e.SessionEnded("ended"))
        stage.begin()
        await stage.observer(channel).run()
        DeskSnapshot.model_validate(channel.sent[0])
        told = [DeskEvents.model_validate(one) for one in channel.sent[1:-1]]
        assert [event.event for page in told for event in page.events][:2] == ["transcript_partial", "cue_heard"]
        assert "“Ja” 😀 <b>" in json.dumps(channel.sent, ensure_ascii=False)
        card = channel.sent[0]["session"]["card"]
        assert {cue["id"] for cue in card["cues"]} == {cue.id for cue in CARD.cues}

    run_virtual(play())


def test_whoever_loses_the_right_is_cut_at_once_even_where_nothing_is_taken() -> None:
    async def play(stalled: bool) -> None:
        stage, channel = Stage(), MemoryChannel()
        stage.begin()
        observer = stage.observer(channel)
        task = asyncio.create_task(observer.run())
        await asyncio.sleep(0.1)
        channel.stall(stalled)
        stage.say(8)
        await asyncio.sleep(0.1)
        sent = len(channel.sent)
        observer.check(Principal("candidate", None, person_id="per_e"))
        stage.say(8)
        began_s = asyncio.get_running_loop().time()
        assert await task == 4403
        assert asyncio.get_running_loop().time() - began_s <= CUT_S + 0.01
        assert [one["type"] for one in channel.sent[sent:]] == ([] if stalled else ["interlocutor.desk.error"])
        assert channel.aborted is stalled
        assert stage.left == ["room"]

    run_virtual(play(stalled=False))
    run_virtual(play(stalled=True))


def test_an_observer_that_takes_nothing_is_dropped_and_others_go_on() -> None:
    async def play() -> None:
        stage, slow, well = Stage(), MemoryChannel(), MemoryChannel()
        stage.begin()
        tasks = [asyncio.create_task(stage.observer(one).run()) for one in (slow, well)]
        await asyncio.sleep(0.1)
        slow.stall()
        stage.say(3)
        assert await tasks[0] == 1006
        assert slow.aborted
        stage.log.append(e.SessionEnded("ended"))
        assert await tasks[1] == 1000
        assert seen(well) == wanted(stage.log)

    run_virtual(play())


def test_the_candidate_of_a_practice_is_told_who_is_there_and_of_an_exam_is_not() -> None:
    async def play(mode: str) -> list[tuple[int, int]]:
        stage, one, other = Stage(mode), MemoryChannel(), MemoryChannel()
        tasks = [asyncio.create_task(stage.observer(one).run())]
        await asyncio.sleep(0.1)
        stage.begin()
        await asyncio.sleep(0.1)
        tasks.append(asyncio.create_task(stage.observer(other).run()))
        await asyncio.sleep(0.1)
        one.put('{"type": "interlocutor.desk.listen", "on": true}')
        await asyncio.sleep(0.1)
        one.put(ChannelClosed(1001))
        await asyncio.sleep(0.1)
        other.put(ChannelClosed(1001))
        assert await asyncio.gather(*tasks) == [1001, 1001]
        told = [record.event for record in stage.log.read_from(0, e.Audience.CANDIDATE)]
        return [(event.following, event.listening) for event in told if isinstance(event, e.ObserversChanged)]

    assert run_virtual(play("practice")) == [(1, 0), (2, 0), (2, 1), (1, 0), (0, 0)]
    assert run_virtual(play("exam")) == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ("{", "protocol.bad_json"),
        ('{"type": "response.create"}', "protocol.unknown_event"),
        ('{"type": "interlocutor.desk.listen", "on": 1}', "protocol.invalid_field"),
        ('{"type": "interlocutor.desk.listen", "on": true, "back_s": 31}', "protocol.invalid_field"),
        ('{"type": "interlocutor.desk.listen", "on": true, "x": 1}', "protocol.invalid_field"),
        ("[" * 2_000, "protocol.too_big"),
        (b"\x01\x02", "protocol.binary"),
    ],
)
def test_a_request_that_is_wrong_is_refused_and_too_many_end_it(request_: str | bytes, code: str) -> None:
    async def play() -> None:
        stage, channel = Stage(), MemoryChannel()
        stage.begin()
        task = asyncio.create_task(stage.observer(channel).run())
        channel.put(request_)
        await asyncio.sleep(0.1)
        assert [one["code"] for one in channel.sent if "code" in one] == [code]
        for _ in range(30):
            channel.put(request_)
        assert await task == 1008

    run_virtual(play())


# ------------------------------------------------------------------ the sound


def frames(relay: SoundRelay, folder: Path, count: int) -> SessionRecorder:
    """Record so many frames of 20 ms, of which each has its number as its samples, into the relay."""
    disk = DiskThread("disk")
    recorder = SessionRecorder(folder, disk, chores=disk, rate_hz=WIRE_HZ, failed=lambda error: None, relay=relay)
    for number in range(count):
        samples = np.full(samples_for(20, WIRE_HZ), number, dtype=np.int16)
        recorder.candidate(Frame(samples, WIRE_HZ, FrameKind.LIVE))
    disk.close()
    return recorder


def heard(channel: MemoryChannel) -> tuple[list[int], np.ndarray]:
    """Return the media times of the pieces and all their samples."""
    pieces = [parse_sound(data) for data in channel.sent_bytes]
    pcm = b"".join(data for _, data in pieces)
    return [at_ms for at_ms, _ in pieces], np.frombuffer(pcm, dtype="<i2").reshape(-1, 2)


def test_pieces_follow_each_other_without_a_gap_and_are_what_is_recorded(tmp_path: Path) -> None:
    relay = SoundRelay(lambda at_ms, stereo: pack_sound(at_ms, pcm_to_bytes(stereo)))
    frames(relay, tmp_path, 100)
    pieces = [piece for number in range(200) if (piece := relay.piece(number)) is not None]
    assert pieces[0].at_ms == 0.0
    assert all(one.until_ms == pytest.approx(other.at_ms) for one, other in pairwise(pieces))
    assert all(piece.until_ms - piece.at_ms <= HAND_ON_MS + 0.1 for piece in pieces)
    samples = np.frombuffer(b"".join(parse_sound(piece.data)[1] for piece in pieces), dtype="<i2").reshape(-1, 2)
    # The resampler passes 24 kHz on as it is.
    assert samples[:: samples_for(20, WIRE_HZ), 0].tolist() == list(range(len(samples) // samples_for(20, WIRE_HZ)))
    assert relay.until_ms >= 2_000.0 - HAND_ON_MS


def test_the_relay_keeps_half_a_minute(tmp_path: Path) -> None:
    relay = SoundRelay(lambda at_ms, stereo: b"")
    for second in range(100):
        relay.put(1000.0 * second, np.zeros((WIRE_HZ, 2), dtype=np.int16))
    first = relay.first(KEEP_MS)
    assert first - 1 <= relay.oldest <= first
    assert relay.piece(relay.oldest - 1) is None
    piece = relay.piece(first)
    assert piece is not None
    assert relay.until_ms - piece.at_ms == pytest.approx(KEEP_MS)
    assert relay.first(0.0) == 100


def test_whoever_listens_hears_what_comes_and_on_request_what_was(tmp_path: Path) -> None:
    async def play(back_s: int) -> tuple[list[int], list[dict[str, Any]]]:
        stage, channel = Stage(), MemoryChannel()
        stage.begin()
        for number in range(100):
            stage.relay.put(100.0 * number, np.zeros((2_400, 2), dtype=np.int16))
        task = asyncio.create_task(stage.observer(channel).run())
        channel.put(json.dumps({"type": "interlocutor.desk.listen", "on": True, "back_s": back_s}))
        await asyncio.sleep(0.1)
        for number in range(100, 110):
            stage.relay.put(100.0 * number, np.zeros((2_400, 2), dtype=np.int16))
            await asyncio.sleep(0.1)
        channel.put('{"type": "interlocutor.desk.listen", "on": false}')
        await asyncio.sleep(0.1)
        stage.relay.put(11_000.0, np.zeros((2_400, 2), dtype=np.int16))
        stage.log.append(e.SessionEnded("ended"))
        assert await task == 1000
        assert stage.noted == ["desk.listened"]
        return heard(channel)[0], [one for one in channel.sent if one["type"] == "interlocutor.desk.sound"]

    times, told = run_virtual(play(0))
    assert times == [100 * number for number in range(100, 110)]
    assert [(one["on"], one["reason"], one["from_ms"]) for one in told] == [
        (True, "asked", 10_000.0),
        (False, "asked", None),
    ]
    times, told = run_virtual(play(2))
    assert times == [100 * number for number in range(80, 110)]
    assert told[0]["from_ms"] == 8_000.0


def test_an_observer_too_slow_for_sound_gets_words_alone() -> None:
    class Narrow(MemoryChannel):
        """Takes a tenth of a second of sound a second."""

        async def send_bytes(self, data: bytes) -> None:
            await asyncio.sleep(1.0)
            await super().send_bytes(data)

    async def play() -> None:
        stage, channel = Stage(), Narrow()
        stage.begin()
        task = asyncio.create_task(stage.observer(channel).run())
        channel.put('{"type": "interlocutor.desk.listen", "on": true}')
        for number in range(100):
            stage.relay.put(100.0 * number, np.zeros((2_400, 2), dtype=np.int16))
            stage.say(1, start=number)
            await asyncio.sleep(0.1)
        stage.log.append(e.SessionEnded("ended"))
        assert await task == 1000
        told = [(one["on"], one["reason"]) for one in channel.sent if one["type"] == "interlocutor.desk.sound"]
        assert told == [(True, "asked"), (False, "slow")]
        assert len(channel.sent_bytes) <= 6
        assert seen(channel) == wanted(stage.log)

    run_virtual(play())


def test_half_a_minute_is_there_though_it_is_taken_late() -> None:
    async def play(held_up_s: float) -> list[int]:
        stage, channel = Stage(), MemoryChannel()
        stage.begin()
        silence = np.zeros((2_400, 2), dtype=np.int16)
        for number in range(600):
            stage.relay.put(100.0 * number, silence)
        channel.stall()
        task = asyncio.create_task(stage.observer(channel, 60.0).run())
        channel.put('{"type": "interlocutor.desk.listen", "on": true, "back_s": 30}')
        await asyncio.sleep(0.1)
        for number in range(600, 600 + round(10 * held_up_s)):
            stage.relay.put(100.0 * number, silence)
            await asyncio.sleep(0.1)
        channel.stall(False)
        await asyncio.sleep(0.1)
        stage.log.append(e.SessionEnded("ended"))
        assert await task == 1000
        assert [one["on"] for one in channel.sent if one["type"] == "interlocutor.desk.sound"] == [True]
        return heard(channel)[0]

    for held_up_s in (1.0, 9.0):
        times = run_virtual(play(held_up_s))
        assert times[-1] - times[0] >= 29_500
        assert times == list(range(times[0], times[-1] + 1, 100))


def test_a_server_that_stood_still_takes_nobodys_sound_away() -> None:
    async def play() -> None:
        stage, channel = Stage(), MemoryChannel()
        stage.begin()
        task = asyncio.create_task(stage.observer(channel).run())
        channel.put('{"type": "interlocutor.desk.listen", "on": true}')
        await asyncio.sleep(0.1)
        for number in range(100):
            stage.relay.put(100.0 * number, np.zeros((2_400, 2), dtype=np.int16))
        await asyncio.sleep(0.1)
        stage.log.append(e.SessionEnded("ended"))
        assert await task == 1000
        assert heard(channel)[0] == [100 * number for number in range(100)]
        assert [one["on"] for one in channel.sent if one["type"] == "interlocutor.desk.sound"] == [True]

    run_virtual(play())


def test_whoever_may_listen_no_more_is_sent_no_more_sound() -> None:
    async def play() -> None:
        stage, channel = Stage(), MemoryChannel()
        stage.begin()
        observer = stage.observer(channel)
        task = asyncio.create_task(observer.run())
        channel.put('{"type": "interlocutor.desk.listen", "on": true}')
        await asyncio.sleep(0.1)
        observer.check(Principal("developer", None, scopes=frozenset({"desk.follow"})))
        channel.put('{"type": "interlocutor.desk.listen", "on": true}')
        await asyncio.sleep(0.1)
        stage.relay.put(0.0, np.zeros((2_400, 2), dtype=np.int16))
        await asyncio.sleep(0.1)
        assert channel.sent_bytes == []
        told = [(one["on"], one["reason"]) for one in channel.sent if one["type"] == "interlocutor.desk.sound"]
        assert told == [(True, "asked"), (False, "not_allowed"), (False, "not_allowed")]
        stage.log.append(e.SessionEnded("ended"))
        assert await task == 1000

    run_virtual(play())


@pytest.mark.asyncio  # a thread of the loop's own makes them
@pytest.mark.parametrize("mode", ["practice", "exam"])
async def test_an_observer_of_a_practice_has_the_measures_so_far_and_one_of_an_exam_has_none(mode: str) -> None:
    stage, channel = Stage(mode), MemoryChannel()
    spoken = SpokenLog()
    for _ in range(6):
        spoken.candidate("I would um like to ask you some questions about your leg today.", pauses={5: 400.0})
        spoken.patient("Go on then.")
    events = [entry.event for entry in spoken.entries]
    for event in events[:-7]:
        stage.log.append(event)
    stage.begin()
    task = asyncio.create_task(stage.observer(channel).run())

    def told() -> list[dict[str, Any]]:
        return [one for one in channel.sent if one["type"] == "interlocutor.desk.measures"]

    if mode == "practice":
        await until(lambda: len(told()) == 1)
    for event in events[-7:]:
        stage.log.append(event)
    if mode == "practice":
        await until(lambda: len(told()) == 2)
    stage.log.append(e.SessionEnded("ended"))
    await task
    if mode == "exam":
        assert told() == []
        return
    # The last turn was told in new figures: the same as they are afterwards, without their evidence.
    afterwards = {one.id: one.as_json() for one in measure_log(spoken.entries, CARD)}
    for shown in told()[-1]["measures"]:
        assert shown == {name: afterwards[shown["id"]][name] for name in shown}
    values = {shown["id"]: shown["value"] for shown in told()[-1]["measures"]}
    assert values == {
        "pauses_inside": pytest.approx(100 / 13, abs=0.001),
        "pause_length": 400.0,
        "fillers": pytest.approx(100 / 13, abs=0.001),
    }
