"""What the filter, the gain and the sound check make together of one stream."""

from __future__ import annotations

import numpy as np

from audio.conditioning import AudioSettings, Conditioner
from audio.frames import Pcm, samples_for, silence
from audio.loudness import level_dbfs
from audio.speech import SpeechState
from bench.degradations import with_dc, with_hum

RATE = 24_000
FRAME = samples_for(20, RATE)


def voice(ms: float, dbfs: float) -> Pcm:
    noise = np.random.default_rng(3).standard_normal(samples_for(ms, RATE))
    return np.clip(np.rint(32_768 * 10 ** (dbfs / 20) * noise), -32_768, 32_767).astype(np.int16)


def run(conditioner: Conditioner, audio: Pcm, state: SpeechState) -> tuple[Pcm, Pcm]:
    """Return the audio clean and levelled."""
    clean, levelled = [], []
    for start in range(0, len(audio) - FRAME + 1, FRAME):
        frame = conditioner.process(audio[start : start + FRAME])
        assert np.array_equal(frame.raw, audio[start : start + FRAME])
        conditioner.judge(frame, state)
        clean.append(frame.clean)
        levelled.append(frame.levelled)
    return np.concatenate(clean), np.concatenate(levelled)


def test_hum_and_offset_are_not_taken_for_the_voices_level() -> None:
    conditioner = Conditioner(RATE)
    bad = with_hum(with_dc(voice(6_000, -45), 0.2), RATE, level_dbfs=-20.0)
    run(conditioner, with_hum(with_dc(silence(1_000, RATE), 0.2), RATE, level_dbfs=-20.0), SpeechState.QUIET)
    clean, levelled = run(conditioner, bad, SpeechState.SPEAKING)
    assert abs(level_dbfs(clean) + 45) < 0.5
    assert level_dbfs(levelled[-RATE:]) > level_dbfs(clean) + 2


def test_the_clean_sound_has_no_gain() -> None:
    conditioner = Conditioner(RATE)
    faint = voice(6_000, -50)
    clean, levelled = run(conditioner, faint, SpeechState.SPEAKING)
    assert abs(level_dbfs(clean) - level_dbfs(faint)) < 0.2
    assert level_dbfs(levelled[-RATE:]) > level_dbfs(faint) + 15


def test_what_may_be_a_voice_or_not_teaches_nothing() -> None:
    for state in (SpeechState.STARTING, SpeechState.STOPPING):
        conditioner = Conditioner(RATE)
        _, levelled = run(conditioner, voice(6_000, -50), state)
        assert abs(level_dbfs(levelled) + 50) < 0.2


def test_each_part_can_be_switched_off() -> None:
    audio = with_dc(voice(4_000, -50), 0.1)
    clean, levelled = run(Conditioner(RATE, AudioSettings(high_pass=False, level=False)), audio, SpeechState.SPEAKING)
    assert np.array_equal(clean, audio)
    assert np.array_equal(levelled, audio)
    clean, levelled = run(Conditioner(RATE, AudioSettings(level=False)), audio, SpeechState.SPEAKING)
    assert level_dbfs(clean) < -49
    assert np.array_equal(clean, levelled)


def test_a_muted_microphone_does_not_make_its_room_quiet() -> None:
    """Between two pushes of a button there is digital silence, and then the same room again."""
    conditioner = Conditioner(RATE)
    run(conditioner, voice(3_000, -55), SpeechState.QUIET)
    run(conditioner, silence(5_000, RATE), SpeechState.QUIET)
    _, levelled = run(conditioner, voice(5_000, -45), SpeechState.SPEAKING)
    assert level_dbfs(levelled[-RATE:]) < -39


def test_nothing_and_silence() -> None:
    conditioner = Conditioner(RATE)
    empty = conditioner.process(np.zeros(0, dtype=np.int16))
    assert len(empty.levelled) == 0
    assert conditioner.judge(empty, SpeechState.QUIET) == []
    _, levelled = run(conditioner, silence(1_000, RATE), SpeechState.SPEAKING)
    assert not levelled.any()
