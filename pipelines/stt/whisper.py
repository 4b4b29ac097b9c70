"""The Whisper recogniser: a model that reads, and the guards that keep back what it invents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Protocol

import numpy as np

from audio.frames import ANALYSIS_HZ
from audio.loudness import last_voiced_ms
from audio.vad import Vad, make_vad
from pipelines.engines import Decoded, DecodedBatch, DecodeRequest, EngineInfo, Rejection, Word
from pipelines.models.cache import Lease, shared_cache
from pipelines.models.devices import choose_device, choose_threads
from pipelines.models.model_memory import files_bytes
from pipelines.models.settings import ModelSettings
from pipelines.stt.growing import spread
from pipelines.stt.guards import (
    ROUND,
    GuardedText,
    first_repeat,
    is_loop,
    last_round,
    only_repeats,
    rejection,
    voice_missing,
    voiced_s,
    was_said_twice,
)
from pipelines.stt.qualification import is_qualified
from pipelines.stt.telling import Telling
from pipelines.stt.whisper_model import AudioClip, EncodedBatch, WhisperReader, Written
from pipelines.stt.whisper_settings import WhisperSettings
from pipelines.stt.window import WindowRule

# A final text that goes round in circles is written again at these temperatures.
AGAIN_AT = (0.0, 0.4)
# A final text with a lower mean log probability of a token is written again.
FALSE_START = -1.0


class ClipReader(Protocol):
    """What reads: `WhisperReader`, or a script in a test."""

    def encode(self, clips: Sequence[AudioClip], *, rule: WindowRule | None) -> EncodedBatch:
        """Encode."""

    def generate(
        self,
        heard: EncodedBatch,
        *,
        beam: int = 1,
        temperature: float = 0.0,
        prompted: bool = True,
        repeats: bool = True,
    ) -> list[Written]:
        """Decode."""

    def align(self, heard: EncodedBatch, written: Sequence[Written]) -> list[tuple[Word, ...]]:
        """Find the words' times."""

    def prompt_length(self, audio: AudioClip) -> int:
        """Return by what clips are grouped into batches."""


@dataclass(slots=True, eq=False)
class _Task:
    """One request on its way."""

    request: DecodeRequest
    audio: AudioClip
    decoded: Decoded = field(default_factory=Decoded)


class WhisperDecoder:
    """A `SegmentDecoder` on a model of the cache, which it loads when it is warmed and holds until it is closed.

    Audio is encoded in windows by `rule`, or padded to 30 s where there is none.
    """

    def __init__(
        self,
        load: Callable[[], Lease[ClipReader]],
        *,
        info: EngineInfo,
        rule: WindowRule | None,
        telling: Telling | None = None,
        beam: int = 1,
    ) -> None:
        self.info = info
        self.rule = rule
        self.repeats = 0  # texts so far that went round in circles, and were cut
        self._telling = telling or Telling()
        self._load = load
        self._beam = beam
        self._lease: Lease[ClipReader] | None = None
        self._vad: Vad | None = None

    def warm(self) -> None:
        """Load the model and read a second of noise; raises EngineError."""
        if self._lease is None:
            self._vad = make_vad("auto").vad
            lease = self._load()
            try:
                noise = np.random.default_rng(0).integers(-500, 500, ANALYSIS_HZ).astype(np.int16)
                heard = lease.model.encode([AudioClip(noise)], rule=self.rule)
                lease.model.align(heard, lease.model.generate(heard))
            except BaseException:
                lease.release()
                raise
            self._lease = lease

    def close(self) -> None:
        """Give the model back."""
        if self._lease is not None:
            self._lease.release()
            self._lease = None

    def decode(self, requests: Sequence[DecodeRequest]) -> DecodedBatch:
        """Read all requests, those of equally long prompts together; raises EngineError."""
        self.warm()
        tasks = [_Task(request, _audio(request)) for request in requests]
        spoken: list[_Task] = []
        for task in tasks:
            # Words that were agreed on had a voice under them.
            missing = None if task.request.prefix else voice_missing(task.request.samples, self._ear)
            if missing is None:
                spoken.append(task)
            else:
                task.decoded = Decoded(rejected=missing)
        for _, group in groupby(sorted(spoken, key=self._kin), key=self._kin):
            self._read(list(group))
        return DecodedBatch(tuple(task.decoded for task in tasks))

    def _kin(self, task: _Task) -> int:
        return self._reader.prompt_length(task.audio)

    def _read(self, tasks: list[_Task]) -> None:
        """Read clips that share a batch."""
        reader = self._reader
        heard = reader.encode([task.audio for task in tasks], rule=self.rule)
        waited = any(task.request.purpose != "caption" for task in tasks)
        written = reader.generate(heard, beam=self._beam if waited else 1)
        reasons = [self._judge(task, each) for task, each in zip(tasks, written, strict=True)]
        for index, task in enumerate(tasks):
            if task.request.purpose != "caption" and _stumbled(written[index], reasons[index]):
                untold = self._untold(task, heard)
                written[index], reasons[index] = self._again(task, untold, written[index], reasons[index])
            elif reasons[index] is None:
                reasons[index] = self._echo(task, heard, written[index])
        wanted = [task.request.times or _round(each) is not None for task, each in zip(tasks, written, strict=True)]
        aligned = any(want and each.tokens for want, each in zip(wanted, written, strict=True))
        timed = reader.align(heard, written) if aligned else [()] * len(tasks)
        for task, each, reason, words in zip(tasks, written, reasons, timed, strict=True):
            task.decoded = _decoded(task, each, reason, words)
            self.repeats += task.decoded.rejected is not None and task.decoded.rejected.reason == "repeats"

    def _again(
        self, task: _Task, heard: EncodedBatch, written: Written, reason: Rejection | None
    ) -> tuple[Written, Rejection | None]:
        """Write a final text anew: told nothing, repeating nothing, less timidly; if nothing helps, keep the first."""
        # Names and beginnings it was told may have led it into the circle. What was shown is not taken back.
        for temperature in AGAIN_AT:
            (newer,) = self._reader.generate(heard, temperature=temperature, prompted=False, repeats=False)
            newer_reason = self._judge(task, newer)
            if not _stumbled(newer, newer_reason):
                return newer, newer_reason
        return written, reason

    def _echo(self, task: _Task, heard: EncodedBatch, written: Written) -> Rejection | None:
        """Return a rejection for a text that repeats what the model was told, where without that it hears nothing."""
        if task.audio.prefix or not only_repeats(written.text, self._telling.about(task.audio.vocabulary)):
            return None
        (untold,) = self._reader.generate(self._untold(task, heard), prompted=False)
        if untold.text.strip() and self._judge(task, untold) is None:
            return None
        return Rejection("echo", written.text)

    def _untold(self, task: _Task, heard: EncodedBatch) -> EncodedBatch:
        """Return the clip without what was told before it, as it was heard unless that was in a batch."""
        audio = AudioClip(task.audio.samples, voiced_s=task.audio.voiced_s)
        if len(heard.clips) == 1:
            return EncodedBatch((audio,), heard.memory, heard.frames)
        return self._reader.encode([audio], rule=self.rule)

    def _judge(self, task: _Task, written: Written) -> Rejection | None:
        reading = GuardedText(written.text, written.no_speech, written.log_probability)
        return rejection(reading, task.request.samples)

    @property
    def _reader(self) -> ClipReader:
        if self._lease is None:
            raise RuntimeError("the recogniser is closed")
        return self._lease.model

    @property
    def _ear(self) -> Vad:
        if self._vad is None:
            raise RuntimeError("the recogniser is closed")
        return self._vad


