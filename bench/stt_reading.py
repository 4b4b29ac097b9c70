"""What a Whisper reads of recordings whose text is known: at its own length and padded, whole and streamed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio.frames import ANALYSIS_HZ, FRAME_MS, Pcm, samples_for
from bench.report_figures import Figure
from bench.stt import ClipSet
from pipelines.engines import DecodedBatch, DecodeRequest, Hypothesis, SegmentDecoder, StreamSpec
from pipelines.models.settings import ModelSettings
from pipelines.stt.decoded_stream import DecodedRecogniser, DecodedStream
from pipelines.stt.wer import word_errors
from pipelines.stt.whisper import WhisperDecoder, make_decoder
from pipelines.stt.whisper_settings import WhisperSettings

RESAMPLES = 4_000  # of the utterances, for the interval of the difference

OWN, PADDED, STREAMED = "own length", "padded", "streamed"


@dataclass(slots=True)
class _Counted:
    """What one way made of a group: words wrong and said for each utterance, processor seconds by purpose."""

    wrong: list[int] = field(default_factory=list)
    said: list[int] = field(default_factory=list)
    cpu_s: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float | None:
        """Word error rate over all utterances."""
        return sum(self.wrong) / sum(self.said) if sum(self.said) else None


@dataclass(slots=True)
class _Group:
    """The utterances of one group, and what each way made of them."""

    ways: dict[str, _Counted] = field(default_factory=dict)
    speech_s: float = 0.0
    published: int = 0  # words that captions showed for good
    # This counts the published words that a later caption or the final text had otherwise.
    changed: int = 0


class _Metered:
    """A decoder that adds up the processor time of this process by purpose."""

    def __init__(self, decoder: SegmentDecoder) -> None:
        self.info = decoder.info
        self.cpu_s: dict[str, float] = {}
        self._decoder = decoder

    def warm(self) -> None:
        """Load."""
        self._decoder.warm()

    def decode(self, requests: Sequence[DecodeRequest]) -> DecodedBatch:
        """Read."""
        began = time.process_time()
        try:
            return self._decoder.decode(requests)
        finally:
            purpose = requests[0].purpose
            self.cpu_s[purpose] = self.cpu_s.get(purpose, 0.0) + time.process_time() - began


def bench_reading(
    folder: Path,
    sets: Sequence[ClipSet],
    *,
    settings: WhisperSettings | None = None,
    threads: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> list[Figure]:
    """Return the figures of the model in this folder over sets of clips; raises EngineError.

    Each clip is read at its own length, padded, and in frames with captions, in turn, so that other load on the machine
    falls on all alike. `progress` is told of each clip.
    """
    settings = settings or WhisperSettings(model=str(folder))
    models = ModelSettings(cpu_threads=threads)

    def decoder(true_length: str) -> WhisperDecoder:
        chosen = settings.model_copy(update={"model": str(folder), "true_length": true_length})
        return make_decoder(folder=folder, settings=chosen, models=models)

    own, padded = decoder("always"), decoder("never")
    try:
        groups: dict[str, _Group] = {}
        ways = {
            OWN: DecodedRecogniser(_Metered(own), caption_every_ms=None),
            PADDED: DecodedRecogniser(_Metered(padded), caption_every_ms=None),
            STREAMED: DecodedRecogniser(
                _Metered(own), caption_every_ms=settings.partial_every_ms, growth=settings.growth
            ),
        }
        for recogniser in ways.values():
            recogniser.warm()
        for clip_set in sets:
            group = groups.setdefault(clip_set.group, _Group())
            for samples, text in clip_set.clips:
                group.speech_s += len(samples) / ANALYSIS_HZ
                for way, recogniser in ways.items():
                    _read(group, way, recogniser, samples, text, clip_set.vocabulary)
                progress()
        return [figure for name, group in groups.items() for figure in _figures(name, group)]
    finally:
        own.close()
        padded.close()


def _read(
    group: _Group, way: str, recogniser: DecodedRecogniser, samples: Pcm, text: str, vocabulary: tuple[str, ...]
) -> None:
    meter = recogniser.decoder
    assert isinstance(meter, _Metered)  # noqa: S101 - it was made so above
    stream = recogniser.open(StreamSpec("bench", vocabulary))
    shown: list[str] = []
    for hypothesis in _fed(stream, samples):
        words = hypothesis.text.split()
        group.changed += _differing(shown, words)
        shown = words[: hypothesis.stable_words]
    final = stream.finish().text
    if way == STREAMED:
        group.published += len(shown)
        group.changed += _differing(shown, final.split())
    counted = group.ways.setdefault(way, _Counted())
    wrong, said = word_errors(text, final)
    counted.wrong.append(wrong)
    counted.said.append(said)
    for purpose, cpu_s in meter.cpu_s.items():
        counted.cpu_s[purpose] = counted.cpu_s.get(purpose, 0.0) + cpu_s
    meter.cpu_s.clear()


def _fed(stream: DecodedStream, samples: Pcm) -> Iterator[Hypothesis]:
    step = samples_for(FRAME_MS, ANALYSIS_HZ)
    for at in range(0, len(samples), step):
        caption = stream.feed(samples[at : at + step])
        if caption is not None:
            yield caption


def _differing(shown: Sequence[str], words: Sequence[str]) -> int:
    """Return how many words that were shown for good are not there, or are others."""
    return sum(a != b for a, b in zip(shown, words, strict=False)) + max(0, len(shown) - len(words))


def _figures(name: str, group: _Group) -> Iterable[Figure]:
    own, padded, streamed = (group.ways[way] for way in (OWN, PADDED, STREAMED))
    words, clips = sum(own.said), len(own.said)
    yield Figure(f"stt_wer/{name}", own.rate, "share", n=words, note="whole, at its own length")
    yield Figure(f"stt_wer_padded/{name}", padded.rate, "share", n=words, note="whole, padded to 30 s")
    mean, upper = difference(np.array(own.wrong), np.array(padded.wrong), np.array(own.said))
    yield Figure(f"stt_wer_minus_padded/{name}", mean, "points", n=clips, note="mean, paired over utterances")
    yield Figure(f"stt_wer_minus_padded_upper/{name}", upper, "points", n=clips, note="upper end of the 95 % interval")
    cpu_own, cpu_padded = sum(own.cpu_s.values()), sum(padded.cpu_s.values())
    if cpu_padded:
        yield Figure(f"stt_cpu_ratio_to_padded/{name}", round(cpu_own / cpu_padded, 3), "", n=clips)
    yield Figure(f"stt_final_cpu/{name}", round(1000.0 * cpu_own / max(clips, 1), 1), "ms", n=clips, note="a clip")
    yield Figure(f"stt_wer_streamed/{name}", streamed.rate, "share", n=words, note="in frames, with captions")
    yield Figure(f"published_words_changed/{name}", float(group.changed), "", n=group.published)
    if group.speech_s:
        per_s = (sum(streamed.cpu_s.values()) - streamed.cpu_s.get("final", 0.0)) / group.speech_s
        yield Figure(f"caption_cpu_per_second/{name}", round(per_s, 3), "s", n=clips, note="of sound")


def difference(own: NDArray[np.int_], other: NDArray[np.int_], said: NDArray[np.int_]) -> tuple[float, float]:
    """Return by how many points one word error rate is above the other, and the upper end of its 95 % interval.

    Arrays of one length (utterances,): words wrong one way and the other way, words said. The interval is the
    percentile bootstrap over utterances, from a seed that stays the same.
    """
    rng = np.random.default_rng(0)
    count = len(said)
    if not said.sum():
        return 0.0, 0.0
    rows = rng.integers(0, count, (RESAMPLES, count))
    gap = 100.0 * (own - other)[rows].sum(axis=1) / np.maximum(said[rows].sum(axis=1), 1)
    mean = 100.0 * float((own - other).sum()) / float(said.sum())
    return round(mean, 2), round(float(np.percentile(gap, 97.5)), 2)
