"""Lessons for the proof recogniser: speech cut, moved, padded and disturbed at random, with what is to be written.

A lesson that ends in mid-sentence asks for the words that were finished, no more, as a growing segment wants it; one
without speech asks for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from audio.frames import ANALYSIS_HZ
from tests.data.make_interruptions import breath, chair, door, keyboard
from tests.data.sound import cough, pink_noise
from tests.models.speech import Heard, Said, Samples, words_of

# The recordings have this level: -28 dBFS where voiced, a little less over all.
_SPEECH_RMS = 0.035
# A word that ended so long ago has been heard to its end.
_SURE_S = 0.05
# A smaller part of a word does not count as the word; a larger part that is not the whole may count or not.
_BEGUN = 0.6
# This share of the cuts goes through such a larger part: the word may be written or not, and nothing else.
_UNSURE = 0.25
_LONGEST_S = 29.0


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One clip, float32 at 16 kHz, the finished words in it, what to write, whether anybody speaks, and to the end."""

    samples: Samples
    words: tuple[Heard, ...]
    text: str
    speech: bool
    complete: bool = True


class Lessons:
    """Draws lessons for ever; the same seed draws the same."""

    def __init__(
        self, said: list[Said], recorded: list[Said], turns: list[tuple[str, ...]], noises: list[Samples], *, seed: int
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._by_text: dict[str, list[Said]] = {}
        for one in said:
            self._by_text.setdefault(one.text, []).append(one)
        self._recorded = recorded
        # The longer, the more there is to be mistaken for something else, and the more places to be cut at.
        lengths = np.sqrt([len(list(words_of(one))) for one in recorded])
        self._shares = lengths / lengths.sum()
        self._any = [*said, *recorded]
        self._turns = turns
        self._pieces = sorted(self._by_text)
        # Sentences that no recording has; else they would be heard too seldom.
        self._alone = sorted({piece for turn in turns for piece in turn} - {one.text for one in recorded})
        self._noises = noises

    def draw(self) -> Lesson:
        """Return one lesson."""
        chance = self._random.random()
        if chance < 0.1:
            return self._without_speech()
        said = self._salad() if chance < 0.28 else self._choose()
        cut = chance < 0.16 or 0.28 < chance < 0.68
        if cut:
            samples, words, text = self._cut_off(said)
        else:
            samples, words, text = said.samples, tuple(word for word, _ in words_of(said)), said.text
        return replace(self._placed(samples, words, text), complete=not cut)

    def _choose(self) -> Said:
        chance = self._random.random()
        if chance < 0.5:
            return self._recorded[self._random.choice(len(self._recorded), p=self._shares)]
        if chance < 0.8:
            among = self._alone if chance < 0.63 else self._pieces
            texts: tuple[str, ...] = (among[self._random.integers(len(among))],)
        else:
            texts = self._turns[self._random.integers(len(self._turns))]
            first = self._random.integers(len(texts)) if self._random.random() < 0.3 else 0
            texts = texts[first : first + 4]
        # One voice at one pace speaks all; some were made for some of the texts alone.
        known = [{take.source for take in self._by_text[text]} for text in texts]
        sources = sorted(set.intersection(*known))
        source = sources[self._random.integers(len(sources))]
        return self._joined([next(take for take in self._by_text[text] if take.source == source) for text in texts])

    def _salad(self) -> Said:
        """Return a few words from here and there: they can't be guessed from the words before, only heard."""
        random = self._random
        parts: list[Samples] = []
        words: list[Heard] = []
        at_s = 0.0
        for _ in range(random.integers(2, 7)):
            said = self._any[random.integers(len(self._any))]
            spoken = [word for word, _ in words_of(said)]
            first = int(random.integers(len(spoken)))
            chosen = spoken[first : first + int(random.integers(1, 4))]
            begin, end = (round(time_s * ANALYSIS_HZ) for time_s in (chosen[0].start_s, chosen[-1].end_s))
            part = said.samples[begin:end]
            if not len(part):
                continue
            shift_s = at_s - chosen[0].start_s
            words += [Heard(word.text, word.start_s + shift_s, word.end_s + shift_s) for word in chosen]
            gap = np.zeros(round(random.uniform(0.0, 0.15) * ANALYSIS_HZ), dtype=np.float32)
            level = float(np.sqrt(np.mean(part**2)))
            parts += [part * np.float32(_SPEECH_RMS / max(level, 1e-3)), gap]
            at_s += (len(part) + len(gap)) / ANALYSIS_HZ
        return Said(samples=np.concatenate(parts), pieces=(tuple(words),), source="salad") if words else self._any[0]

    def _joined(self, takes: list[Said]) -> Said:
        if len(takes) == 1:
            return takes[0]
        parts: list[Samples] = []
        pieces: list[tuple[Heard, ...]] = []
        at_s = 0.0
        for number, take in enumerate(takes):
            if number:
                gap_s = self._random.uniform(0.15, 0.8)
                parts.append(np.zeros(round(gap_s * ANALYSIS_HZ), dtype=np.float32))
                at_s += len(parts[-1]) / ANALYSIS_HZ
            pieces += [tuple(Heard(w.text, w.start_s + at_s, w.end_s + at_s) for w in piece) for piece in take.pieces]
            parts.append(take.samples)
            at_s += len(take.samples) / ANALYSIS_HZ
        return Said(samples=np.concatenate(parts), pieces=tuple(pieces), source=takes[0].source)

    def _cut_off(self, said: Said) -> tuple[Samples, tuple[Heard, ...], str]:
        """Return the beginning of `said` and the words that are finished in it."""
        random = self._random
        words = list(words_of(said))
        kept = int(random.integers(0, len(words)))
        following = words[kept][0]
        begun_s = following.start_s + _BEGUN * (following.end_s - following.start_s)
        sure_s = following.end_s + _SURE_S
        if random.random() < _UNSURE:
            end_s = random.uniform(begun_s, sure_s)
            kept += int(random.uniform(begun_s, sure_s) < end_s)
        else:
            earliest_s = words[kept - 1][0].end_s + _SURE_S if kept else max(0.0, following.start_s - 0.2)
            end_s = max(earliest_s, random.uniform(min(earliest_s, begun_s), begun_s))
        text = " ".join(word.text for word, _ in words[:kept])
        if kept and not words[kept - 1][1]:
            text = text.rstrip(",.;:!?")  # a comma is heard by what comes after it
        samples = said.samples[: round(end_s * ANALYSIS_HZ)]
        return samples, tuple(word for word, _ in words[:kept]), text

    def _placed(self, samples: Samples, words: tuple[Heard, ...], text: str) -> Lesson:
        """Return speech with silence around it, at some level, in some noise, maybe clipped or from a telephone."""
        random = self._random
        wide = random.random() < 0.12
        before_s = random.uniform(0.0, 3.0 if wide else 0.5)
        after_s = random.uniform(0.0, 3.0) if random.random() < 0.12 else random.uniform(0.0, 0.6)
        if random.random() < 0.25 and len(words):  # a buffer that was trimmed close
            before_s = 0.0
            samples, words = _shorn(samples, words)
        before = np.zeros(round(before_s * ANALYSIS_HZ), dtype=np.float32)
        after = np.zeros(round(after_s * ANALYSIS_HZ), dtype=np.float32)
        audio = np.concatenate([before, samples, after])
        level = float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0
        audio = audio * (
            (_SPEECH_RMS if level > 1e-4 else 0.0) / max(level, 1e-4) * 10 ** (random.uniform(-12, 8) / 20)
        )
        noise = random.random()
        if noise < 0.6:
            audio = audio + self._hiss(len(audio), level_db=random.uniform(-75.0, -50.0))
        effect = random.random()
        if effect < 0.06:
            audio = np.clip(audio * 10.0, -1.0, 1.0)
        elif effect < 0.12:
            audio = _narrow(audio.astype(np.float32))
        shifted = tuple(Heard(w.text, w.start_s + before_s, w.end_s + before_s) for w in words)
        return Lesson(
            samples=audio[: round(_LONGEST_S * ANALYSIS_HZ)].astype(np.float32), words=shifted, text=text, speech=True
        )

    def _hiss(self, length: int, *, level_db: float) -> Samples:
        random = self._random
        if length < 16:
            return np.zeros(length, dtype=np.float32)
        if random.random() < 0.6:
            return pink_noise(_round(length), level_db=level_db, rng=random)[:length].astype(np.float32)
        return (random.standard_normal(length, dtype=np.float32) * 10 ** (level_db / 20)).astype(np.float32)

    def _without_speech(self) -> Lesson:
        random = self._random
        length = round(random.uniform(0.3, 6.0) * ANALYSIS_HZ)
        kind = random.integers(8)
        gain = 10 ** (random.uniform(-15, 6) / 20)
        audio: Samples = np.zeros(length, dtype=np.float32)
        if kind == 1:
            audio = self._hiss(length, level_db=random.uniform(-80, -20))
        elif kind == 2:
            audio = np.cumsum(random.standard_normal(length)).astype(np.float32)
            audio -= np.convolve(audio, np.ones(400, dtype=np.float32) / 400, mode="same")
            audio *= np.float32(0.05 / max(1e-6, float(np.std(audio))))
        elif kind in (3, 4):
            audio = self._music(length)
        elif kind >= 5:
            made = [self._event() for _ in range(random.integers(1, 4))]
            gaps = [np.zeros(round(random.uniform(0.05, 1.0) * ANALYSIS_HZ), dtype=np.float32) for _ in made]
            audio = np.concatenate([part for pair in zip(gaps, made, strict=True) for part in pair])
        audio = audio * np.float32(gain)
        if random.random() < 0.5:
            audio = audio + self._hiss(len(audio), level_db=random.uniform(-75, -45))
        return Lesson(samples=audio.astype(np.float32), words=(), text="", speech=False)

    def _event(self) -> Samples:
        random = self._random
        kind = random.integers(6)
        if kind == 0:
            made = cough(ANALYSIS_HZ, duration_ms=int(random.integers(150, 400)), level_db=-10.0, rng=random)
        elif kind == 1:
            made = keyboard(random)
        elif kind == 2:
            made = door(random)
        elif kind == 3:
            made = chair(random)
        elif kind == 4:
            made = breath(random)
        else:
            return self._noises[random.integers(len(self._noises))][: 4 * ANALYSIS_HZ]
        return made.astype(np.float32)

    def _music(self, length: int) -> Samples:
        """Return notes of random instruments: a few harmonics each, struck or swelling, alone or in chords."""
        random = self._random
        audio = np.zeros(length, dtype=np.float32)
        timbre = 1.0 / np.arange(1, 7) ** random.uniform(0.7, 2.5)
        voices = int(random.integers(1, 4))
        root, at = random.uniform(80, 500), 0
        while at < length:
            note = round(random.uniform(0.12, 0.9) * ANALYSIS_HZ)
            time_s = np.arange(min(note, length - at)) / ANALYSIS_HZ
            shape = np.exp(-time_s * random.uniform(0.5, 6)) * np.minimum(1.0, time_s / random.uniform(0.004, 0.08))
            for _ in range(voices):
                pitch = root * 2 ** (random.choice([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]) / 12)
                for number, strength in enumerate(timbre, start=1):
                    if pitch * number < 7_500:
                        wave = np.sin(2 * np.pi * pitch * number * time_s + random.uniform(0, 6))
                        audio[at : at + len(time_s)] += (strength * shape * wave).astype(np.float32)
            at += note
        return (audio * np.float32(0.1 / max(1e-6, float(np.abs(audio).max())) * 3)).astype(np.float32)


def _shorn(samples: Samples, words: tuple[Heard, ...]) -> tuple[Samples, tuple[Heard, ...]]:
    """Return speech without what lies before its first word."""
    at_s = max(0.0, words[0].start_s - 0.03)
    return samples[round(at_s * ANALYSIS_HZ) :], tuple(Heard(w.text, w.start_s - at_s, w.end_s - at_s) for w in words)


def _narrow(audio: Samples) -> Samples:
    """Return the audio as from a telephone: nothing above 4 kHz."""
    length = _round(len(audio))
    spectrum = np.fft.rfft(audio, n=length)
    spectrum[np.fft.rfftfreq(length, 1 / ANALYSIS_HZ) > 3_900] = 0
    return np.asarray(np.fft.irfft(spectrum, n=length)[: len(audio)], dtype=np.float32)


def _round(length: int) -> int:
    """Return a length not below `length` that is transformed fast; a prime one takes ten times as long."""
    return -(-length // 4_000) * 4_000
