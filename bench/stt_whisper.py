"""`bench stt --whisper`: what Whisper costs on this machine, with our way of encoding and faster-whisper's beside it.

It measures models of random weights as well as real ones, since time does not depend on the weights' values: both arms
write the same number of tokens, four for each second of speech, and captions are given the words that were really said
up to then, as a recogniser that makes no mistakes would read them.
"""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from audio.files import mono_at, read_recording
from audio.frames import ANALYSIS_HZ, FRAME_MS, Pcm, samples_for
from audio.loudness import last_voiced_ms
from bench.cues import segment_sounds
from bench.report_figures import Figure
from common.errors import EngineError
from pipelines.engines import Decoded, DecodedBatch, DecodeRequest, EngineInfo, Hypothesis, StreamSpec, Word
from pipelines.lanes.decodes import DecodeLane
from pipelines.models.devices import choose_device, choose_threads
from pipelines.stt.growing import spread
from pipelines.stt.whisper_model import AudioClip, WhisperReader
from pipelines.stt.window import WindowRule
from pipelines.truth import load_truth
from pipelines.virtual_time import run_virtual, virtual_clock
from server.measures import percentile
from server.paths import ROOT

# Two tokens precede the text of an English model's audio: "start of transcript" and "no timestamps".
_START = 2
TOKENS_PER_S = 4.0  # of English speech
FINALS_S = (3.0, 8.0)
ROUNDS = 7  # of each arm, in turn; the median counts
BATCH = 8
BATCH_S = 3.0
FIXTURES = ("consultation", "consultation-medicine")
PAUSE_MS = 120.0  # after the last voiced sample, when a pause is read
SESSIONS = 8  # that speak at once, where finals meet captions

Progress = Callable[[], None]


def bench_model(folder: Path, *, threads: int = 0, progress: Progress = lambda: None) -> list[Figure]:
    """Return the figures of the model in this folder; raises EngineError. `threads` 0: as the server would."""
    threads = choose_threads(threads)
    device = choose_device()
    reader = WhisperReader(folder, device, threads=threads)
    speech = _speech()
    figures = [figure for seconds in FINALS_S for figure in _finals(reader, speech, seconds, progress)]
    figures.append(_batching(reader, speech, progress))
    figures += _captions(reader, list(_segments()), threads=threads, progress=progress)
    return [*figures, _behind(reader, list(_segments()), progress)]


def steps() -> int:
    """Return how often `progress` will be told."""
    return ROUNDS * (len(FINALS_S) + 1) + 2


# ---------------------------------------------------------------- finals and batches


