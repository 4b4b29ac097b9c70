"""SpeechDetector: legal states, exact delivery, no onset lost, no start on noise."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from audio.files import mono_at, read_recording
from audio.frames import Pcm, silence
from audio.speech import (
    SpeechAudio,
    SpeechBegan,
    SpeechContinued,
    SpeechDenied,
    SpeechDetector,
    SpeechEvent,
    SpeechHinted,
    SpeechPaused,
    SpeechSettings,
    SpeechState,
)
from audio.vad import SileroVad
from common.errors import AudioError
from tests.unit.test_audio_vad import voice_like

WINDOW = 512
WINDOW_MS = 32.0
RATE = 16_000

# With this pause the detector tells a pause only when it ends the stretch: there is no early one and no resumption.
LATE_PAUSE = SpeechSettings(pause_ms=200)


class ScriptedVad:
    """Answers each whole window with the next of the probabilities it was given."""

    name = "scripted"
    window_samples = WINDOW

    def __init__(self, probabilities: list[float]) -> None:
        self._probabilities = probabilities
        self._received = self._answered = 0

    def process(self, samples: Pcm) -> list[float]:
        self._received += len(samples)
        start, self._answered = self._answered, self._received // WINDOW
        return self._probabilities[start : self._answered]

    def reset(self) -> None:
        self._received = self._answered = 0


def numbered(windows: int) -> Pcm:
    """Samples that tell their own position (modulo 30,000)."""
    return (np.arange(windows * WINDOW) % 30_000).astype(np.int16)


def feed(detector: SpeechDetector, samples: Pcm, sizes: list[int], at_ms: float | None = None) -> list[SpeechEvent]:
    events: list[SpeechEvent] = []
    at = turn = 0
    while at < len(samples):
        size = sizes[turn % len(sizes)]
        events += detector.process(samples[at : at + size], None if at_ms is None else at_ms + at * 1000 / RATE)
        at, turn = at + size, turn + 1
    return events


def run(probabilities: list[float], *, sizes: list[int] | None = None) -> list[SpeechEvent]:
    detector = SpeechDetector(ScriptedVad(probabilities), LATE_PAUSE)
    return feed(detector, numbered(len(probabilities)), sizes or [320])


def marks(events: list[SpeechEvent]) -> list[SpeechBegan | SpeechPaused]:
    return [event for event in events if isinstance(event, SpeechBegan | SpeechPaused)]


def test_a_start_takes_96_ms_and_a_pause_200() -> None:
    events = marks(run([0.1] * 20 + [0.9] * 10 + [0.1] * 10))
    start, pause = events
    assert isinstance(start, SpeechBegan)
    assert (start.voiced_from_ms, start.at_ms) == (20 * WINDOW_MS, 23 * WINDOW_MS)
    assert pause == SpeechPaused(
        at_ms=37 * WINDOW_MS, silent_since_ms=30 * WINDOW_MS
    )  # 7 windows are the first >= 200 ms


def test_the_preroll_brings_300_ms_from_before_the_first_voice() -> None:
    start = marks(run([0.1] * 20 + [0.9] * 4))[0]
    assert isinstance(start, SpeechBegan)
    assert start.preroll[0] == 20 * WINDOW - 4800
    assert start.preroll[-1] == 23 * WINDOW - 1
    assert start.preroll_end_ms == start.at_ms


def test_at_the_very_beginning_the_preroll_is_what_there_is() -> None:
    start = marks(run([0.9] * 4))[0]
    assert isinstance(start, SpeechBegan)
    assert (start.voiced_from_ms, start.preroll[0], len(start.preroll)) == (0.0, 0, 3 * WINDOW)


def test_two_voiced_windows_are_no_start() -> None:
    events = run([0.1] * 5 + [0.9] * 2 + [0.1] * 20)
    assert events == [SpeechHinted(6 * WINDOW_MS, 5 * WINDOW_MS), SpeechDenied(8 * WINDOW_MS)]


def early(probabilities: list[float]) -> list[SpeechEvent]:
    detector = SpeechDetector(ScriptedVad(probabilities))
    return [
        event for event in feed(detector, numbered(len(probabilities)), [320]) if not isinstance(event, SpeechAudio)
    ]


def test_a_pause_is_told_early_and_speech_goes_on_at_the_first_voiced_window() -> None:
    events = early([0.9] * 4 + [0.1] * 3 + [0.9] * 2 + [0.1] * 8)
    assert [type(event).__name__ for event in events] == [
        "SpeechHinted", "SpeechBegan", "SpeechPaused", "SpeechContinued", "SpeechPaused"
    ]  # fmt: skip
    assert events[2:] == [
        SpeechPaused(at_ms=6 * WINDOW_MS, silent_since_ms=4 * WINDOW_MS),
        SpeechContinued(at_ms=8 * WINDOW_MS, voiced_from_ms=7 * WINDOW_MS),
        SpeechPaused(at_ms=11 * WINDOW_MS, silent_since_ms=9 * WINDOW_MS),
    ]


def test_after_a_long_pause_speech_has_to_start_anew() -> None:
    kinds = [type(event).__name__ for event in early([0.9] * 4 + [0.1] * 7 + [0.9] * 3)]
    assert kinds == ["SpeechHinted", "SpeechBegan", "SpeechPaused", "SpeechHinted", "SpeechBegan"]


def test_the_sound_of_an_early_pause_is_delivered_until_the_stretch_ends() -> None:
    probabilities = [0.9] * 4 + [0.1] * 3 + [0.9] * 2 + [0.1] * 8
    events = feed(SpeechDetector(ScriptedVad(probabilities)), numbered(len(probabilities)), [320])
    audio = np.concatenate(
        [
            e.preroll if isinstance(e, SpeechBegan) else e.samples
            for e in events
            if isinstance(e, SpeechBegan | SpeechAudio)
        ]
    )
    assert np.array_equal(audio, numbered(16))  # seven silent windows end it


def test_a_soft_sound_neither_ends_a_start_nor_a_stretch() -> None:
    assert len(marks(run([0.9, 0.4, 0.4] + [0.1] * 3))) == 1
    assert len(marks(run([0.9] * 4 + [0.4] * 40))) == 1


def test_a_short_silence_is_no_pause_but_a_soft_sound_in_it_does_not_prolong_it() -> None:
    assert len(marks(run([0.9] * 4 + [0.1] * 6 + [0.9] * 4))) == 1
    pause = marks(run([0.9] * 4 + [0.1] * 3 + [0.4] * 4))[1]
    assert pause == SpeechPaused(at_ms=11 * WINDOW_MS, silent_since_ms=4 * WINDOW_MS)


def test_a_resumption_is_a_new_start_whose_preroll_repeats_nothing() -> None:
    events = run([0.9] * 4 + [0.1] * 8 + [0.9] * 4)
    first, pause, second = marks(events)
    assert isinstance(first, SpeechBegan)
    assert isinstance(pause, SpeechPaused)
    assert isinstance(second, SpeechBegan)
    assert second.preroll[0] == pause.at_ms * 16


def test_states_follow_the_drawing() -> None:
    probabilities = [0.1, 0.9, 0.1, 0.9, 0.9, 0.9, 0.2, 0.9] + [0.2] * 7
    detector = SpeechDetector(ScriptedVad(probabilities))
    seen = []
    for window in numbered(len(probabilities)).reshape(-1, WINDOW):
        detector.process(window)
        seen.append(detector.state.value)
    assert seen[:8] == ["quiet", "starting", "quiet", "starting", "starting", "speaking", "stopping", "speaking"]
    assert seen[8:] == ["stopping"] * 6 + ["quiet"]
    assert detector.probability == 0.2


def test_while_speaking_nothing_waits_for_the_end_of_a_window() -> None:
    detector = SpeechDetector(ScriptedVad([0.9] * 10))
    detector.process(numbered(4))
    events = detector.process(numbered(1)[:100])
    assert [len(event.samples) for event in events if isinstance(event, SpeechAudio)] == [100]


def test_times_start_at_the_position_of_the_first_sound() -> None:
    detector = SpeechDetector(ScriptedVad([0.9] * 4 + [0.1] * 8), LATE_PAUSE)
    start, pause = marks(feed(detector, numbered(12), [333], at_ms=60_000.0))
    assert (start.at_ms, pause.at_ms) == (60_000 + 3 * WINDOW_MS, 60_000 + 11 * WINDOW_MS)


@pytest.mark.parametrize("at_ms", [0.0, 18.0, 40.0])
def test_a_gap_or_a_step_back_is_refused(at_ms: float) -> None:
    detector = SpeechDetector(ScriptedVad([]))
    detector.process(numbered(1)[:320], 0.0)
    with pytest.raises(AudioError, match=r"came where 20\.0 ms was expected"):
        detector.process(numbered(1)[:320], at_ms)


def test_the_end_of_the_stream_pauses_what_is_under_way() -> None:
    detector = SpeechDetector(ScriptedVad([0.9] * 4 + [0.1] * 2))
    feed(detector, numbered(6)[:-12], [320])
    assert detector.finish() == [SpeechPaused(at_ms=6 * WINDOW_MS - 0.75, silent_since_ms=4 * WINDOW_MS)]
    assert detector.state is SpeechState.QUIET
    assert detector.finish() == []


def test_settings_that_would_flicker_or_are_unknown_are_refused() -> None:
    with pytest.raises(ValidationError, match="must not be above on_threshold"):
        SpeechSettings(on_threshold=0.3)
    with pytest.raises(ValidationError, match="Extra inputs"):
        SpeechSettings.model_validate({"break_ms": 3})
    with pytest.raises(ValidationError, match="must not be above stop_ms"):
        SpeechSettings(pause_ms=300)


probability_lists = st.lists(
    st.tuples(st.sampled_from([0.0, 0.2, 0.34, 0.35, 0.4, 0.49, 0.5, 0.8, 1.0]), st.integers(1, 9)),
    min_size=1,
    max_size=14,
).map(lambda runs: [p for p, count in runs for _ in range(count)])


@hypothesis_settings(max_examples=150, deadline=None)
@given(probability_lists, st.lists(st.integers(1, 2500), min_size=1, max_size=6))
def test_every_sample_of_a_stretch_is_delivered_once_and_in_order(probabilities: list[float], sizes: list[int]) -> None:
    events = run(probabilities, sizes=sizes)
    speaking = False
    delivered_to = 0
    first_voiced = 0.0
    for event in events:
        if isinstance(event, SpeechBegan):
            assert not speaking
            speaking, first_voiced = True, event.voiced_from_ms * 16
            start = round(event.preroll_end_ms * 16) - len(event.preroll)
            assert start >= delivered_to
            assert start <= first_voiced  # the onset is in it
            assert np.array_equal(event.preroll, (np.arange(start, start + len(event.preroll)) % 30_000))
            delivered_to = start + len(event.preroll)
        elif isinstance(event, SpeechAudio):
            assert speaking
            assert round(event.at_ms * 16) == delivered_to
            assert np.array_equal(event.samples, np.arange(delivered_to, delivered_to + len(event.samples)) % 30_000)
            delivered_to += len(event.samples)
        elif isinstance(event, SpeechPaused):
            assert speaking
            assert delivered_to == round(event.at_ms * 16)
            assert first_voiced < event.silent_since_ms * 16 <= event.at_ms * 16 - 3200
            speaking = False
    if speaking:
        assert delivered_to == len(probabilities) * WINDOW


@hypothesis_settings(max_examples=100, deadline=None)
@given(probability_lists, st.lists(st.integers(1, 2500), min_size=1, max_size=6))
def test_chunking_changes_neither_events_nor_times(probabilities: list[float], sizes: list[int]) -> None:
    def told(events: list[SpeechEvent]) -> list[tuple[float, float, int]]:
        return [
            (e.at_ms, e.voiced_from_ms, len(e.preroll))
            if isinstance(e, SpeechBegan)
            else (e.at_ms, e.silent_since_ms, 0)
            for e in marks(events)
        ]

    assert told(run(probabilities, sizes=sizes)) == told(run(probabilities, sizes=[len(probabilities) * WINDOW]))


@hypothesis_settings(max_examples=100, deadline=None)
@given(probability_lists)
def test_three_voiced_windows_in_a_row_are_never_missed(probabilities: list[float]) -> None:
    events = run(probabilities)
    spans: list[tuple[float, float]] = []
    for event in marks(events):
        if isinstance(event, SpeechBegan):
            spans.append((event.voiced_from_ms, float("inf")))
        else:
            spans[-1] = (spans[-1][0], event.at_ms)
    for i in range(len(probabilities) - 2):
        if min(probabilities[i : i + 3]) >= 0.5:
            assert any(start <= i * WINDOW_MS and (i + 3) * WINDOW_MS <= end for start, end in spans)


def noises() -> dict[str, Pcm]:
    rng = np.random.default_rng(11)
    n = RATE * 4
    t = np.arange(n) / RATE
    spectrum = np.fft.rfft(rng.normal(size=n))
    pink = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)), n)
    clicks = np.where(rng.random(n) < 10 / RATE, 0.8, 0.0)
    bursts = rng.normal(size=n) * np.exp(-(t % 1.0) / 0.08) * 0.3
    hum = sum(0.2 / k * np.sin(2 * np.pi * 50 * k * t) for k in (1, 2, 3, 5))
    sounds = {
        "silence": np.zeros(n),
        "white": rng.normal(size=n) * 0.1,
        "pink": pink / np.abs(pink).max() * 0.5,
        "hum": hum,
        "clicks": clicks,
        "bursts": bursts,
    }
    return {name: (np.clip(audio, -1, 1) * 32_767).astype(np.int16) for name, audio in sounds.items()}


@pytest.mark.parametrize("name", ["silence", "white", "pink", "hum", "clicks", "bursts"])
def test_noise_is_no_start(name: str) -> None:
    events = feed(SpeechDetector(SileroVad()), noises()[name], [320])
    assert [event for event in events if not isinstance(event, SpeechHinted | SpeechDenied)] == []


def test_a_voice_after_silence_starts_near_its_onset_and_pauses_after_its_end() -> None:
    samples = np.concatenate([silence(1000, RATE), voice_like(3.0), silence(1000, RATE)])
    events = marks(feed(SpeechDetector(SileroVad(), LATE_PAUSE), samples, [320]))
    start, pause = events[0], events[-1]
    assert isinstance(start, SpeechBegan)
    assert isinstance(pause, SpeechPaused)
    assert 950 <= start.voiced_from_ms <= 1200
    assert start.preroll_end_ms - len(start.preroll) / 16 <= 1000  # all of the voice is in it
    assert 3900 <= pause.silent_since_ms <= 4200
    assert 200 <= pause.at_ms - pause.silent_since_ms <= 232


def test_recorded_speech_is_cut_into_its_phrases() -> None:
    recorded = Path(os.environ.get("INTERLOCUTOR_FIXTURES", "")) / "audio" / "jfk.flac"
    if recorded.is_file():
        events = marks(feed(SpeechDetector(SileroVad()), mono_at(read_recording(recorded), RATE), [320]))
        phrases = [event.voiced_from_ms for event in events if isinstance(event, SpeechBegan)]
        # The recording's level rises at these times to within 25 dB of the loudest, after 200 ms below that.
        expected = [
            330,
            3290,
            4010,
            5410,
            8190,
        ]
    else:
        samples = np.concatenate([silence(500, RATE), voice_like(2.0), silence(1000, RATE), voice_like(2.0)])
        events = marks(feed(SpeechDetector(SileroVad()), samples, [320]))
        phrases = [event.voiced_from_ms for event in events if isinstance(event, SpeechBegan)]
        expected = [500, 3500]
    assert phrases == pytest.approx(expected, abs=150)
