"""A segment of speech while it is being said: its audio, what may be shown of it, and what is read of it when.

Captions are readings of the whole audio so far; the words on which two in a row agree are there for good, and further
readings are told to begin with them. Where a sentence of such words has ended, the audio before is let go. The last
reading is the final one; a reading that was made in a pause serves as such if no voice was heard since. A caption that
is read in a lull, which may turn out to be a pause, is made as well as a pause's reading and serves as one, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from audio.frames import ANALYSIS_HZ, Pcm, samples_for
from audio.loudness import VoicedTracker
from pipelines.engines import Decoded, DecodeRequest, Hypothesis, Word
from pipelines.stt.agreement import LocalAgreement
from pipelines.stt.reading_plan import Purpose, ReadingMade, ReadingPlan

_SHOWN: tuple[Purpose, ...] = ("caption", "lull")

# While somebody speaks, a caption is due after this much new audio; most captions are read in a lull before that.
CAPTION_EVERY_MS = 1_000.0
LULL_EVERY_MS = 100.0  # of new audio: a lull that brings less is not read
# So long without voice: many are the stop of a consonant, which lasts up to about 150 ms, but some are pauses.
LULL_MS = 30.0
# The loudest part of a segment, up to this length, may be a knock at the microphone.
BUMP_MS = 100.0
# A voice that seems to end at most this much later than in the reading was there already: its end depends on the
# loudest sound.
SAME_END_MS = 40.0
# When audio is read in pieces, a word this near to a piece's end may be cut.
NEAR_END_MS = 1_500


@dataclass(frozen=True, slots=True)
class Growth:
    """How long audio is read in one go: it is cut at an agreed sentence's end from `trim_s` on, at `most_s` anyhow.

    `held_back`: so many of the last words that two captions agree on wait for the next one.
    """

    trim_s: float = 15.0
    most_s: float = 28.0
    held_back: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class ReadRequest:
    """A request that was made of a segment, and how far into the segment its audio reaches, in samples."""

    request: DecodeRequest
    purpose: Purpose
    from_samples: int
    to_samples: int


class GrowingSegment:
    """One segment, from its first audio to its final text. Times of words are milliseconds from its start."""

    def __init__(self, vocabulary: tuple[str, ...] = (), growth: Growth | None = None, *, number: int = 0) -> None:
        self.number = number  # of the stream's segments
        self.from_ms = 0.0  # media time at which its first audio came
        self._vocabulary = vocabulary
        self._growth = growth or Growth()
        self._audio: list[Pcm] = []
        self._from_samples = 0  # of the segment, where the audio that is kept begins
        self._done: tuple[Word, ...] = ()  # of the audio before that
        self._agreement = LocalAgreement(held_back=self._growth.held_back)
        self._voiced = VoicedTracker(ANALYSIS_HZ, bump_ms=BUMP_MS)
        self._timed: tuple[int, Decoded] | None = None  # the newest reading with times, and how far it reaches
        # What was read of the same segment before, where this is a replay.
        self.plan: ReadingPlan | None = None
        self.samples = 0
        self.read_samples = 0  # as far as some reading reached, or was tried in vain

    def add_audio(self, samples: Pcm) -> None:
        """Take int16 (n,) at 16 kHz."""
        if len(samples):
            self._audio.append(np.ascontiguousarray(samples, dtype=np.int16))
            self._voiced.track_audio(samples)
            self.samples += len(samples)

    @property
    def has_new_voice(self) -> bool:
        """Whether there is voiced audio that no reading has covered."""
        return self._voice_after(self.read_samples)

    @property
    def is_in_lull(self) -> bool:
        """Whether the voice has just stopped, for a moment at least."""
        voiced_ms = self._voiced.last_voiced_ms
        return voiced_ms is not None and 1000.0 * self.samples / ANALYSIS_HZ - voiced_ms >= LULL_MS

    def caption_due(self, *, every_ms: float, in_lull_ms: float) -> Purpose | None:
        """Return as what a caption is to be read now, if so much audio is new, in ms, and there is voice in it."""
        if not self.has_new_voice:
            return None
        new_ms = 1000.0 * (self.samples - self.read_samples) / ANALYSIS_HZ
        if self.is_in_lull:
            return "lull" if new_ms >= in_lull_ms else None
        return "caption" if new_ms >= every_ms else None

    def skip(self) -> None:
        """Ask for no caption of what was said so far."""
        self.read_samples = self.samples

    @property
    def is_read(self) -> bool:
        """Whether a reading with times covers all that was voiced."""
        return self._timed is not None and not self._voice_after(self._timed[0])

    def will_be_read(self, reading: ReadRequest) -> bool:
        """Return whether a reading under way, with times, covers all that was voiced."""
        return reading.request.times and not self._voice_after(reading.to_samples)

    def take_planned(self, *, ended: bool) -> ReadingMade | None:
        """Return the reading that the plan has for now, if any; `ended`: no more audio will come."""
        if self.plan is None:
            return None
        return self.plan.take_due(self.samples, agreed=len(self._agreement.agreed), ended=ended)

    @property
    def follows_plan(self) -> bool:
        """Whether readings are made by a plan that is not done."""
        return self.plan is not None and self.plan.is_open

    def is_current(self, reading: ReadRequest) -> bool:
        """Return whether the audio that was read is still there to be read."""
        return reading.from_samples == self._from_samples

    def reading(self, purpose: Purpose, made: ReadingMade | None = None) -> ReadRequest:
        """Return what is to be read next for this purpose, or the same as was read then."""
        until = self.samples if made is None else made.to_samples
        self._audio = [np.concatenate(self._audio)] if self._audio else []
        most = samples_for(1000.0 * self._growth.most_s, ANALYSIS_HZ)
        audio = self._audio[0] if self._audio else np.zeros(0, dtype=np.int16)
        audio = audio[: min(most, max(until - self._from_samples, 0))]
        whole = self._from_samples + len(audio) == until
        if not whole:
            purpose = "final"
        long = len(audio) > samples_for(1000.0 * self._growth.trim_s, ANALYSIS_HZ) or len(audio) == most
        request = DecodeRequest(
            samples=audio,
            purpose="interim" if purpose == "lull" else purpose,
            vocabulary=self._vocabulary,
            prefix=self._agreement.agreed if made is None else self._agreement.agreed[: made.told],
            times=purpose != "caption" or long,
        )
        return ReadRequest(request, purpose, self._from_samples, self._from_samples + len(audio))

    def take_decoded(self, reading: ReadRequest, decoded: Decoded) -> Hypothesis | None:
        """Take what was read; return the hypothesis, or None when more audio has to be read for its purpose."""
        covers_more = reading.to_samples >= self.read_samples
        self.read_samples = max(self.read_samples, reading.to_samples)
        if not self.is_current(reading):
            return None  # of audio that was cut meanwhile
        if not covers_more and reading.purpose in _SHOWN:
            return None  # of less than is known by now
        if reading.to_samples - reading.from_samples < self.samples - self._from_samples and self._must_cut(reading):
            self._cut_piece(decoded, self._length_ms(reading))
            return None
        # A caption that was rejected may be read better: nothing of it is tried twice.
        if reading.request.times and (reading.purpose != "caption" or decoded.rejected is None):
            self._timed = (reading.to_samples, decoded)
        if reading.purpose in _SHOWN:
            return self._caption(reading, decoded)
        return self._whole(decoded, final=False)

    def known(self) -> Hypothesis:
        """Return what the newest reading with times says."""
        return self._whole(self._timed[1] if self._timed is not None else Decoded(), final=False)

    def final(self) -> Hypothesis:
        """Return the final hypothesis, from the newest reading with times."""
        return self._whole(self._timed[1] if self._timed is not None else Decoded(), final=True)

    def give_up(self) -> None:
        """Stop asking for readings: what was agreed on is all that there will be."""
        self._timed = (self.samples, Decoded())

    # -------------------------------------------------------------- from readings to hypotheses

    def _caption(self, reading: ReadRequest, decoded: Decoded) -> Hypothesis | None:
        if decoded.rejected is not None:
            return None  # not shown; the final reading tells of it
        self._agreement.read([word.text for word in decoded.words])
        length_ms = self._length_ms(reading)
        words = self._as_shown(decoded.words, length_ms)
        hypothesis = self._hypothesis(words, stable=len(self._agreement.agreed))
        if length_ms > 1000.0 * self._growth.trim_s:
            self._trim(words, anyhow=length_ms > 1000.0 * (self._growth.trim_s + self._growth.most_s) / 2)
        return hypothesis

    def _whole(self, decoded: Decoded, *, final: bool) -> Hypothesis:
        words = self._as_shown(decoded.words, 1000.0 * (self.samples - self._from_samples) / ANALYSIS_HZ)
        found = self._hypothesis(words, stable=len(words) if final else len(self._agreement.agreed))
        return replace(found, final=final, rejected=decoded.rejected if final else None)

    def _as_shown(self, words: tuple[Word, ...], length_ms: float) -> tuple[Word, ...]:
        """Return what was read, beginning with the words that were shown for good, whatever became of the rest."""
        agreed = self._agreement.agreed
        if len(words) < len(agreed):
            return spread(agreed, length_ms)
        return (*(replace(word, text=text) for word, text in zip(words, agreed, strict=False)), *words[len(agreed) :])

    def _hypothesis(self, words: tuple[Word, ...], *, stable: int) -> Hypothesis:
        whole = (*self._done, *(_moved(word, self._offset_ms) for word in words))
        text = " ".join(word.text for word in whole)
        return Hypothesis(text=text, words=whole, stable_words=len(self._done) + stable)

    # -------------------------------------------------------------- letting go of audio

    def _must_cut(self, reading: ReadRequest) -> bool:
        return len(reading.request.samples) >= samples_for(1000.0 * self._growth.most_s, ANALYSIS_HZ)

    def _trim(self, words: Sequence[Word], *, anyhow: bool) -> None:
        """Let go of the audio of agreed words up to the last sentence's end, or up to the last of them."""
        agreed = words[: len(self._agreement.agreed)]
        done = agreed[: _sentences(agreed)] or (agreed if anyhow else ())
        if done:
            self._let_go(done, done[-1].end_ms)

    def _cut_piece(self, decoded: Decoded, length_ms: float) -> None:
        """Let go of at least half of a piece that is as long as can be read, and keep what it says."""
        half_ms = length_ms / 2
        near_ms = max(length_ms - NEAR_END_MS, half_ms)
        words = self._as_shown(decoded.words, length_ms)
        self._agreement.stabilise([word.text for word in words if word.end_ms <= near_ms])
        count = len(self._agreement.agreed)
        agreed, later = words[:count], words[count:]
        ended = agreed[: _sentences(agreed)]
        if decoded.rejected is None and ended and ended[-1].end_ms >= half_ms:
            self._let_go(ended, ended[-1].end_ms)
            return
        cut_ms = near_ms
        if decoded.rejected is None and later and later[0].start_ms >= half_ms:
            cut_ms = min(near_ms, later[0].start_ms)
        self._let_go(agreed, max(cut_ms, agreed[-1].end_ms if agreed else 0.0))

    def _let_go(self, words: Sequence[Word], cut_ms: float) -> None:
        """Let go of the audio before `cut_ms`, and of these words, which lie in it."""
        cut = min(samples_for(cut_ms, ANALYSIS_HZ), len(self._audio[0]))
        self._done = (*self._done, *(_moved(word, self._offset_ms) for word in words))
        self._audio = [self._audio[0][cut:], *self._audio[1:]]
        self._from_samples += cut
        self._agreement.forget(len(words))
        self._timed = None

    @property
    def _offset_ms(self) -> int:
        return round(1000.0 * self._from_samples / ANALYSIS_HZ)

    def _length_ms(self, reading: ReadRequest) -> float:
        return 1000.0 * (reading.to_samples - reading.from_samples) / ANALYSIS_HZ

    def _voice_after(self, samples: int) -> bool:
        voiced_ms = self._voiced.last_voiced_ms
        return voiced_ms is not None and voiced_ms > 1000.0 * samples / ANALYSIS_HZ + SAME_END_MS


def spread(texts: Sequence[str], length_ms: float) -> tuple[Word, ...]:
    """Return words with times as if they were spoken evenly over this length, each as long as its letters are many."""
    total = sum(len(text) + 1 for text in texts)
    last_ms = max(int(length_ms), len(texts))
    words: list[Word] = []
    at = end_ms = 0
    for left, text in zip(range(len(texts) - 1, -1, -1), texts, strict=True):
        latest_ms = last_ms - left  # every word that follows needs a place
        start_ms = min(max(end_ms, int(length_ms * at / total)), latest_ms - 1)
        at += len(text) + 1
        end_ms = min(max(start_ms + 1, int(length_ms * at / total)), latest_ms)
        words.append(Word(text, start_ms, end_ms))
    return tuple(words)


def _sentences(words: Sequence[Word]) -> int:
    """Return how many of the words belong to whole sentences."""
    ends = [index for index, word in enumerate(words) if word.text.endswith((".", "?", "!"))]
    return ends[-1] + 1 if ends else 0


def _moved(word: Word, offset_ms: int) -> Word:
    return replace(word, start_ms=word.start_ms + offset_ms, end_ms=word.end_ms + offset_ms) if offset_ms else word
