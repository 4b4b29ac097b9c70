"""The simulated room gives back what is played: as loud, as late, and in whatever pieces."""

from __future__ import annotations

import numpy as np
import pytest

from audio.frames import FRAME_MS, WIRE_HZ, Pcm, samples_for
from bench.replay.loudspeaker import Loudspeaker
from bench.replay.simulated_room import SimulatedRoom
from tests.unit.test_audio_echo import speech

FRAME = samples_for(FRAME_MS, WIRE_HZ)


def played() -> Pcm:
    audio = np.repeat(speech(0), 3)[::2]  # near enough to 24 kHz
    return (audio[: len(audio) // FRAME * FRAME] * 32_767).astype(np.int16)


def back(room: SimulatedRoom, audio: Pcm) -> Pcm:
    return np.concatenate([room.hear(audio[at : at + FRAME]) for at in range(0, len(audio), FRAME)])


def power_db(audio: Pcm) -> float:
    return float(10.0 * np.log10(np.mean(audio.astype(np.float64) ** 2)))


@pytest.mark.parametrize("level_db", [-10.0, -20.0, -30.0])
def test_what_comes_back_is_as_loud_as_asked(level_db: float) -> None:
    audio = played()
    assert power_db(back(SimulatedRoom(level_db=level_db, delay_ms=50), audio)) - power_db(audio) == pytest.approx(
        level_db, abs=5
    )


@pytest.mark.parametrize("delay_ms", [50.0, 150.0, 480.0])
def test_it_comes_back_as_late_as_asked(delay_ms: float) -> None:
    click = np.zeros(50 * FRAME, dtype=np.int16)
    click[0] = 30_000
    heard = back(SimulatedRoom(level_db=-6.0, delay_ms=delay_ms), click)
    assert abs(int(np.abs(heard.astype(np.int32)).argmax()) - samples_for(delay_ms, WIRE_HZ)) < samples_for(2, WIRE_HZ)
    assert not heard[: samples_for(delay_ms, WIRE_HZ)].any()


def test_pieces_make_no_difference() -> None:
    audio = played()
    whole = SimulatedRoom(level_db=-10.0, delay_ms=150).hear(audio)
    assert np.abs(whole.astype(np.int32) - back(SimulatedRoom(level_db=-10.0, delay_ms=150), audio)).max() <= 1


def test_what_was_heard_between_two_moments() -> None:
    loudspeaker = Loudspeaker()
    audio = np.arange(1, 2 * FRAME + 1, dtype=np.int16)
    loudspeaker.add_reply_audio(1, audio, 100.0)
    loudspeaker.hold(1, 120.0)
    loudspeaker.resume(1, 0.0, 200.0)
    loudspeaker.advance(300.0)
    assert loudspeaker.between(90.0, 110.0).tolist() == [0] * (FRAME // 2) + audio[: FRAME // 2].tolist()
    assert not loudspeaker.between(120.0, 200.0).any()
    assert loudspeaker.between(100.0, 120.0).tolist() == audio[:FRAME].tolist()
    assert loudspeaker.between(200.0, 240.0).tolist() == audio.tolist()