def make_decoder(*, folder: Path, settings: WhisperSettings, models: ModelSettings) -> WhisperDecoder:
    """Return a decoder on the model of this folder, which is loaded when it is warmed; raises EngineError."""
    device = choose_device(settings.device, settings.compute)
    earned = settings.true_length == "qualified" and is_qualified(folder, settings.rule)
    rule = settings.rule if settings.true_length == "always" or earned else None
    threads = choose_threads(models.cpu_threads)

    def load() -> Lease[ClipReader]:
        def read() -> ClipReader:
            return WhisperReader(folder, device, threads=threads, language=settings.language, telling=settings.telling)

        return shared_cache(models).lease(
            f"{folder.name}@{device.label}:{device.compute_type}",
            read,
            estimate_bytes=files_bytes(folder),
            device=device.label,
        )

    length = f"its own length, {rule}" if rule is not None else "30 s"
    info = EngineInfo(
        kind="recogniser",
        name="whisper",
        demonstration=False,
        isolation="thread",
        detail=f"Whisper {folder.name} on {device.label} ({device.compute_type}), sound encoded at {length}",
    )
    return WhisperDecoder(load, info=info, rule=rule, telling=settings.telling, beam=settings.beam)


def _audio(request: DecodeRequest) -> AudioClip:
    return AudioClip(request.samples, request.vocabulary, request.prefix, voiced_s(request.samples))


def _plain(text: str) -> list[str]:
    return [word.lower().strip(".,?!") for word in text.split()]


def _once(written: Written) -> int:
    """Return how many words of a text that goes round in circles were written before its second round."""
    plain = _plain(written.text)
    return (first_repeat(plain) if is_loop(plain) else None) or 0


def _round(written: Written) -> int | None:
    return last_round(_plain(written.text))


def _stumbled(written: Written, reason: Rejection | None) -> bool:
    """Return whether a text is worth writing anew; of one that repeats itself the first round is as good."""
    if reason is not None:
        return reason.reason == "too_fast" or (reason.reason == "repeats" and _once(written) < ROUND)
    return bool(written.tokens) and written.log_probability < FALSE_START


def _decoded(task: _Task, written: Written, reason: Rejection | None, words: tuple[Word, ...]) -> Decoded:
    texts = written.text.split()
    if reason is not None and reason.reason != "repeats":
        return Decoded(rejected=reason)
    known = [word.text for word in words] == texts
    if not known:  # none were asked for, or the alignment lost some
        words = spread(texts, 1000.0 * len(task.request.samples) / ANALYSIS_HZ)
    if reason is not None:
        # What was said before the loop, and once of that, is true.
        return Decoded(words[: _once(written)], reason)
    start = _round(written) if known else None
    if start is None or was_said_twice(words, start, last_voiced_ms(task.request.samples, ANALYSIS_HZ) or 0.0):
        return Decoded(words)
    # A caption goes on without the second round; of the final text the log tells that it was cut.
    cut = Rejection("repeats", written.text) if task.request.purpose != "caption" else None
    return Decoded(words[:start], cut)
