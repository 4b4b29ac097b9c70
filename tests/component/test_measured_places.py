"""Places under virtual time: each voice speaks, and counts by how many patients have it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from pipelines.choice import Choice
from pipelines.engines import EngineInfo, SpeakRequest, SpeechChunk, Voice
from pipelines.lanes.jobs import JobLane
from pipelines.lanes.streams import StreamLane
from pipelines.models.model_folders import ModelPlace
from pipelines.scripted import instant
from pipelines.session.driver import Engines
from pipelines.tts.voices import NeuralVoice, Sex
from pipelines.virtual_time import virtual_clock
from pipelines.voice_choice import speaking_for
from server.capacity import TRIES, measure_places

pytestmark = pytest.mark.virtual

COST_MS = {"female": 900.0, "male": 300.0}


class SlowWoman:
    """A voice whose women take three times as long as its men."""

    def __init__(self) -> None:
        self.info = EngineInfo("synthesiser", "slow", demonstration=False, isolation="thread")
        self.asked: list[str] = []

    def warm(self) -> None:
        pass

    def speak(self, request: SpeakRequest) -> Iterator[SpeechChunk]:
        self.asked.append(request.voice.sex)
        yield SpeechChunk(np.zeros(24_000, dtype=np.int16), cost_ms=COST_MS[request.voice.sex])


def neural(name: str, sex: Sex, accent: str = "en-us") -> NeuralVoice:
    return NeuralVoice(ModelPlace(Path(name), "synthesiser", name), "vits", "", sex, accent, 40)


def choice(*voices: NeuralVoice) -> Choice:
    return Choice("voices", SlowWoman, "thread", "for a test", voices=voices)


async def reason(patients: list[Voice], chosen: Choice, spoken: SlowWoman) -> str:
    clock = virtual_clock()
    voices = JobLane(lambda: spoken, isolation="thread", workers=1, clock=clock, name="voice")
    ears = StreamLane(instant.recogniser, isolation="thread", workers=1, clock=clock, name="ear")
    for lane in (voices, ears):
        await lane.start()
    try:
        engines = cast(Engines, SimpleNamespace(recogniser=ears, synthesiser=voices))
        return (await measure_places(engines, clock, speaking_for(patients, chosen))).reason
    finally:
        for lane in (voices, ears):
            await lane.stop()


async def test_the_voices_of_both_sexes_count_by_how_many_patients_have_them() -> None:
    both = choice(neural("joe", "male"), neural("ann", "female"))
    spoken = SlowWoman()
    patients = [Voice("female"), Voice("female", age=70), Voice("male")]
    assert await reason(patients, both, spoken) == "patients' voices take on average 700 ms for it"
    assert spoken.asked == ["male"] * TRIES + ["female"] * TRIES, "each voice once, however many patients have it"
    assert await reason([Voice("male")], both, SlowWoman()) == "the voice takes 300 ms for it"


def test_patients_of_a_sex_without_a_voice_of_their_own_share_the_plain_one() -> None:
    found = speaking_for([Voice("female"), Voice("male"), Voice("male", accent="en-gb")], choice(neural("joe", "male")))
    assert [(one.patient.sex, round(one.share, 2)) for one in found] == [("male", 0.67), ("female", 0.33)]
    assert [one.share for one in speaking_for([], choice())] == [1.0]


async def test_a_slow_voice_is_tried_less_often() -> None:
    spoken = SlowWoman()
    COST_MS["female"] = 4_000.0
    try:
        await reason([Voice("female")], choice(neural("ann", "female")), spoken)
    finally:
        COST_MS["female"] = 900.0
    assert spoken.asked == ["female"]
