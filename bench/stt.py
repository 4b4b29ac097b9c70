"""`bench stt`: word error rate, latency of the final text and processor load of the embedded recogniser."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from audio.files import mono_at, read_recording
from audio.frames import ANALYSIS_HZ, Pcm
from audio.recording_files import find_recordings
from bench.cues import CONSULTATIONS, segment_sounds
from bench.report_figures import Figure
from common.errors import AudioError
from pipelines.engines import Hypothesis, Recogniser, RecogniserStream, StreamSpec
from pipelines.patient.card import Card
from pipelines.stt.pocketsphinx import PocketSphinxSettings
from pipelines.stt.wer import RecogniserBench, bench_recogniser
from pipelines.truth import load_truth
from server.measures import percentile

STOCK = PocketSphinxSettings(
    full_second_pass=True,
    max_hmm_per_frame=30_000,
    max_words_per_frame=-1,
    initial_cmn="40,3,-1,0,0,0,0,0,0,0,0,0,0",
    dither_rms=0.0,
    silence_peak=0,
)
"""The decoder as it comes: what PocketSphinx 5.1 does when nothing is set."""


@dataclass(frozen=True, slots=True, eq=False)
class ClipSet:
    """Clips (int16 mono 16 kHz, text) of one speaker, recognised as segments of one stream."""

    # Figures are given for each group: a voice, or a folder of real speech.
    group: str
    clips: tuple[tuple[Pcm, str], ...]
    vocabulary: tuple[str, ...] = ()


@dataclass(slots=True)
class GroupResult:
    """What the benches of one group add up to; times are wall-clock milliseconds of `finish()`."""

    benches: list[RecogniserBench] = field(default_factory=list)
    finish_ms: list[float] = field(default_factory=list)

    @property
    def audio_s(self) -> float:
        """Seconds of audio."""
        return sum(bench.audio_s for bench in self.benches)

    def figures(self, group: str, stock: GroupResult | None) -> list[Figure]:
        """Return the group's figures; the baseline of each is what stock settings gave."""
        own, other = self._values(), stock._values() if stock else {}
        words = sum(bench.words for bench in self.benches)
        clips = len(self.finish_ms)
        return [
            Figure(
                f"{name}/{group}", value, unit, baseline=other.get((name, unit)), n=words if "wer" in name else clips
            )
            for (name, unit), value in own.items()
        ]

    def _values(self) -> dict[tuple[str, str], float | None]:
        words = sum(bench.words for bench in self.benches)
        cpu_s = sum(bench.cpu_x_realtime * bench.audio_s for bench in self.benches)
        return {
            ("stt_wer", "share"): sum(bench.errors for bench in self.benches) / words if words else None,
            ("stt_final_p50", "ms"): percentile(self.finish_ms, 0.50),
            ("stt_final_p95", "ms"): percentile(self.finish_ms, 0.95),
            ("stt_cpu_per_audio_second", "s"): cpu_s / self.audio_s if self.audio_s else None,
        }


def fixture_clips(folder: Path, cards: Mapping[str, Card], *, vocabulary: bool) -> list[ClipSet]:
    """Return the segments of the committed consultations, by recording and voice; raises AudioError."""
    sets: list[ClipSet] = []
    for stem in CONSULTATIONS:
        path = folder / f"{stem}.flac"
        truth = load_truth(path)
        if truth is None or truth.card is None:
            raise AudioError(f"'{path.name}' has no truth file that names a card; make the fixtures again")
        audio = mono_at(read_recording(path), ANALYSIS_HZ)
        clips: defaultdict[str, list[tuple[Pcm, str]]] = defaultdict(list)
        for turn in truth.turns:
            texts = [span.text for span in turn.segments] or [turn.text]
            clips[turn.voice or "unnamed"] += zip(segment_sounds(turn, audio), texts, strict=True)
        words = cards[truth.card].vocabulary if vocabulary else ()
        sets += [ClipSet(voice, tuple(found), words) for voice, found in clips.items()]
    return sets


def real_clips(folder: Path) -> list[ClipSet]:
    """Return each recording of a folder (and the folders in it) that has its text beside it as `.txt`.

    Each is a speaker of its own, whom the recogniser has not heard before. Raises AudioError when there is none.
    """
    sets = []
    for path in find_recordings([folder]):
        text = path.with_suffix(".txt")
        if text.is_file():
            audio = mono_at(read_recording(path), ANALYSIS_HZ)
            sets.append(ClipSet("real", ((audio, text.read_text(encoding="utf-8")),)))
    if not sets:
        raise AudioError(f"'{folder}' holds no recording with its text beside it as .txt; add some")
    return sets


def run_bench(recogniser: Recogniser, sets: Iterable[ClipSet], progress: Callable[[], None]) -> dict[str, GroupResult]:
    """Return what `recogniser` makes of the clips, by group in the order they come."""
    results: dict[str, GroupResult] = {}
    for clip_set in sets:
        timed = _Timed(recogniser)
        bench = bench_recogniser(timed, clip_set.clips, vocabulary=clip_set.vocabulary)
        result = results.setdefault(clip_set.group, GroupResult())
        result.benches.append(bench)
        result.finish_ms += timed.finish_ms
        progress()
    return results


class _Timed:
    """A recogniser whose streams note how long each `finish()` took: percentiles of parts can't be added up."""

    def __init__(self, recogniser: Recogniser) -> None:
        self.info = recogniser.info
        self._recogniser = recogniser
        self.finish_ms: list[float] = []

    def warm(self) -> None:
        self._recogniser.warm()

    def open(self, spec: StreamSpec) -> RecogniserStream:
        return _TimedStream(self._recogniser.open(spec), self.finish_ms)


class _TimedStream:
    def __init__(self, stream: RecogniserStream, finish_ms: list[float]) -> None:
        self._stream = stream
        self._finish_ms = finish_ms

    def feed(self, samples: Pcm) -> Hypothesis | None:
        return self._stream.feed(samples)

    def interim(self) -> Hypothesis:
        return self._stream.interim()

    def finish(self) -> Hypothesis:
        begin = time.perf_counter()
        final = self._stream.finish()
        self._finish_ms.append(1000 * (time.perf_counter() - begin))
        return final

    def reset(self) -> None:
        self._stream.reset()

    def close(self) -> str | None:
        return self._stream.close()
