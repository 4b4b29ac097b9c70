"""Whisper on CTranslate2: audio to tokens, tokens to words with times.

faster-whisper brings the feature extractor, the tokenizer and the alignment; its `transcribe` pads every clip to 30 s.
Here the encoder gets a window by the clip's own length (`window.py`), where that was found to be as good (`qualify`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio.frames import ANALYSIS_HZ, Pcm
from common.errors import EngineError
from pipelines.engines import Word
from pipelines.models.devices import Device
from pipelines.stt.telling import Telling
from pipelines.stt.window import WINDOW_S, WindowRule

FRAME_SAMPLES = 160  # of audio for a column of features
# A clip's last word may be found up to so many frames after its end.
ALIGNED_BEYOND = 20
# At most so many tokens of what is told before are read, each anew for every clip.
PROMPT_TOKENS = 160
# Voiced audio has at most so many tokens of text; beyond that a decoder is in a loop.
TOKENS_PER_S, TOKENS_AT_ONCE = 8.0, 12
# No group of so many tokens is written twice, where that is asked for.
NO_REPEAT_TOKENS = 4


@dataclass(frozen=True, slots=True, eq=False)
class AudioClip:
    """Something to be read: int16 (n,) at 16 kHz up to 30 s, after a prompt, beginning with the words of a prefix.

    `voiced_s` is how much of it is voiced, for what can be said in it at most; None: all of it may be.
    """

    samples: Pcm
    vocabulary: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    voiced_s: float | None = None

    @property
    def most_tokens(self) -> int:
        """How many tokens can be said in it, its prefix included."""
        voiced_s = len(self.samples) / ANALYSIS_HZ if self.voiced_s is None else self.voiced_s
        return round(TOKENS_PER_S * voiced_s) + TOKENS_AT_ONCE


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """What was written for a clip: its text, and how sure the model was; `tokens` are for `WhisperReader.align`."""

    text: str
    tokens: tuple[int, ...]
    no_speech: float  # probability that nobody speaks
    log_probability: float  # of a token, on average


@dataclass(frozen=True, slots=True, eq=False)
class EncodedBatch:
    """Clips as the encoder heard them, in a batch."""

    clips: tuple[AudioClip, ...]
    memory: Any  # ctranslate2.StorageView (clips, frames / 2, width)
    frames: int  # of features, 10 ms each


class WhisperReader:
    """A loaded model. It computes in the thread that calls it; `threads` of them may call at once."""

    def __init__(
        self, folder: Path, device: Device, *, threads: int, language: str = "en", telling: Telling | None = None
    ) -> None:
        """Load the model of this folder; raises EngineError when it can't be."""
        from faster_whisper import WhisperModel as Loaded
        from faster_whisper.tokenizer import Tokenizer
        from faster_whisper.transcribe import get_suppressed_tokens

        try:
            self.model: Any = Loaded(
                str(folder),
                device=device.name,
                device_index=device.index,
                compute_type=device.compute_type,
                # Each reads a clip by itself: two threads for one clip are hardly quicker (docs/benchmarks.md).
                cpu_threads=1,
                num_workers=threads,
                local_files_only=True,
            )
            self._tokenizer: Any = Tokenizer(
                self.model.hf_tokenizer, self.model.model.is_multilingual, task="transcribe", language=language
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise EngineError(f"the model in {folder} can't be loaded: {error}", code="model.format") from error
        special = ("sot_prev", "sot_lm", "no_timestamps", "no_speech", "translate")  # None where there is no such token
        if None in (*self._tokenizer.sot_sequence, *(getattr(self._tokenizer, name) for name in special)):
            raise EngineError(
                f"tokenizer.json in {folder} is not that of a Whisper; pull the model again", code="model.format"
            )
        suppressed: Any = get_suppressed_tokens  # typed for a pair, and may return None
        self._telling = telling or Telling()
        self._suppressed: list[int] = list(suppressed(self._tokenizer, [-1]) or [])

    @property
    def model_is_loaded(self) -> bool:
        """Whether it can still read."""
        return bool(self.model.model.model_is_loaded)

    def unload_model(self) -> None:
        """Free what the model takes, as soon as it computes no more."""
        self.model.model.unload_model()

    def encode(self, clips: Sequence[AudioClip], *, rule: WindowRule | None) -> EncodedBatch:
        """Encode clips together, all in the window that the longest of them needs; without a rule padded to 30 s."""
        from ctranslate2 import StorageView

        longest = max(len(audio.samples) for audio in clips)
        window_s = rule.window_s(longest) if rule is not None else WINDOW_S
        frames = round(window_s * ANALYSIS_HZ) // FRAME_SAMPLES
        features = np.stack([self._features(audio.samples, frames) for audio in clips])
        memory = self.model.model.encode(StorageView.from_array(np.ascontiguousarray(features)), to_cpu=False)
        return EncodedBatch(tuple(clips), memory, frames)

    def generate(
        self,
        heard: EncodedBatch,
        *,
        beam: int = 1,
        temperature: float = 0.0,
        pinned_tokens: int | None = None,
        prompted: bool = True,
        repeats: bool = True,
    ) -> list[Written]:
        """Write what was heard; the prompts of one batch have the same `prompt_length`.

        Without `prompted` nothing is told before; without `repeats` no four tokens in a row come twice.
        `pinned_tokens` has exactly so many written, for benches on models whose weights are random.
        """
        prompts = [self._prompt(audio, prompted=prompted) for audio in heard.clips]
        tokens = max(audio.most_tokens for audio in heard.clips) if pinned_tokens is None else pinned_tokens
        # CTranslate2 writes at most half of `max_length`, and what the prompt without its last token leaves of it.
        most = min(max(2 * tokens, tokens + max(map(len, prompts)) - 1), self.model.max_length)
        endless = [] if pinned_tokens is None else [self._tokenizer.eot]
        chosen = (
            {"beam_size": 1, "num_hypotheses": 3, "sampling_topk": 0, "sampling_temperature": temperature}
            if temperature > 0
            else {"beam_size": beam}
        )
        results = self.model.model.generate(
            heard.memory,
            prompts,
            max_length=most,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=False,  # nothing at all may be said
            suppress_tokens=[*self._suppressed, *endless],
            no_repeat_ngram_size=0 if repeats else NO_REPEAT_TOKENS,
            **chosen,
        )
        return [self._written(result) for result in results]

    def align(self, heard: EncodedBatch, written: Sequence[Written]) -> list[tuple[Word, ...]]:
        """Return the words of what was written, with times in ms from the clip's start and confidences."""
        frames = [min(heard.frames, len(audio.samples) // FRAME_SAMPLES + ALIGNED_BEYOND) for audio in heard.clips]
        texts = [list(each.tokens) for each in written]
        found = self.model.find_alignment(self._tokenizer, texts, heard.memory, frames)
        return [
            in_order(words, 1000.0 * len(audio.samples) / ANALYSIS_HZ)
            for words, audio in zip(found, heard.clips, strict=True)
        ]

    def prompt_length(self, audio: AudioClip) -> int:
        """Return how many tokens come before the clip's own: only clips of one such length share a batch."""
        return len(self._before(audio))

    def _features(self, samples: Pcm, frames: int) -> NDArray[np.float32]:
        padded = np.zeros(frames * FRAME_SAMPLES, dtype=np.float32)
        padded[: len(samples)] = samples[: len(padded)].astype(np.float32) / 32768.0
        features: NDArray[np.float32] = self.model.feature_extractor(padded)[:, :frames]
        return features

    def _prompt(self, audio: AudioClip, *, prompted: bool = True) -> list[int]:
        before = self._before(audio) if prompted else []
        start = [*before, *self._tokenizer.sot_sequence, self._tokenizer.no_timestamps]
        return [*start, *self._tokenizer.encode(" " + " ".join(audio.prefix))] if audio.prefix else start

    def _before(self, audio: AudioClip) -> list[int]:
        names = audio.vocabulary
        while True:
            tokens = self._tokenizer.encode(" " + self._telling.about(names))
            if len(tokens) <= PROMPT_TOKENS or not names:
                return [self._tokenizer.sot_prev, *tokens[:PROMPT_TOKENS]]
            names = names[: len(names) * PROMPT_TOKENS // len(tokens)]  # the sentence has to keep its end

    def _written(self, result: Any) -> Written:
        # Of several samples the likeliest; with a beam there is one.
        best = max(range(len(result.scores)), key=lambda index: float(result.scores[index]))
        ids = result.sequences_ids[best]
        tokens = tuple(token for token in ids if token < self._tokenizer.eot)
        total = float(result.scores[best]) * max(len(ids), 1)
        text = self._tokenizer.decode(list(tokens)).strip()
        return Written(text, tokens, float(result.no_speech_prob), total / (len(ids) + 1))


def in_order(words: Sequence[dict[str, Any]], length_ms: float) -> tuple[Word, ...]:
    """Return aligned words (faster-whisper's, seconds) as ours: marks joined to the word before, times in order.

    Alignment gives words without length, and times beyond the clip's end: each begins after the one before did, and
    none lasts into the next.
    """
    texts: list[str] = []
    times: list[tuple[float, float]] = []
    sure: list[list[float]] = []
    for word in words:
        text, start_s, end_s = str(word["word"]), float(word["start"]), float(word["end"])
        if texts and not text.startswith(" "):
            texts[-1] += text.strip()
            times[-1] = (times[-1][0], max(times[-1][1], end_s))
            sure[-1].append(float(word["probability"]))
        elif text.strip():
            texts.append(text.strip())
            times.append((start_s, end_s))
            sure.append([float(word["probability"])])
    found: list[Word] = []
    last_ms = max(math.ceil(length_ms), len(texts))
    for index, (text, (start_s, end_s)) in enumerate(zip(texts, times, strict=True)):
        latest_ms = last_ms - (len(texts) - index)  # every word that follows needs a place
        start_ms = min(max(round(1000.0 * start_s), found[-1].end_ms if found else 0), latest_ms)
        next_ms = round(1000.0 * times[index + 1][0]) if index + 1 < len(times) else last_ms
        end_ms = max(start_ms + 1, min(round(1000.0 * end_s), max(next_ms, start_ms + 1), latest_ms + 1))
        found.append(Word(text, start_ms, end_ms, min(max(float(np.mean(sure[index])), 0.0), 1.0)))
    return tuple(found)
