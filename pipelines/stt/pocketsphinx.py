"""PocketSphinx as a streaming recogniser: embedded, no download, a demonstration of what a better one does.

It holds the interpreter lock, so a lane runs it in worker processes. A decoder costs 90 MB and 0.3 s to build and
serves one stream at a time; those of closed streams are kept for the next one.
"""

from __future__ import annotations

import math
import os
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from audio.frames import ANALYSIS_HZ, Pcm, samples_for
from common.errors import EngineError
from pipelines.engines import EngineInfo, Hypothesis, StreamSpec, Word
from pipelines.stt.profanity import without_unwanted
from pipelines.stt.stability import StabilityRule, StablePrefix
from pipelines.stt.vocabulary import Vocabulary, split_terms

_MS_PER_DECODER_FRAME = 10
_STOCK_DICTIONARY = "en-us/cmudict-en-us.dict"
# Every segment has the same noise, so that the same audio gives the same text.
_DITHER_SEED = 1


class PocketSphinxSettings(BaseModel):
    """How the decoder is built and read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    block_ms: int = Field(default=80, ge=20, le=500)
    """Audio is decoded in blocks of this length however it is fed, so that results don't depend on the feeding."""

    full_second_pass: bool = False
    """The flat-lexicon pass: 150 ms and more at the end of each segment for no measured gain in accuracy."""

    max_hmm_per_frame: int = Field(default=3000, ge=-1)
    max_words_per_frame: int = Field(default=20, ge=-1)
    """Together these caps save a third of the computation at no measured loss."""

    initial_cmn: str = "54.4,3.4,-1.8,19.6,-8.3,1.2,-3.7,-7.8,-2.7,-4.7,2.8,-1.0,-2.1"
    """Cepstral mean to begin with: the median over voices and microphones; the stock one is far from any of them."""

    dither_rms: float = Field(default=8.0, ge=0, le=1000)
    """Faint noise (-72 dBFS) added to what is decoded: noise gates and synthetic voices leave digital silence, whose
    logarithm spoils the cepstral mean. Above about 15 quiet speakers are understood less well."""

    silence_peak: int = Field(default=32, ge=0, le=32767)
    """A segment that never gets louder than this (-60 dBFS) is silence: the decoder would hear short words in it."""

    vocabulary_weight: float = Field(default=100.0, gt=0)
    """Probability of a word of the card, as a multiple of that of a word drawn blindly from the dictionary."""

    spare_decoders: int = Field(default=2, ge=0, le=16)
    """How many decoders of closed streams are kept."""

    partials: StabilityRule = StabilityRule()


