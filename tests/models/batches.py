"""Lessons as tensors: features like faster-whisper's, tokens, and what each frame and each answer should know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tokenizers
import torch
from faster_whisper.feature_extractor import FeatureExtractor

from pipelines.stt.whisper_model import PROMPT_TOKENS
from tests.models.lessons import Lesson, Lessons
from tests.models.proof_settings import RULE, TELLING

HOP = 160
FRAMES = 3_000
POSITIONS = 448
IGNORED = -100
# faster-whisper gives at most 223 tokens of earlier text.
_SHORT_PROMPT, _LONG_PROMPT = 30, 220
# These shares of lessons come after the product's prompt, and after any other.
_AS_PRODUCT, _AS_OTHERS = 0.65, 0.1
_NAMED = 0.65  # of batches, after a card's names and drugs too
_STEP_S = 0.02  # of timestamps and of the encoder's frames
# Within this of a word, attention to it counts as right.
_SLACK_S = 0.1
# For this long after a word, the frames are taught to know which word that was.
_AFTER_S = 0.6


@dataclass(frozen=True, slots=True)
class Example:
    """What the decoder is given and is to answer, and for each answer the frames (from, to) to look at, or None."""

    tokens: list[int]
    labels: list[int]
    looks: list[tuple[int, int] | None]
    # Each entry has the first frame, the end frame, the word spoken there and the word before.
    heard: list[tuple[int, int, int, int]]


class Writer:
    """Turns lessons into tokens."""

    def __init__(
        self, tokenizer: tokenizers.Tokenizer, earlier: list[str], cards: list[tuple[str, ...]], *, seed: int
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._cards = cards
        self._earlier = [tokenizer.encode(" " + text, add_special_tokens=False).ids for text in earlier]
        self._tokenizer = tokenizer
        self.end, self.start = token_of(tokenizer, "endoftext"), token_of(tokenizer, "startoftranscript")
        self.previous, self.silent = token_of(tokenizer, "startofprev"), token_of(tokenizer, "nocaptions")
        self.timeless, self.zero = token_of(tokenizer, "notimestamps"), token_of(tokenizer, "0.00")

    def product_prompt(self) -> list[int]:
        """Return what the product puts before a clip: names and drugs of a card or of several, or none, and its text.

        One serves a whole batch, which is as long as the longest.
        """
        random = self._random
        names: tuple[str, ...] = ()
        if random.random() < _NAMED:
            names = self._cards[random.integers(len(self._cards))]
            if random.random() < 0.4:
                every = [name for card in self._cards for name in card]
                names = tuple(random.choice(every, size=random.integers(1, 20), replace=False).tolist())
        ids = self._tokenizer.encode(" " + TELLING.about(names), add_special_tokens=False).ids
        return [self.previous, *ids[:PROMPT_TOKENS]]

    def prompt(self, *, at_most: int) -> list[int]:
        """Return earlier text: another sentence, or any tokens."""
        random = self._random
        tokens: list[int] = []
        wanted = int(random.integers(1, at_most))
        while len(tokens) < wanted:
            if random.random() < 0.5:
                tokens += self._earlier[random.integers(len(self._earlier))]
            else:
                tokens += random.integers(0, self.end, size=random.integers(1, 20)).tolist()
        return tokens[:at_most]

    def write(self, lesson: Lesson, *, product: list[int], prompt: int) -> Example:
        """Return the tokens of a lesson, with or without times.

        It comes after the product's prompt, or after up to `prompt` tokens of earlier text, or after none. Some words
        may have been agreed on before: they are given, without the marks that were not known then.
        """
        random = self._random
        chance = random.random()
        as_product = chance < _AS_PRODUCT
        timed = not as_product and random.random() < 0.5
        agreed = int(random.integers(1, len(lesson.words) + 1)) if lesson.words and random.random() < 0.15 else 0
        tokens: list[int] = []
        labels: list[int] = []
        looks: list[tuple[int, int] | None] = []
        if as_product:
            tokens += product
        elif chance < _AS_PRODUCT + _AS_OTHERS:
            tokens += [self.previous, *self.prompt(at_most=prompt)]
        labels += [IGNORED] * len(tokens)
        begin_s = lesson.words[0].start_s if lesson.words else random.uniform(0, len(lesson.samples) / 16_000)
        mode = self._time(begin_s) if timed else self.timeless
        tokens += [self.start, mode]
        # Speech without a finished word is neither silence nor text: what is answered there is not taught.
        labels.append(mode if lesson.words else IGNORED if lesson.speech else self.silent)
        looks += [None] * len(labels)
        heard: list[tuple[int, int, int, int]] = []
        last = self.start
        for number, (written, word) in enumerate(zip(lesson.text.split(), lesson.words, strict=True), start=1):
            known = number <= agreed
            if number < agreed:
                written = written.rstrip(",.;:!?")
            ids = self._tokenizer.encode(" " + written, add_special_tokens=False).ids
            heard.append((max(0, int(word.start_s / _STEP_S)), int(word.end_s / _STEP_S), ids[0], last))
            last = ids[0]
            for place, token in enumerate(ids):
                tokens.append(token)
                labels.append(IGNORED if known and (number < agreed or place == 0) else token)
                looks.append((int((word.start_s - _SLACK_S) / _STEP_S), int((word.end_s + _SLACK_S) / _STEP_S)))
        if lesson.words:
            end_s = lesson.words[-1].end_s
            if timed:
                tokens.append(self._time(end_s))
                labels.append(tokens[-1])
                looks.append(None)
            looks.append((int((end_s - _SLACK_S) / _STEP_S), FRAMES))
            silent = self.end if lesson.complete else IGNORED
            heard.append((int(end_s / _STEP_S) + 2, int((end_s + _AFTER_S) / _STEP_S), silent, last))
        else:
            looks.append(None)
            if not lesson.speech:
                heard.append((0, FRAMES, self.end, IGNORED))
        labels.append(self.end)
        return Example(tokens=tokens, labels=labels, looks=looks, heard=heard)

    def _time(self, at_s: float) -> int:
        return self.zero + 5 * min(300, max(0, round(at_s * 10)))  # to a tenth of a second


class Features:
    """faster-whisper's features for a batch at once, checked against its own."""

    def __init__(self) -> None:
        self._own: Any = FeatureExtractor()  # type: ignore[no-untyped-call]
        self._filters = torch.tensor(self._own.mel_filters)
        self._window = torch.hann_window(400)
        trial = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
        ours = self(torch.tensor(np.pad(trial, (0, HOP)))[None])[0].numpy()
        if np.abs(ours - self._own(trial)).max() > 1e-3:
            raise SystemExit("the features differ from faster-whisper's; adapt them to its version")

    def __call__(self, samples: Any) -> Any:
        """Return (batch, 80, frames) of samples (batch, n)."""
        spectrum = torch.stft(samples, 400, HOP, window=self._window, center=True, return_complex=True)
        power = self._filters @ (spectrum[..., :-1].abs() ** 2)
        logarithm = torch.log10(torch.clamp(power, min=1e-10))
        return (torch.maximum(logarithm, logarithm.amax((-1, -2), keepdim=True) - 8) + 4) / 4


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One step's lessons as tensors."""

    features: Any
    tokens: Any
    positions: Any
    labels: Any
    heard: Any
    looks: list[list[tuple[int, int] | None]]


