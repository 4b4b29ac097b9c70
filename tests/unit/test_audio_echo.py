"""Is what the microphone hears the audio that is being played? Speech of the fixtures through simulated rooms."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from audio.echo import ECHO_SCORE, LAG_MAX_MS, EchoWatch
from audio.files import mono_at, read_recording
from audio.frames import ANALYSIS_HZ, WIRE_HZ, Pcm, samples_for, to_float, to_pcm
from audio.resample import resample_whole
from common.errors import AudioError
from tests.data.make_interruptions import HERE, NOISES
from tests.data.sound import Sound, gain, pink_noise, voiced_span, window_levels

BEFORE_MS = 700.0  # of quiet before anybody speaks
ROOM_NOISE_DB = -72.0


@cache
def speech(number: int) -> Sound:
    """Return one of twenty utterances at 16 kHz from its onset; three voices say them in turns."""
    audio = to_float(mono_at(read_recording(HERE / f"floor-{number + 1:02d}.flac"), ANALYSIS_HZ)).astype(np.float64)
    levels = window_levels(audio, ANALYSIS_HZ)
    onset_ms, _ = voiced_span(audio, ANALYSIS_HZ, loudest_db=float(levels.max()))
    return audio[samples(onset_ms) :]


def samples(ms: float) -> int:
    return samples_for(ms, ANALYSIS_HZ)


def echo_of(audio: Sound, rng: np.random.Generator, *, delay_ms: float, level_db: float) -> Sound:
    """Return the audio as a microphone gets it from a small loudspeaker in a room, quieter and later."""
    reverb = rng.standard_normal(samples(rng.uniform(150, 500)))
    reverb *= 10.0 ** (-3.0 * np.arange(len(reverb)) / len(reverb))  # 60 dB less at its end
    reverb *= gain(-rng.uniform(2, 12)) / np.sqrt(np.sum(reverb**2))
    reverb[0] = 1.0
    size = len(audio) + len(reverb)
    hz = np.maximum(np.fft.rfftfreq(size, 1.0 / ANALYSIS_HZ), 1.0)
    colour = 1.0 / (1.0 + (rng.uniform(150, 400) / hz) ** 4) / (1.0 + (hz / rng.uniform(3000, 7000)) ** 4)
    colour *= 10.0 ** (np.interp(hz, np.linspace(0, 8000, 12), rng.uniform(-6, 6, 12)) / 20.0)
    got = np.fft.irfft(np.fft.rfft(audio, size) * np.fft.rfft(reverb, size) * colour, size)
    got *= gain(level_db) * np.sqrt(np.mean(audio**2) / np.mean(got[: len(audio)] ** 2))
    return np.concatenate((np.zeros(samples(delay_ms)), got))


def scene(*parts: tuple[Sound, float], rng: np.random.Generator, length_ms: float = 3_000) -> Sound:
    """Return quiet noise with each part from so many ms after BEFORE_MS on."""
    audio = pink_noise(samples(BEFORE_MS + length_ms), level_db=ROOM_NOISE_DB, rng=rng)
    for part, at_ms in parts:
        start = samples(BEFORE_MS + at_ms)
        part = part[: len(audio) - start]
        audio[start : start + len(part)] += part
    return audio


def other_voice(number: int, *, after: int) -> int:
    """Return an utterance that another voice says than `number`."""
    other = (number + after) % 20
    return other if other % 3 != number % 3 else (other + 1) % 20


def score_at(played: Sound, heard: Sound, at_ms: float, *, heard_hz: int = ANALYSIS_HZ) -> float | None:
    """Return the score so many ms after BEFORE_MS, with nothing known of what comes later."""
    now_ms = BEFORE_MS + at_ms
    watch = EchoWatch(heard_hz=heard_hz, played_hz=WIRE_HZ)
    watch.add_played(resample_whole(to_pcm(played), from_hz=ANALYSIS_HZ, to_hz=WIRE_HZ), BEFORE_MS)
    upto = heard[: samples(now_ms)]
    watch.add_heard(resample_whole(to_pcm(upto), from_hz=ANALYSIS_HZ, to_hz=heard_hz), 0.0)
    return watch.score(now_ms)


def found(score: float | None) -> bool:
    return score is not None and score >= ECHO_SCORE


def echoes(*, seed: int) -> Iterator[tuple[Sound, Sound, float]]:
    """Yield a hundred times the audio played, what is heard, and when its echo begins."""
    rng = np.random.default_rng(seed)
    for number in (*range(20),) * 5:
        delay_ms = float(rng.uniform(20, 400))
        echo = echo_of(speech(number), rng, delay_ms=delay_ms, level_db=float(rng.uniform(-30, -10)))
        yield speech(number), scene((echo, 0.0), rng=rng), delay_ms


def test_echoes_are_found_within_the_first_words() -> None:
    early = later = 0
    for played, heard, onset_ms in echoes(seed=1):
        early += found(score_at(played, heard, onset_ms + 250))
        later += found(score_at(played, heard, onset_ms + 500))
    assert early >= 85
    assert later >= 95


@pytest.mark.parametrize("heard_hz", [8_000, 24_000, 48_000])
def test_an_echo_is_found_at_every_rate_that_clients_send(heard_hz: int) -> None:
    rng = np.random.default_rng(2)
    heard = scene((echo_of(speech(3), rng, delay_ms=90, level_db=-20), 0.0), rng=rng)
    assert found(score_at(speech(3), heard, 600, heard_hz=heard_hz))


def test_another_voice_that_says_something_else_is_no_echo() -> None:
    rng = np.random.default_rng(3)
    wrong = 0
    for number, after in itertools.product(range(20), (1, 2, 4, 5, 7)):
        at_ms = float(rng.uniform(0, 900))
        heard = scene((speech(other_voice(number, after=after)), at_ms), rng=rng)
        wrong += found(score_at(speech(number), heard, at_ms + 300))
    assert wrong <= 2


def test_the_same_sound_said_later_is_no_echo() -> None:
    rng = np.random.default_rng(4)
    wrong = 0
    for number in range(20):
        at_ms = LAG_MAX_MS + float(rng.uniform(400, 900))
        wrong += found(score_at(speech(number), scene((speech(number), at_ms), rng=rng), at_ms + 400))
    assert wrong <= 1


def test_a_candidate_who_speaks_into_an_echo_is_no_echo() -> None:
    rng = np.random.default_rng(5)
    wrong = 0
    for number, after in itertools.product(range(20), (1, 5)):
        echo = echo_of(speech(number), rng, delay_ms=float(rng.uniform(20, 400)), level_db=-20)
        at_ms = float(rng.uniform(500, 900))
        heard = scene((echo, 0.0), (speech(other_voice(number, after=after)), at_ms), rng=rng)
        wrong += found(score_at(speech(number), heard, at_ms + 300))
    assert wrong <= 1


@pytest.mark.parametrize("kind", NOISES)
def test_noises_are_no_echo(kind: str) -> None:
    rng = np.random.default_rng(6)
    for number in range(4):
        heard = scene((NOISES[kind](rng), 300.0), rng=rng)
        assert not found(score_at(speech(number), heard, 700))


def test_nothing_can_be_told_of_a_quiet_room_or_of_a_click() -> None:
    rng = np.random.default_rng(7)
    click = 0.3 * rng.standard_normal(samples(20))
    assert score_at(speech(0), scene(rng=rng), 400) is None
    assert score_at(speech(0), scene((click, 300.0), rng=rng), 400) is None
    assert EchoWatch(heard_hz=ANALYSIS_HZ, played_hz=WIRE_HZ).score(1_000.0) is None


def test_where_nothing_is_played_there_is_no_echo() -> None:
    heard = scene((speech(1), 0.0), rng=np.random.default_rng(8))
    assert score_at(np.zeros(samples(2_000)), heard, 500) == 0.0


def test_scores_lie_between_none_and_the_same() -> None:
    for played, heard, onset_ms in itertools.islice(echoes(seed=9), 20):
        score = score_at(played, heard, onset_ms + 300)
        assert score is not None
        assert 0.0 <= score <= 1.0
    clean = scene((speech(2), 100.0), rng=np.random.default_rng(9))
    assert (score_at(speech(2), clean, 600) or 0.0) > 0.85


def watch_and_sound() -> tuple[EchoWatch, Pcm, Pcm]:
    rng = np.random.default_rng(10)
    heard = scene((echo_of(speech(6), rng, delay_ms=100, level_db=-15), 0.0), rng=rng)
    played = resample_whole(to_pcm(speech(6)), from_hz=ANALYSIS_HZ, to_hz=WIRE_HZ)
    return EchoWatch(heard_hz=ANALYSIS_HZ, played_hz=WIRE_HZ), played, to_pcm(heard[: samples(BEFORE_MS + 600)])


@pytest.mark.parametrize("from_ms", [0.0, 3_600_000.0, -5_000.0])
@pytest.mark.parametrize("chunk_ms", [20.0, 23.0, 200.0])
def test_neither_chunks_nor_the_time_of_day_change_a_score(from_ms: float, chunk_ms: float) -> None:
    watch, played, heard = watch_and_sound()
    watch.add_played(played, BEFORE_MS)
    watch.add_heard(heard, 0.0)
    whole = watch.score(BEFORE_MS + 600)

    watch, played, heard = watch_and_sound()
    for audio, hz, begin_ms, add in (
        (played, WIRE_HZ, BEFORE_MS, watch.add_played),
        (heard, ANALYSIS_HZ, 0.0, watch.add_heard),
    ):
        size = samples_for(chunk_ms, hz)
        for start in range(0, len(audio), size):
            add(audio[start : start + size], from_ms + begin_ms + 1000.0 * start / hz)
    assert watch.score(from_ms + BEFORE_MS + 600) == whole


def test_sound_that_was_cut_is_not_looked_for() -> None:
    watch, played, heard = watch_and_sound()
    watch.add_played(played, BEFORE_MS)
    watch.cut_played(BEFORE_MS)
    watch.add_heard(heard, 0.0)
    assert watch.score(BEFORE_MS + 600) == 0.0


def test_sound_that_is_placed_anew_is_looked_for_where_it_was_placed_last() -> None:
    watch, played, heard = watch_and_sound()
    watch.add_played(played, BEFORE_MS - 1_500)  # before a hold moved it
    watch.add_played(played, BEFORE_MS)
    watch.add_heard(heard, 0.0)
    assert found(watch.score(BEFORE_MS + 600))

    watch, played, heard = watch_and_sound()
    watch.add_played(played, BEFORE_MS)
    watch.cut_played(BEFORE_MS)
    watch.add_played(played, BEFORE_MS + 1_500)
    watch.add_heard(heard, 0.0)
    assert not found(watch.score(BEFORE_MS + 600))


def test_a_gap_in_what_was_heard_is_silence() -> None:
    watch, played, heard = watch_and_sound()
    watch.add_played(played, BEFORE_MS)
    half = samples(BEFORE_MS + 300)
    watch.add_heard(heard[:half], 0.0)
    watch.add_heard(np.zeros(0, dtype=np.int16), BEFORE_MS + 5_000)
    assert watch.score(BEFORE_MS + 5_000) is None


def test_only_mono_int16_is_taken() -> None:
    watch = EchoWatch(heard_hz=ANALYSIS_HZ, played_hz=WIRE_HZ)
    with pytest.raises(AudioError):
        watch.add_heard(np.zeros((20, 2), dtype=np.int16), 0.0)
    with pytest.raises(AudioError):
        watch.add_played(np.zeros(20, dtype=np.float32), 0.0)
