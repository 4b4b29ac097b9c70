"""Real voices through simulated rooms: the patient's own voice in the microphone, with and without a candidate's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from audio.files import mono_at, read_recording
from audio.frames import WIRE_HZ, Pcm, samples_for
from audio.speech import SpeechSettings
from bench.interruptions import load_interruptions
from bench.replay.local import LocalLink
from bench.replay.plan import Plan, plan_replay
from bench.replay.planned_interruptions import Interruption
from bench.replay.simulated_candidate import SimulatedCandidate
from bench.replay.simulated_room import SimulatedRoom
from pipelines.conversation.settings import ConversationSettings
from pipelines.engines import Clause, EngineInfo, RespondKind, SpeakRequest, SpeechChunk, Word
from pipelines.patient.card_library import CardLibrary
from pipelines.virtual_time import virtual_clock
from tests.component.engines import engines_on_lanes
from tests.component.scripted_run import ROOT
from tests.fakes.lines import LinesResponder
from tests.nightly import one_in

pytestmark = pytest.mark.virtual

DATA = ROOT / "tests" / "data"
# These have one voice, another than that of the floor sounds used below.
SPOKEN = (1, 4, 7, 10)
WORDS = 24
# Where echoes come, the server takes longer to know that somebody speaks.
YIELD_MS = 1_000.0
# There are at most so many until it is known that echoes come: each is a short silence.
HOLDS = 3


@cache
def voice() -> Pcm:
    """Return some seconds of one voice, int16 mono at 24 kHz."""
    parts = [mono_at(read_recording(DATA / "interruptions" / f"floor-{n:02d}.flac"), WIRE_HZ) for n in SPOKEN]
    return np.concatenate(parts)


class RecordedVoice:
    """A synthesiser that says whatever it is asked in the same recorded words."""

    def __init__(self) -> None:
        self.info = EngineInfo(kind="synthesiser", name="recorded", demonstration=True, isolation="thread")

    def warm(self) -> None:
        """Nothing to load."""

    def speak(self, request: SpeakRequest) -> Iterator[SpeechChunk]:
        """Yield the recording, as one chunk."""
        texts, sound = request.text.split(), voice()
        word_ms = 1000.0 * len(sound) / WIRE_HZ / len(texts)
        words = tuple(Word(t, round(i * word_ms), round((i + 1) * word_ms)) for i, t in enumerate(texts))
        yield SpeechChunk(samples=sound, words=words, cost_ms=20.0)


async def answered(room: SimulatedRoom | None, *sounds: Interruption, told_cancelled: bool) -> SimulatedCandidate:
    """Have one question answered in a room, with sounds over the answer."""
    line = Clause(" ".join(f"said{number}" for number in range(WORDS)))
    async with engines_on_lanes(
        responder=lambda: LinesResponder({(RespondKind.REPLY, ""): [line]}), synthesiser=RecordedVoice
    ) as engines:
        clock = virtual_clock()
        whole = plan_replay([DATA / "consultation.flac"])
        link = LocalLink(
            card=CardLibrary.load(ROOT / "configs" / "cards")[whole.cards[0]],
            engines=engines,
            conversation=ConversationSettings(),
            speech=SpeechSettings(),
            vad="silero",
            clock=clock,
            session_s=300,
        )
        link.start()
        link.driver.echo_cancelled(told_cancelled)
        plan = Plan(whole.cards, whole.turns[:1], whole.whole)
        candidate = SimulatedCandidate(plan, link, clock, interruptions=sounds, room=room)
        await candidate.run()
        await link.close()
    return candidate


@cache
def floor_sound(number: int) -> Interruption:
    (sound,) = load_interruptions([DATA / "interruptions" / f"floor-{number:02d}.flac"])
    return replace(sound, after_ms=2_500.0)


ROOMS = [(delay_ms, level_db) for delay_ms in (50.0, 150.0, 300.0, 480.0) for level_db in (-10.0, -20.0, -30.0)]


@pytest.mark.parametrize(
    ("delay_ms", "level_db", "told_cancelled"),
    [*((*room, False) for room in one_in(4, ROOMS)), (150.0, -20.0, True), (300.0, -30.0, True)],
)
async def test_the_patient_is_not_interrupted_by_itself(delay_ms: float, level_db: float, told_cancelled: bool) -> None:
    candidate = await answered(SimulatedRoom(level_db=level_db, delay_ms=delay_ms), told_cancelled=told_cancelled)
    (turn,) = candidate.results
    assert turn.statuses == ["completed"]
    assert len(turn.heard) == 1, "it was taken for a turn"
    assert len(candidate.held_at_ms) <= HOLDS
    heard = sum(len(span.samples) for span in candidate.heard)
    assert heard >= len(voice())


@pytest.mark.parametrize(("delay_ms", "level_db"), one_in(4, ROOMS))
async def test_whoever_speaks_into_the_echo_takes_the_floor(delay_ms: float, level_db: float) -> None:
    sound = floor_sound(2)
    candidate = await answered(SimulatedRoom(level_db=level_db, delay_ms=delay_ms), sound, told_cancelled=False)
    (made,) = candidate.interrupted
    assert made.status == "interrupted"
    assert made.cleared_at_ms is not None
    assert made.cleared_at_ms - made.onset_ms <= YIELD_MS


async def test_the_patients_words_said_by_somebody_later_are_no_echo() -> None:
    """The very sound of the patient, two seconds after it was played: nobody plays it now."""
    later = Interruption("later", "floor", voice()[: samples_for(1_600, WIRE_HZ)], 0.0, 1_600.0, after_ms=2_500.0)
    candidate = await answered(None, later, told_cancelled=True)
    (made,) = candidate.interrupted
    assert made.status == "interrupted"
    assert made.ignored == ""