def batches(lessons: Lessons, writer: Writer, features: Features, *, size: int, seed: int) -> Any:
    """Yield batches for ever: groups of similar length, every tenth padded to 30 s as it is usual.

    Of the others a third are as long as the product would have them, the rest as it comes.
    """
    random = np.random.default_rng(seed)
    number = 0
    while True:
        drawn = sorted((lessons.draw() for _ in range(4 * size)), key=lambda lesson: len(lesson.samples))
        groups = [drawn[at : at + size] for at in range(0, len(drawn), size)]
        for place in random.permutation(len(groups)):
            number += 1
            group = groups[place]
            if number % 10 == 0:
                yield _batch([group[at] for at in range(0, size, 4)], writer, features, random, frames=FRAMES)
            elif number % 3 == 0:
                window_s = RULE.window_s(max(len(lesson.samples) for lesson in group))
                yield _batch(group, writer, features, random, frames=round(window_s * 100), silent=True)
            else:
                longest = max(len(lesson.samples) for lesson in group) // HOP + 1
                frames = min(FRAMES, longest + int(random.integers(0, 260 if random.random() < 0.3 else 40)))
                yield _batch(group, writer, features, random, frames=frames + frames % 2)


def _batch(
    group: list[Lesson], writer: Writer, features: Features, random: Any, *, frames: int, silent: bool = False
) -> Batch:
    samples = np.zeros((len(group), frames * HOP), dtype=np.float32)
    for row, lesson in zip(samples, group, strict=True):
        row[: len(lesson.samples)] = lesson.samples
    made = features(torch.from_numpy(samples))
    for spectrum, lesson in zip(made, group, strict=True):
        # faster-whisper pads features with zeros; whoever pads the audio gets silence.
        if not silent and random.random() < 0.5:
            spectrum[:, len(lesson.samples) // HOP + 1 :] = 0.0
    prompt = _LONG_PROMPT if random.random() < 0.04 else _SHORT_PROMPT
    product = writer.product_prompt()
    examples = [writer.write(lesson, product=product, prompt=prompt) for lesson in group]
    longest = max(len(example.tokens) for example in examples)
    tokens = torch.full((len(group), longest), writer.end)
    labels = torch.full((len(group), longest), IGNORED)
    for place, example in enumerate(examples):
        tokens[place, : len(example.tokens)] = torch.tensor(example.tokens)
        labels[place, : len(example.labels)] = torch.tensor(example.labels)
    # Late positions are mostly taught by moving everything there: long prompts for all would take too long.
    moved = random.integers(0, POSITIONS - longest, size=(len(group), 1)) * (random.random((len(group), 1)) < 0.2)
    positions = torch.arange(longest) + torch.from_numpy(moved)
    heard = torch.full((2, len(group), frames // 2), IGNORED)
    for place, example in enumerate(examples):
        for begin, end, *known in example.heard:
            heard[:, place, begin:end] = torch.tensor(known)[:, None]
    return Batch(made, tokens, positions, labels, heard, looks=[example.looks for example in examples])


def token_of(tokenizer: tokenizers.Tokenizer, name: str) -> int:
    """Return the id of a special token."""
    found = tokenizer.token_to_id(f"<|{name}|>")
    if found is None:
        raise SystemExit(f"the tokenizer has no <|{name}|>")
    return found
