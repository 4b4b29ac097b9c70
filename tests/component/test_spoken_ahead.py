"""Beginnings of patients' lines that are spoken while nobody talks, and then cost a patient nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from common.errors import AppError, EngineError
from pipelines.engines import EngineInfo, SpeakRequest, SpeechChunk, Voice
from pipelines.lanes.kept_clauses import KeptClauses
from pipelines.lanes.speech_lane import SpeechLane
from pipelines.patient.card_library import CardLibrary
from pipelines.tts.beginnings import beginnings_of
from pipelines.tts.clauses import split_clauses
from pipelines.virtual_time import virtual_clock
from server.settings.tree import CONFIG_FOLDER
from server.spoken_ahead import AFTER_FAULT_S, LOOK_EVERY_S, SpokenAhead

LIBRARY = CardLibrary.load(CONFIG_FOLDER / "cards")
CARDS = tuple(LIBRARY.values())[:3]
SECOND = 24_000
CLAUSE_MS = 400.0


@dataclass
class OneSecond:
    """A voice that takes its time for a second of audio, and notes what it said."""

    said: list[str] = field(default_factory=list)
    broken: bool = False
    samples: int = SECOND

    def __post_init__(self) -> None:
        self.info = EngineInfo("synthesiser", "one-second", demonstration=True, isolation="thread")

    def warm(self) -> None: ...

    def speak(self, request: SpeakRequest) -> Iterator[SpeechChunk]:
        if self.broken:
            raise EngineError("it has no breath")
        self.said.append(request.text)
        yield SpeechChunk(np.full(self.samples, len(request.text), dtype=np.int16), cost_ms=CLAUSE_MS)


@asynccontextmanager
async def speech_lane(voice: OneSecond, *, most_kept_bytes: int = 1 << 30) -> AsyncIterator[SpeechLane]:
    lane = SpeechLane(
        lambda: voice,
        isolation="thread",
        workers=1,
        clock=virtual_clock(),
        name="voice",
        most_kept_bytes=most_kept_bytes,
    )
    await lane.start()
    try:
        yield lane
    finally:
        await lane.stop()


@asynccontextmanager
async def speaking(
    lane: SpeechLane, *, wanted: Callable[[], set[str]] = set, is_idle: Callable[[], bool] = lambda: True
) -> AsyncIterator[None]:
    """Speak ahead while the block runs."""
    ahead = SpokenAhead(CARDS, lane=lambda: lane, wanted=wanted, is_idle=is_idle)
    task = asyncio.create_task(ahead.speak_for_ever())
    try:
        yield
    finally:
        task.cancel()


async def said(lane: SpeechLane, request: SpeakRequest) -> tuple[list[SpeechChunk], float]:
    """Return what a patient gets, and the milliseconds that it took."""
    parts: list[SpeechChunk] = []
    ended: asyncio.Future[AppError | None] = asyncio.get_running_loop().create_future()
    began_ms = lane._clock.now_ms()
    lane.submit(request, priority=0, on_part=parts.append, on_end=ended.set_result)
    assert not parts, "nobody is called back before the ticket is there"
    assert await ended is None
    return parts, lane._clock.now_ms() - began_ms


def test_beginnings_are_the_first_clauses_of_what_the_patient_says() -> None:
    for card in CARDS:
        texts = [request.text for request in beginnings_of(card)]
        assert len(texts) == len(set(texts))
        assert {split_clauses(line)[0][0] for cue in card.cues for line in cue.says} <= set(texts)


@pytest.mark.virtual
async def test_a_clause_that_was_spoken_ahead_is_there_at_once_and_the_same() -> None:
    voice = OneSecond()
    async with speech_lane(voice) as lane:
        request = beginnings_of(CARDS[0])[0]
        made, made_ms = await said(lane, request)
        await lane.speak_ahead(request, priority=9)
        kept: list[None] = []
        lane.on_kept.append(lambda: kept.append(None))
        # Another session's patient of the same card.
        again, again_ms = await said(lane, replace(request, id="another/1/0"))
        assert (made_ms, again_ms) == (CLAUSE_MS, 0.0)
        assert np.array_equal(made[0].samples, again[0].samples)
        assert len(kept) == 1
        assert voice.said == [request.text] * 2


@pytest.mark.virtual
@pytest.mark.parametrize(
    "other",
    [
        {"text": "Something else."},
        {"voice": Voice(rate_wpm=99)},
        {"pronunciations": {"Something": "nothing"}},
    ],
)
async def test_what_sounds_otherwise_is_made(other: dict[str, object]) -> None:
    async with speech_lane(OneSecond()) as lane:
        request = SpeakRequest("a", "Something.", Voice())
        await lane.speak_ahead(request, priority=9)
        _, took_ms = await said(lane, replace(request, **other))  # type: ignore[arg-type]
        assert took_ms == CLAUSE_MS


@pytest.mark.virtual
async def test_what_a_session_says_is_not_kept() -> None:
    async with speech_lane(OneSecond()) as lane:
        await said(lane, SpeakRequest("a", "My name is Ms Secret.", Voice()))
        assert len(lane.kept) == 0


@pytest.mark.virtual
async def test_nobody_is_called_back_for_a_clause_that_was_cancelled() -> None:
    async with speech_lane(OneSecond()) as lane:
        request = beginnings_of(CARDS[0])[0]
        await lane.speak_ahead(request, priority=9)
        told: list[object] = []
        lane.submit(request, priority=0, on_part=told.append, on_end=told.append).cancel()
        await asyncio.sleep(1.0)
        assert told == []


@pytest.mark.virtual
async def test_the_card_that_somebody_reads_comes_first_then_all_others() -> None:
    voice, last = OneSecond(), CARDS[-1]
    async with speech_lane(voice) as lane, speaking(lane, wanted=lambda: {last.id}):
        await asyncio.sleep(600.0)
    wanted = [request.text for request in beginnings_of(last)]
    assert voice.said[: len(wanted)] == wanted
    assert len(voice.said) == sum(len(beginnings_of(card)) for card in CARDS)


@pytest.mark.virtual
async def test_it_waits_while_somebody_talks() -> None:
    voice, talks = OneSecond(), [True]
    async with speech_lane(voice) as lane, speaking(lane, is_idle=lambda: not talks[0]):
        await asyncio.sleep(600.0)
        assert voice.said == []
        talks[0] = False
        await asyncio.sleep(LOOK_EVERY_S + 2.5 * CLAUSE_MS / 1000.0)
        talks[0] = True
        begun = len(voice.said)
        await asyncio.sleep(600.0)
        assert 0 < begun <= len(voice.said) <= begun + 1, "at most the clause under way is finished"


@pytest.mark.virtual
async def test_a_full_memory_makes_room_for_what_is_read_and_for_nothing_else() -> None:
    voice, wanted = OneSecond(), [{CARDS[0].id}]
    bound = 2 * SECOND * len(beginnings_of(CARDS[0]))
    async with speech_lane(voice, most_kept_bytes=bound) as lane, speaking(lane, wanted=lambda: wanted[0]):
        await asyncio.sleep(600.0)
        assert len(voice.said) == len(beginnings_of(CARDS[0])), "the others take the place of nothing"
        wanted[0] = {CARDS[1].id}
        await asyncio.sleep(600.0)
        kept = [lane.kept.holds(request) for request in beginnings_of(CARDS[1])]
        assert all(kept[-len(lane.kept) :])
        assert lane.kept.bytes <= bound
        spoken = len(voice.said)
        wanted[0] = {card.id for card in CARDS}
        await asyncio.sleep(3_600.0)
        assert len(voice.said) < spoken + 2 * sum(len(beginnings_of(card)) for card in CARDS), "not for ever"


@pytest.mark.virtual
async def test_a_voice_without_a_sound_or_with_a_fault_is_not_asked_for_ever() -> None:
    count = sum(len(beginnings_of(card)) for card in CARDS)
    silent = OneSecond(samples=0)
    async with speech_lane(silent) as lane, speaking(lane):
        await asyncio.sleep(600.0)
        assert len(silent.said) == count
    broken = OneSecond(broken=True)
    async with speech_lane(broken) as lane, speaking(lane):
        await asyncio.sleep(AFTER_FAULT_S / 2)
        broken.broken = False
        await asyncio.sleep(AFTER_FAULT_S + 600.0)
        assert len(broken.said) == count - 1, "one was tried and is left for the next card that is wanted"


def test_a_clause_that_is_too_large_is_left_out_and_the_oldest_goes_first() -> None:
    kept = KeptClauses(2 * 10 * 2)
    first, second, third = (SpeakRequest(name, name, Voice()) for name in ("a", "b", "c"))
    ten = (SpeechChunk(np.ones(10, dtype=np.int16)),)
    kept.keep(first, (SpeechChunk(np.ones(21, dtype=np.int16)),))
    assert not kept.holds(first)
    kept.keep(first, ten)
    kept.keep(second, ten)
    assert kept.find(first) is not None
    kept.keep(third, ten)
    assert [kept.holds(one) for one in (first, second, third)] == [True, False, True]
    kept.keep(third, ten)
    assert (len(kept), kept.bytes) == (2, 40)
