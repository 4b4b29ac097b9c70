"""How many sessions this machine holds at once: found by having one sentence spoken and heard, once engines are warm.

Patients have different voices, and some take six times as long as others. Each voice speaks the sentence, and what
counts is the mean over the patients of the cards that are enabled.

What must not wait is a turn's last reading and the reply's first clause. Captions are no reason for fewer places: the
recogniser's lane makes them rarer by itself when many speak.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from audio.clock import Clock
from audio.frames import ANALYSIS_HZ, WIRE_HZ, Pcm
from audio.resample import StreamResampler
from common.errors import EngineError
from pipelines.engines import SpeakRequest, Voice
from pipelines.lanes.decodes import DecodeLane, RecogniserLane
from pipelines.lanes.jobs import JobLane
from pipelines.lanes.one_hearing import hear_once
from pipelines.lanes.whole_speech import speech_of
from pipelines.models.devices import usable_cores
from pipelines.session.driver import Engines
from pipelines.voice_choice import Speaks

T = TypeVar("T")

SENTENCE = "Good morning. I have had this cough for about two weeks, and it keeps me awake at night."
# The quickest counts: what else the machine is doing at its start is no measure of it.
TRIES = 3
# A voice that has taken so long is tried no more: of a slow one less is the machine's other work.
LONGEST_TRIES_MS = 3_000.0
TIMEOUT_S = 60.0

MOST = 1_000
SPEAKS = 0.5  # of a session's time, that its candidate does
# A session has so many pauses and ends of turns, most of which are read once.
READS_PER_S = 0.4
CLAUSES_PER_S = 0.3  # of a session, those that were prepared in vain too
# Of a worker's time, beyond which somebody waits noticeably for those who came before. Measured on two cores: 19 of 20
# turns are answered within a second with tiny.en up to 16 sessions, with PocketSphinx up to 6 (docs/benchmarks.md).
LOAD, STREAM_LOAD = 0.65, 0.18
# A call by WebRTC takes so many places: on two cores 8 calls are answered in time as 16 sessions by WebSocket are.
CALL_PLACES = 2
# A session costs so much of a core without its engines: 0.02 over a WebSocket, 0.04 over a call.
OWN_CPU_S = 0.03
# Sessions without their engines may take this share of all cores.
OWN_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Trial:
    """What one sentence cost: its audio in seconds, milliseconds to hear it once it was said, and to speak it.

    With several voices `speak_ms` is their mean over the patients, and `voices` how many there are.
    """

    audio_s: float
    speak_ms: float
    hear_ms: float
    voices: int = 1


@dataclass(frozen=True, slots=True)
class Places:
    """How many sessions there is room for, and why no more."""

    count: int
    reason: str

    def __str__(self) -> str:
        return f"{self.count} sessions at once, or {self.count // CALL_PLACES} by calls: {self.reason}"


def places_of(trial: Trial, recogniser: RecogniserLane, synthesiser: JobLane, *, cores: int) -> Places:
    """Return how many sessions can be held so that hardly anybody waits for others."""
    hearers, speakers = len(recogniser.workers), len(synthesiser.workers)
    hear_s, speak_s = max(trial.hear_ms, 0.01) / 1000.0, max(trial.speak_ms, 0.01) / 1000.0
    if isinstance(recogniser, DecodeLane):
        hearing = LOAD * hearers / (READS_PER_S * hear_s)
    else:  # it listens all the time
        hearing = STREAM_LOAD * min(hearers, cores) / (SPEAKS * hear_s / max(trial.audio_s, 0.1))
    spoken = "the voice takes" if trial.voices == 1 else "patients' voices take on average"
    limits = {
        f"the recogniser takes {trial.hear_ms:.0f} ms for a sentence of {trial.audio_s:.1f} s": hearing,
        f"{spoken} {trial.speak_ms:.0f} ms for it": LOAD * speakers / (CLAUSES_PER_S * speak_s),
        f"{cores} cores": OWN_SHARE * cores / OWN_CPU_S,
    }
    why, count = min(limits.items(), key=lambda item: item[1])
    return Places(min(max(1, int(count)), MOST), why)


async def measure_places(engines: Engines, clock: Clock, speaking: Sequence[Speaks]) -> Places:
    """Have a sentence spoken, by each of these voices, and heard; raises EngineError when an engine can't."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            trial = await _try(engines, clock, speaking)
    except TimeoutError as error:
        raise EngineError(f"one sentence was not spoken and heard within {TIMEOUT_S:.0f} s") from error
    return places_of(trial, engines.recogniser, engines.synthesiser, cores=usable_cores())


async def _try(engines: Engines, clock: Clock, speaking: Sequence[Speaks]) -> Trial:
    speak_ms = 0.0
    audio: Pcm = np.zeros(0, dtype=np.int16)
    for voice in reversed(speaking):
        audio, took_ms = await _quickest(lambda: _spoken(engines.synthesiser, voice.patient), clock)  # noqa: B023
        speak_ms += voice.share * took_ms
    # The voice that most patients have comes last.
    _, hear_ms = await _quickest(lambda: hear_once(engines.recogniser, "places", audio), clock)
    return Trial(len(audio) / ANALYSIS_HZ, speak_ms, hear_ms, len(speaking))


async def _quickest(work: Callable[[], Awaitable[T]], clock: Clock) -> tuple[T, float]:
    """Return what the work comes to, and the milliseconds of the quickest of some tries."""
    began_ms, quickest_ms = clock.now_ms(), math.inf
    for _ in range(TRIES):
        from_ms = clock.now_ms()
        made = await work()
        quickest_ms = min(quickest_ms, clock.now_ms() - from_ms)
        if clock.now_ms() - began_ms > LONGEST_TRIES_MS:
            break
    return made, quickest_ms


async def _spoken(lane: JobLane, patient: Voice) -> Pcm:
    """Return the sentence's audio, int16 (n,) at 16 kHz."""
    audio = await speech_of(lane, SpeakRequest("places", SENTENCE, patient), priority=0)
    return StreamResampler(WIRE_HZ, ANALYSIS_HZ).process(audio)