def _finals(reader: WhisperReader, speech: Pcm, seconds: float, progress: Progress) -> Iterable[Figure]:
    """Measure a final text, ours and `WhisperModel.transcribe` in turn; and what the server does, with word times."""
    audio = speech[: samples_for(1000.0 * seconds, ANALYSIS_HZ)]
    tokens = round(TOKENS_PER_S * seconds)
    # When faster-whisper is asked for `tokens`, it writes so many.
    few = tokens // 2 + 1
    arms: dict[str, Callable[[], object]] = {
        "theirs": lambda: _transcribe(reader, audio, tokens),
        "ours": lambda: _final(reader, [audio], tokens),
        "theirs, few": lambda: _transcribe(reader, audio, few),
        "ours, few": lambda: _final(reader, [audio], few),
        "served": lambda: _final(reader, [audio], tokens, prompted=True, timed=True),
        "followed": lambda: _final(reader, [audio], max(1, tokens // 4), prompted=True, timed=True),
    }
    times: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(ROUNDS + 1):
        for name, arm in arms.items():
            times[name].append(_timed_ms(arm))
        progress()
    median = {name: statistics.median(each[1:]) for name, each in times.items()}
    name = f"final_{seconds:g}s"
    note = f"encode and write {tokens} tokens; the baseline is WhisperModel.transcribe"
    ours, theirs = median["ours"], median["theirs"]
    yield Figure(f"{name}_ms", round(ours, 1), "ms", baseline=round(theirs, 1), n=ROUNDS, note=note)
    yield Figure(f"{name}_ratio", round(theirs / ours, 2), "", n=ROUNDS, note="times faster than transcribe")
    ratio = median["theirs, few"] / median["ours, few"]
    note = f"times faster, both writing {few} tokens: what transcribe makes of max_new_tokens={tokens}"
    yield Figure(f"{name}_ratio_{few}_tokens", round(ratio, 2), "", n=ROUNDS, note=note)
    yield Figure(f"{name}_served_ms", round(median["served"], 1), "ms", n=ROUNDS, note="with prompt and word times")
    note = "the same when three words of four were agreed on in captions"
    yield Figure(f"{name}_followed_ms", round(median["followed"], 1), "ms", n=ROUNDS, note=note)


def _batching(reader: WhisperReader, speech: Pcm, progress: Progress) -> Figure:
    length, tokens = samples_for(1000.0 * BATCH_S, ANALYSIS_HZ), round(TOKENS_PER_S * BATCH_S)
    clips = [speech[at : at + length] for at in range(0, BATCH * length // 2, length // 2)]
    together: list[float] = []
    in_turn: list[float] = []
    for _ in range(ROUNDS):
        together.append(_timed_ms(lambda: _final(reader, clips, tokens, prompted=True, timed=True)))
        in_turn.append(_timed_ms(lambda: _in_turn(reader, clips, tokens)))
        progress()
    ratio = statistics.median(in_turn) / statistics.median(together)
    note = f"{BATCH} finals of {BATCH_S:g} s at once, throughput against one after another"
    return Figure("batch_throughput_ratio", round(ratio, 2), "", n=ROUNDS, note=note)


def _final(
    reader: WhisperReader, clips: Sequence[Pcm], tokens: int, *, prompted: bool = False, timed: bool = False
) -> None:
    heard = reader.encode([AudioClip(audio) for audio in clips], rule=WindowRule())
    written = reader.generate(heard, pinned_tokens=tokens, prompted=prompted)
    if any(len(each.tokens) != tokens for each in written):
        raise EngineError(f"{[len(each.tokens) for each in written]} tokens were written where {tokens} were asked for")
    if timed:
        reader.align(heard, written)


def _in_turn(reader: WhisperReader, clips: Sequence[Pcm], tokens: int) -> None:
    for audio in clips:
        _final(reader, [audio], tokens, prompted=True, timed=True)


def _transcribe(reader: WhisperReader, audio: Pcm, tokens: int) -> None:
    model: Any = reader.model
    segments, _ = model.transcribe(
        audio.astype(np.float32) / 32768.0,
        language="en",
        beam_size=1,
        temperature=0.0,
        compression_ratio_threshold=None,
        log_prob_threshold=None,
        no_speech_threshold=None,
        condition_on_previous_text=False,
        without_timestamps=True,
        max_new_tokens=2 * tokens - _START,  # of which CTranslate2 writes half, start included
        suppress_tokens=[-1, model.hf_tokenizer.token_to_id("<|endoftext|>")],
    )
    written = sum(len(segment.tokens) for segment in segments)
    if written != tokens:
        raise EngineError(f"faster-whisper wrote {written} tokens where {tokens} were asked for")


def _timed_ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000.0 * (time.perf_counter() - began)


# ---------------------------------------------------------------- captions


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    """Speech whose words are known: int16 (n,) at 16 kHz; times of words are spread evenly over it."""

    samples: Pcm
    words: tuple[Word, ...]


class PinnedDecoder:
    """Computes what a real decoder would, and reads the words that were said: a `SegmentDecoder` for timing ours.

    A word is read once it has ended; of what was agreed on already no token is written.
    """

    def __init__(self, reader: WhisperReader, segments: Sequence[_Segment]) -> None:
        self.info = EngineInfo("recogniser", "pinned", demonstration=True, isolation="thread")
        self._reader = reader
        self._by_start = {segment.samples[:_KEY].tobytes(): segment for segment in segments}
        self.cpu_s = {"caption": 0.0, "interim": 0.0, "final": 0.0}

    def warm(self) -> None:
        """Encode and write each length once: the first time is slower."""
        for seconds in (1.0, 3.0, 5.0, 7.0):
            audio = np.zeros(samples_for(1000.0 * seconds, ANALYSIS_HZ), dtype=np.int16)
            _final(self._reader, [audio], 4, prompted=True, timed=True)

    def decode(self, requests: Sequence[DecodeRequest]) -> DecodedBatch:
        """Read them together."""
        began = time.process_time()
        clips = [AudioClip(request.samples, prefix=request.prefix) for request in requests]
        heard = self._reader.encode(clips, rule=WindowRule())
        left = max(
            round(TOKENS_PER_S * len(request.samples) / ANALYSIS_HZ) - len(request.prefix) for request in requests
        )
        written = self._reader.generate(heard, pinned_tokens=max(left, 1))
        if any(request.times for request in requests):
            self._reader.align(heard, written)
        self.cpu_s[requests[0].purpose] += time.process_time() - began
        return DecodedBatch(tuple(Decoded(self._words(request)) for request in requests))

    def _words(self, request: DecodeRequest) -> tuple[Word, ...]:
        segment = self._by_start[request.samples[:_KEY].tobytes()]
        length_ms = 1000.0 * len(request.samples) / ANALYSIS_HZ
        return tuple(word for word in segment.words if word.end_ms <= length_ms)


# So many samples tell one fixture's segment from all others.
_KEY = 4_000


@dataclass(slots=True)
class _Followed:
    """What was published of one segment, and when, in ms from its first sample."""

    stable_at_ms: list[float] = field(default_factory=list)  # of each word, in order
    published: list[str] = field(default_factory=list)
    changed: int = 0
    final_ms: float | None = None  # after it was asked for
    asked_ms: float = 0.0

    def add_hypothesis(self, hypothesis: Hypothesis, at_ms: float) -> None:
        words = [word.text for word in hypothesis.words]
        stable = words[: hypothesis.stable_words]
        known = len(self.published)
        self.changed += sum(a != b for a, b in zip(self.published, words, strict=False)) + max(0, known - len(words))
        self.published += stable[known:]
        self.stable_at_ms += [at_ms] * (len(stable) - known)
        if hypothesis.final:
            self.final_ms = at_ms - self.asked_ms


def _captions(
    reader: WhisperReader, segments: Sequence[_Segment], *, threads: int, progress: Progress
) -> Iterable[Figure]:
    decoder = PinnedDecoder(reader, segments)
    followed = run_virtual(_speak(decoder, [segments]))[0]
    progress()
    speech_s = sum(len(segment.samples) for segment in segments) / ANALYSIS_HZ
    waits = [
        at_ms - word.end_ms
        for segment, follow in zip(segments, followed, strict=True)
        for word, at_ms in zip(segment.words, follow.stable_at_ms, strict=False)
    ]
    firsts = [
        follow.stable_at_ms[0] - segment.words[0].end_ms for segment, follow in zip(segments, followed, strict=True)
    ]
    n = len(segments)
    note = f"{threads} threads"
    captions_s = decoder.cpu_s["caption"] + decoder.cpu_s["interim"]  # what is read in a lull is made as for a pause
    yield Figure("caption_cpu_per_speech_second", round(captions_s / speech_s, 3), "s", n=n, note=note)
    yield Figure("final_cpu_per_speech_second", round(decoder.cpu_s["final"] / speech_s, 3), "s", n=n, note=note)
    yield Figure("first_stable_word_p50", percentile(firsts, 0.5), "ms", n=n, note="after the end of the first word")
    yield Figure("first_stable_word_p95", percentile(firsts, 0.95), "ms", n=n, note="after the end of the first word")
    yield Figure("stable_word_p50", percentile(waits, 0.5), "ms", n=len(waits), note="after a word's end")
    yield Figure("stable_word_p95", percentile(waits, 0.95), "ms", n=len(waits), note="after a word's end")
    yield Figure("published_words_changed", sum(follow.changed for follow in followed), "", n=len(waits))


def _behind(reader: WhisperReader, segments: Sequence[_Segment], progress: Progress) -> Figure:
    """Measure how long finals wait when eight sessions speak at once."""
    decoder = PinnedDecoder(reader, segments)
    parts = [segments[at::SESSIONS] for at in range(SESSIONS)]
    finals = [follow.final_ms for session in run_virtual(_speak(decoder, parts)) for follow in session]
    progress()
    note = f"from the last word's pause to the final text, {SESSIONS} sessions speaking at once"
    return Figure(
        "final_beside_captions_p95",
        percentile([f for f in finals if f is not None], 0.95),
        "ms",
        n=len(finals),
        note=note,
    )


async def _speak(decoder: PinnedDecoder, sessions: Sequence[Sequence[_Segment]]) -> list[list[_Followed]]:
    """Speak the segments of each session at real pace of the virtual clock; return what was published of each."""
    clock = virtual_clock()
    lane = DecodeLane(lambda: decoder, isolation="thread", workers=1, clock=clock, name="recogniser")
    await lane.start()
    try:
        return list(await asyncio.gather(*(_session(lane, str(i), each) for i, each in enumerate(sessions))))
    finally:
        await lane.stop()


async def _session(lane: DecodeLane, name: str, segments: Sequence[_Segment]) -> list[_Followed]:
    clock = virtual_clock()
    began_ms = 0.0
    done = asyncio.Event()
    followed: list[_Followed] = []

    def listen(hypothesis: Hypothesis) -> None:
        followed[-1].add_hypothesis(hypothesis, clock.now_ms() - began_ms)
        if hypothesis.final:
            done.set()

    handle = lane.open(StreamSpec(name), listen)
    step = samples_for(FRAME_MS, ANALYSIS_HZ)
    for segment in segments:
        followed.append(_Followed())
        done.clear()
        began_ms = clock.now_ms()
        for number, at in enumerate(range(0, len(segment.samples), step), start=1):
            await asyncio.sleep((began_ms + number * FRAME_MS - clock.now_ms()) / 1000.0)
            handle.feed(segment.samples[at : at + step])
        followed[-1].asked_ms = clock.now_ms() - began_ms
        handle.interim(len(followed))
        handle.finish()
        await done.wait()
    handle.close()
    return followed


# ---------------------------------------------------------------- audio


def _segments() -> Iterable[_Segment]:
    """Return the segments of the committed consultations, each until its pause would be read."""
    for stem in FIXTURES:
        path = ROOT / "tests" / "data" / f"{stem}.flac"
        truth = load_truth(path)
        audio = mono_at(read_recording(path), ANALYSIS_HZ)
        for turn in truth.turns if truth is not None else ():
            texts = [span.text for span in turn.segments] or [turn.text]
            for text, samples in zip(texts, segment_sounds(turn, audio), strict=True):
                voiced_ms = last_voiced_ms(samples, ANALYSIS_HZ) or 0.0
                end = min(len(samples), samples_for(math.ceil(voiced_ms + PAUSE_MS), ANALYSIS_HZ))
                yield _Segment(samples[:end], spread(text.split(), voiced_ms))


def _speech() -> Pcm:
    """Return the speech of the committed consultation without its pauses, int16 (n,) at 16 kHz."""
    return np.concatenate([segment.samples for segment in _segments()])
