"""Audio as bad microphones send it: the conversation goes on as with a good one, and the candidate is told once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from audio.conditioning import AudioSettings
from audio.frames import WIRE_HZ, Pcm, samples_for
from audio.mono import MonoMixer
from bench import degradations as bad
from bench.replay.local import LocalLink
from pipelines.events import ReplyFinished, SessionEnded, SoundAdvice, SpeechStarted, TurnCommitted, TurnIgnored
from tests.component.conftest import Replay, Replayed
from tests.data.sound import gain

TURNS = 5
FULL = 32_767.0

Wire = Callable[[Pcm, int], Pcm]
"""Takes audio and the number of its first sample; returns it as the microphone gives it."""


class BadMicrophone(LocalLink):
    """A link whose candidate has such a microphone, in pauses too."""

    def __init__(self, *, wire: Wire, **rest: Any) -> None:
        super().__init__(**rest)
        self._wire = wire
        self._first = 0

    def send(self, samples: Pcm) -> None:
        """Send what the microphone makes of it."""
        super().send(self._wire(samples, self._first))
        self._first += len(samples)


def through(replay: Replay, wire: Wire, *names: str, **rest: Any) -> Replayed:
    return replay(*names or ("consultation.flac",), link_of=partial(BadMicrophone, wire=wire), **rest)


def quieter(samples: Pcm, first: int, *, db: float) -> Pcm:
    return bad.quieter(samples, db)


def cut(samples: Pcm, first: int, *, db: float) -> Pcm:
    """Louder by so much, and cut at full scale."""
    return bad.quieter(samples, -db)


def noisy(samples: Pcm, first: int) -> Pcm:
    """A fan beside the microphone."""
    noise = np.random.default_rng(first).standard_normal(len(samples)) * FULL * gain(-31.0)
    return np.clip(samples + noise, -32_768, 32_767).astype(np.int16)


def opposite() -> Wire:
    mixer = MonoMixer(WIRE_HZ)
    return lambda samples, first: mixer.process(bad.opposite_channels(samples))


def advice(replayed: Replayed) -> list[str]:
    return [event.kind for event in replayed.events(SoundAdvice)]


CONDITIONS: dict[str, tuple[Callable[[], Wire], list[str]]] = {
    "as it is": (lambda: lambda samples, first: samples, []),
    "26 dB quieter": (lambda: partial(quieter, db=26.0), ["faint"]),
    "40 dB quieter": (lambda: partial(quieter, db=40.0), ["faint"]),
    "clipped by 24 dB": (lambda: partial(cut, db=24.0), ["clipped"]),
    "offset": (lambda: lambda samples, first: bad.with_dc(samples, 0.2), []),
    "hum of 50 Hz": (lambda: lambda samples, first: bad.with_hum(samples, WIRE_HZ, first=first), []),
    "opposite channels": (opposite, []),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_turn_is_heard_and_answered_once(replay: Replay, name: str) -> None:
    wire, told = CONDITIONS[name]
    replayed = through(replay, wire(), turns=TURNS)
    assert [len(result.heard) for result in replayed.candidate.results] == [1] * TURNS
    assert [result.statuses for result in replayed.candidate.results] == [["completed"]] * TURNS
    assert not any(result.cut for result in replayed.candidate.results)
    assert replayed.events(TurnIgnored) == []
    assert advice(replayed) == told
    assert [event.reason for event in replayed.events(SessionEnded)] == ["ended"]


def test_a_noisy_room_is_told_once(replay: Replay) -> None:
    replayed = through(replay, noisy, turns=TURNS)
    assert advice(replayed) == ["noisy"]
    (told,) = replayed.events(SoundAdvice)
    assert told.above_room_db is not None
    assert told.above_room_db < 10


@pytest.mark.parametrize("level_dbfs", [-30.0, -45.0, -60.0])
def test_half_a_minute_of_breath_is_no_speech(replay: Replay, level_dbfs: float) -> None:
    breath = bad.breath(30_000.0, WIRE_HZ, level_dbfs=level_dbfs)

    def breathing(samples: Pcm, first: int) -> Pcm:
        place = first % (len(breath) - len(samples) + 1)
        return breath[place : place + len(samples)]

    replayed = through(replay, breathing, *["silence.flac"] * 3, as_recorded=True, silence_prompt_ms=0)
    assert replayed.virtual_ms >= 30_000
    for kind in (SpeechStarted, TurnCommitted, ReplyFinished, SoundAdvice):
        assert replayed.events(kind) == []
    assert [event.reason for event in replayed.events(SessionEnded)] == ["ended"]


def test_without_the_leveller_a_faint_voice_is_still_told(replay: Replay) -> None:
    link_of = partial(BadMicrophone, wire=partial(quieter, db=35.0), conditioning=AudioSettings(level=False))
    assert advice(replay("consultation.flac", turns=TURNS, link_of=link_of)) == ["faint"]


def test_sound_that_comes_in_the_midst_of_silence_makes_no_turn(replay: Replay) -> None:
    """An offset that is switched on and off: a headset that is plugged in."""

    def plugged(samples: Pcm, first: int) -> Pcm:
        on = first // samples_for(3_000.0, WIRE_HZ) % 2
        return bad.with_dc(samples, 0.2) if on else samples

    replayed = through(replay, plugged, "silence.flac", as_recorded=True)
    assert replayed.events(TurnCommitted) == []