class PocketSphinxRecogniser:
    """Streams decoded by PocketSphinx's stock American English model."""

    def __init__(self, settings: PocketSphinxSettings | None = None) -> None:
        self.settings = settings or PocketSphinxSettings()
        self.info = EngineInfo(
            kind="recogniser",
            name="pocketsphinx",
            demonstration=True,
            isolation="process",
            detail="PocketSphinx, stock American English model with the card's names and drugs added",
        )
        self._spare: list[_TaughtDecoder] = []  # the longest unused first

    def warm(self) -> None:
        """Build the first decoder and decode a moment of noise with it; raises EngineError."""
        if not self._spare:
            decoder = _TaughtDecoder(self.settings)
            stream = PocketSphinxStream(self, decoder, StreamSpec(stream_id="warm"))
            stream.feed(np.random.default_rng(0).integers(-500, 500, ANALYSIS_HZ // 2).astype(np.int16))
            stream.finish()
            stream.close()

    def open(self, spec: StreamSpec) -> PocketSphinxStream:
        """Open a stream for one speaker; raises EngineError when no decoder could be built.

        A kept decoder is taken only if it knows no word but this stream's: what another card taught must not turn up
        in this one's results.
        """
        wanted = frozenset(split_terms(spec.vocabulary))
        fitting = [decoder for decoder in self._spare if decoder.vocabulary.taught <= wanted]
        decoder = max(fitting, key=lambda spare: len(spare.vocabulary.taught), default=None)
        if decoder is None:
            if len(self._spare) >= max(1, self.settings.spare_decoders):
                # One goes before the new one is built, so that memory does not grow.
                self._spare.pop(0)
            decoder = _TaughtDecoder(self.settings)
        else:
            self._spare.remove(decoder)
        decoder.vocabulary.teach(spec.vocabulary)
        return PocketSphinxStream(self, decoder, spec)

    def take_back(self, decoder: _TaughtDecoder) -> None:
        """Keep the decoder of a closed stream for a later one."""
        self._spare.append(decoder)
        del self._spare[: max(0, len(self._spare) - self.settings.spare_decoders)]


class _TaughtDecoder:
    """A decoder and the words it was taught, which belong together for as long as it lives."""

    def __init__(self, settings: PocketSphinxSettings) -> None:
        self.raw = _build(settings)
        self.vocabulary = Vocabulary(self.raw, weight=settings.vocabulary_weight)


class PocketSphinxStream:
    """One speaker's segments; made by `PocketSphinxRecogniser.open`."""

    def __init__(self, recogniser: PocketSphinxRecogniser, decoder: _TaughtDecoder, spec: StreamSpec) -> None:
        self._recogniser = recogniser
        self._settings = recogniser.settings
        self._held: _TaughtDecoder | None = decoder
        self._cmn = _checked_cmn(spec.speaker_state) or self._settings.initial_cmn
        self._block_samples = samples_for(self._settings.block_ms, ANALYSIS_HZ)
        self._heard = spec.speaker_state is not None
        _start_afresh(decoder.raw, self._cmn)
        self._pending: list[Pcm] = []
        self._pending_samples = 0
        self._decoded_samples = 0
        self._peak = 0
        self._started = False
        self._dither = np.random.default_rng(_DITHER_SEED)
        self._shown: tuple[tuple[Word, ...], int] = ((), 0)
        self._prefix = StablePrefix(self._settings.partials)

    def feed(self, samples: Pcm) -> Hypothesis | None:
        """Take int16 mono at 16 kHz, any length; return a provisional hypothesis when its words have changed."""
        if len(samples):
            self._pending.append(np.ascontiguousarray(samples, dtype=np.int16))
            self._pending_samples += len(samples)
            self._peak = max(self._peak, int(np.abs(samples.astype(np.int32)).max()))
        found: Hypothesis | None = None
        if self._pending_samples >= self._block_samples:
            audio = np.concatenate(self._pending)
            whole = len(audio) - len(audio) % self._block_samples
            for start in range(0, whole, self._block_samples):
                self._decode(audio[start : start + self._block_samples])
                found = self._partial() or found
            self._pending = [audio[whole:]]
            self._pending_samples = len(audio) - whole
        return found

    def interim(self) -> Hypothesis:
        """Return the best hypothesis for the whole blocks so far: no lattice search, which only the end allows.

        What is left of a block is not decoded, so that asking changes nothing; at a pause it is silence.
        """
        if not self._started or self._peak <= self._settings.silence_peak or self._decoder.raw.hyp() is None:
            return Hypothesis(text="")
        words = self._words()
        return Hypothesis(text=" ".join(word.text for word in words), words=words, stable_words=self._shown[1])

    def finish(self) -> Hypothesis:
        """End the segment; words have times in ms from its start and the decoder's confidence (a hint, 0..1)."""
        audio = np.concatenate(self._pending) if self._pending else np.zeros(0, dtype=np.int16)
        for start in range(0, len(audio), self._block_samples):
            self._decode(audio[start : start + self._block_samples])
        words: tuple[Word, ...] = ()
        audible = self._peak > self._settings.silence_peak
        if self._started:
            self._decoder.raw.end_utt()
            self._started = False
            words = self._words() if audible else ()
            self._settle(keep=audible)
        self._clear()
        return Hypothesis(text=" ".join(word.text for word in words), words=words, final=True, stable_words=len(words))

    def reset(self) -> None:
        """Abandon the segment; its audio leaves no trace in the speaker's state."""
        if self._started:
            self._decoder.raw.end_utt()
            self._started = False
            self._settle(keep=False)
        self._clear()

    def close(self) -> str | None:
        """End the stream and give its decoder back; return the speaker's cepstral mean, None if none was heard."""
        if self._held is None:
            return None
        self.reset()
        self._recogniser.take_back(self._held)
        self._held = None
        return self._cmn if self._heard else None

    @property
    def _decoder(self) -> _TaughtDecoder:
        if self._held is None:
            raise EngineError("this recogniser stream is closed; open a new one")
        return self._held

    def _clear(self) -> None:
        self._pending = []
        self._pending_samples = 0
        self._decoded_samples = 0
        self._peak = 0
        self._started = False
        self._shown = ((), 0)
        self._prefix = StablePrefix(self._settings.partials)

    def _decode(self, block: Pcm) -> None:
        if not self._started:
            self._decoder.raw.start_utt()
            self._started = True
            self._dither = np.random.default_rng(_DITHER_SEED)
        noise = self._dither.normal(0.0, self._settings.dither_rms, len(block)) if self._settings.dither_rms else 0.0
        noisy = np.clip(np.rint(block + noise), -32768, 32767).astype(np.int16)
        self._decoder.raw.process_raw(noisy.tobytes())
        self._decoded_samples += len(block)

    def _partial(self) -> Hypothesis | None:
        if self._peak <= self._settings.silence_peak or self._decoder.raw.hyp() is None:
            return None
        now_ms = round(1000 * self._decoded_samples / ANALYSIS_HZ)
        shown = self._prefix.read(self._words(), now_ms=now_ms)
        same = [word.text for word in shown[0]] == [word.text for word in self._shown[0]] and shown[1] == self._shown[1]
        if same or not shown[0]:
            return None
        self._shown = shown
        words, stable = shown
        return Hypothesis(text=" ".join(word.text for word in words), words=words, stable_words=stable)

    def _words(self) -> tuple[Word, ...]:
        longest_ms = round(1000 * self._decoded_samples / ANALYSIS_HZ)
        words: list[Word] = []
        for segment in self._decoder.raw.seg() or ():
            written = segment.word
            if written.startswith(("<", "[")):  # <s>, </s>, <sil>, [NOISE]
                continue
            words.append(
                Word(
                    text=self._decoder.vocabulary.spelling(written.partition("(")[0]),
                    start_ms=min(segment.start_frame * _MS_PER_DECODER_FRAME, longest_ms),
                    end_ms=min((segment.end_frame + 1) * _MS_PER_DECODER_FRAME, longest_ms),
                    confidence=_confidence(float(segment.prob)),
                )
            )
        return tuple(words)

    def _settle(self, *, keep: bool) -> None:
        """Keep the running mean of a segment that counted, else go back to the one before it."""
        raw = self._decoder.raw
        after = _checked_cmn(raw.get_cmn(False)) if keep else None
        if after is None:
            _start_afresh(raw, self._cmn)
        else:
            self._cmn = after
            self._heard = True


def _confidence(posterior: float) -> float:
    """Return a word's confidence, 0..1, for its posterior probability in the lattice.

    The root brings it to the scale of Whisper's: below 0.3 are about as few of the words that are right. Measured on
    second-language speakers, 4 % of the right words and 26 % of the wrong ones.
    """
    return math.sqrt(min(1.0, max(0.0, posterior)))


def _start_afresh(raw: Any, cmn: str) -> None:
    """Make the front end forget what it heard (0.1 ms): its filters and running sums outlive `set_cmn`."""
    raw.reinit_feat()
    raw.set_cmn(cmn)


def _build(settings: PocketSphinxSettings) -> Any:
    try:
        # The library exports these names again without saying so.
        from pocketsphinx import Decoder, get_model_path  # type: ignore[attr-defined]

        # The decoder takes a dictionary from a file alone, which it has read when it is built.
        with TemporaryDirectory(prefix="interlocutor-") as folder:
            dictionary = Path(folder) / "words.dict"
            stock = str(get_model_path(_STOCK_DICTIONARY))  # type: ignore[no-untyped-call]
            dictionary.write_text(_dictionary(stock), encoding="utf-8")
            return Decoder(
                loglevel="FATAL",
                logfn=os.devnull,
                samprate=float(ANALYSIS_HZ),
                dict=str(dictionary),
                fwdflat=settings.full_second_pass,
                bestpath=True,
                maxhmmpf=settings.max_hmm_per_frame,
                maxwpf=settings.max_words_per_frame,
                cmninit=settings.initial_cmn,
            )
    except OSError as error:
        raise EngineError(
            "PocketSphinx could not be loaded: its dictionary could not be read from its package, or written to the "
            f"folder for temporary files ({gettempdir()}, 4 MB); make room there, or set TMPDIR"
        ) from error
    except (ImportError, RuntimeError, ValueError) as error:
        raise EngineError(
            "PocketSphinx could not be loaded; reinstall the package pocketsphinx or choose another recogniser"
        ) from error


@lru_cache(maxsize=1)
def _dictionary(path: str) -> str:
    """Return the stock dictionary without swear words; read once in a process, which takes 0.1 s."""
    return without_unwanted(Path(path).read_text(encoding="utf-8"))


def _checked_cmn(state: str | None) -> str | None:
    """Return a cepstral mean as it came if it is 13 finite numbers, else None: a bad one deafens the decoder."""
    try:
        values = [float(value) for value in (state or "").split(",")]
    except ValueError:
        return None
    return state if len(values) == 13 and all(np.isfinite(values)) else None
