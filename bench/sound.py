"""`eval sound`: whether voices are found in audio as bad microphones send it, with and without conditioning.

Each recording is said twice in a session of its own: at first nothing is known of its level, later it is. What the
detector finds is held against what it finds in the recording as it is, without conditioning.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio.conditioning import AudioSettings, Conditioner
from audio.files import mono_at, read_recording
from audio.frames import ANALYSIS_HZ, FRAME_MS, WIRE_HZ, Pcm, samples_for, silence
from audio.mono import to_mono
from audio.resample import StreamResampler
from audio.sound_check import SoundFault
from audio.speech import SpeechBegan, SpeechDetector, SpeechSettings, SpeechState
from audio.vad import VadName, make_vad
from bench.degradations import CONDITIONS
from bench.report_figures import Figure

# There is so much silence before each time: a room is heard before somebody speaks.
LEAD_MS = 500.0
GAP_MS = 1_500.0  # between the two times
# A start that is found so late loses no audio: so much before it is kept.
START_MS = 300.0
END_MS = 250.0
IN_SPEECH = (SpeechState.SPEAKING, SpeechState.STOPPING)

_Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class FoundSpeech:
    """What was found in one clip: for each 20 ms whether somebody speaks; seconds of computation; advice given."""

    speaks: _Flags
    starts: int
    conditioning_s: float
    advice: tuple[SoundFault, ...]


@dataclass(slots=True)
class ConditionTally:
    """What a condition adds up to, for the first time or the later one."""

    voiced: int = 0  # frames in which the recording as it is has a voice
    found: int = 0
    invented: int = 0
    utterances: int = 0
    starts: int = 0
    ends: int = 0

    def count_frames(self, truth: _Flags, speaks: _Flags) -> None:
        """Take the frames of one time."""
        self.voiced += int(truth.sum())
        self.found += int((truth & speaks).sum())
        self.invented += int((speaks & ~truth).sum())
        if not truth.any():
            return
        self.utterances += 1
        if speaks.any():
            shift = (_edges(speaks) - _edges(truth)) * FRAME_MS
            self.starts += abs(int(shift[0])) <= START_MS
            self.ends += abs(int(shift[1])) <= END_MS

    def shares(self) -> dict[str, float | None]:
        """Return the shares that are reported."""
        return {
            "voice_found": _share(self.found, self.voiced),
            "voice_invented": _share(self.invented, self.voiced),
            "starts_found": _share(self.starts, self.utterances),
            "ends_found": _share(self.ends, self.utterances),
        }


@dataclass(slots=True)
class ConditionResult:
    """One condition: (first, later) with conditioning and without; times and advice with."""

    conditioned: tuple[ConditionTally, ConditionTally] = field(
        default_factory=lambda: (ConditionTally(), ConditionTally())
    )
    plain: tuple[ConditionTally, ConditionTally] = field(default_factory=lambda: (ConditionTally(), ConditionTally()))
    audio_s: float = 0.0
    conditioning_s: float = 0.0
    advised: dict[SoundFault, int] = field(default_factory=dict)
    recordings: int = 0


def listen(
    samples: Pcm, *, conditioning: AudioSettings | None, speech: SpeechSettings | None = None, vad: VadName = "auto"
) -> FoundSpeech:
    """Return what the live path's ear finds in int16 (n,) at 24 kHz; `conditioning` None: without any conditioning."""
    detector = SpeechDetector(make_vad(vad).vad, speech)
    conditioner = Conditioner(WIRE_HZ, conditioning) if conditioning is not None else None
    resampler = StreamResampler(WIRE_HZ, ANALYSIS_HZ)
    speaks, starts, spent_s = [], 0, 0.0
    advice: list[SoundFault] = []
    for frame in _frames(samples):
        if conditioner is None:
            events = detector.process(resampler.process(frame))
        else:
            begin = time.process_time()
            audio = conditioner.process(frame)
            spent_s += time.process_time() - begin
            events = detector.process(resampler.process(audio.levelled))
            begin = time.process_time()
            advice += [finding.fault for finding in conditioner.judge(audio, detector.state)]
            spent_s += time.process_time() - begin
        starts += sum(isinstance(event, SpeechBegan) for event in events)
        speaks.append(detector.state in IN_SPEECH)
    return FoundSpeech(np.array(speaks, dtype=np.bool_), starts, spent_s, tuple(advice))


def run_sound(
    paths: Iterable[Path], conditioning: AudioSettings, progress: Callable[[], None], *, vad: VadName = "auto"
) -> dict[str, ConditionResult]:
    """Return what becomes of the recordings under each condition; raises AudioError for what can't be read."""
    results = {name: ConditionResult() for name in CONDITIONS}
    for path in paths:
        once = mono_at(read_recording(path), WIRE_HZ)
        lead, gap = silence(LEAD_MS, WIRE_HZ), silence(GAP_MS, WIRE_HZ)
        audio = np.concatenate((lead, once, gap, once, lead))
        half = (len(lead) + len(once) + len(gap) // 2) // samples_for(FRAME_MS, WIRE_HZ)
        truth = listen(audio, conditioning=None, vad=vad).speaks
        for name, degrade in CONDITIONS.items():
            sent, result = degrade(audio, WIRE_HZ), results[name]
            plain = sent if sent.ndim == 1 else np.rint(sent.mean(axis=1)).astype(np.int16)
            without = listen(plain, conditioning=None, vad=vad)
            found = listen(to_mono(sent, WIRE_HZ), conditioning=conditioning, vad=vad)
            for time_, part in enumerate((slice(0, half), slice(half, None))):
                result.conditioned[time_].count_frames(truth[part], found.speaks[part])
                result.plain[time_].count_frames(truth[part], without.speaks[part])
            result.audio_s += len(audio) / WIRE_HZ
            result.conditioning_s += found.conditioning_s
            result.recordings += 1
            for fault in found.advice:
                result.advised[fault] = result.advised.get(fault, 0) + 1
        progress()
    return results


def figures_of(results: dict[str, ConditionResult]) -> list[Figure]:
    """Return the figures; the baseline of each is what is found without conditioning."""
    figures = []
    for name, result in results.items():
        for when, ours, plain in zip(("first", "later"), result.conditioned, result.plain, strict=True):
            baseline = plain.shares()
            for what, value in ours.shares().items():
                n = ours.voiced if what.startswith("voice") else ours.utterances
                figures.append(Figure(f"{what}_{when}/{name}", value, "share", baseline=baseline[what], n=n))
        for fault in SoundFault:
            told = result.advised.get(fault, 0)
            figures.append(Figure(f"told_{fault}/{name}", told, "recordings", n=result.recordings))
        cost = 1000.0 * result.conditioning_s / result.audio_s if result.audio_s else None
        figures.append(Figure(f"conditioning_per_audio_second/{name}", cost, "ms", n=result.recordings))
    return figures


def _frames(samples: Pcm) -> Iterator[Pcm]:
    size = samples_for(FRAME_MS, WIRE_HZ)
    for start in range(0, len(samples) - size + 1, size):
        yield samples[start : start + size]


def _edges(speaks: _Flags) -> NDArray[np.int64]:
    """Return the numbers of the first and the last frame in which somebody speaks."""
    there = np.flatnonzero(speaks)
    return np.array((there[0], there[-1]))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
