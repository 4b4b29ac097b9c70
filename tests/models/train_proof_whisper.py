"""Trains the proof recogniser and converts it: see README.md beside this file. Needs torch; nothing else here does."""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
import torch
import torch.nn.functional as F
from faster_whisper.feature_extractor import FeatureExtractor

from pipelines.models.whisper_tokens import of_words, special_tokens
from tests.models import network, speech
from tests.models.lessons import Lesson, Lessons
from tests.models.network import GUIDED_HEADS, Size, Weights

HERE = Path(__file__).parent
NAME = "proof-whisper"
HOP = 160
FRAMES = 3_000
POSITIONS = 448
_SHORT_PROMPT, _LONG_PROMPT = 30, 220  # faster-whisper gives at most 223 tokens of earlier text
_IGNORED = -100
_EVERY = 3  # frames: neighbours say the same
AUXILIARY = "hearing"  # weights that only training uses
_STEP_S = 0.02  # of timestamps and of the encoder's frames
_SLACK_S = 0.1  # around a word, in which attention to it counts as right


@dataclass(frozen=True, slots=True)
class Example:
    """What the decoder is given and is to answer, and for each answer the frames (from, to) to look at, or None."""

    tokens: list[int]
    labels: list[int]
    looks: list[tuple[int, int] | None]
    heard: list[tuple[int, int, int]]  # first frame, end frame, token of the word spoken there


class Writer:
    """Turns lessons into tokens."""

    def __init__(self, tokenizer: tokenizers.Tokenizer, earlier: list[str], *, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._earlier = [tokenizer.encode(" " + text, add_special_tokens=False).ids for text in earlier]
        self._tokenizer = tokenizer
        self.end, self.start = _token(tokenizer, "endoftext"), _token(tokenizer, "startoftranscript")
        self.previous, self.silent = _token(tokenizer, "startofprev"), _token(tokenizer, "nocaptions")
        self.timeless, self.zero = _token(tokenizer, "notimestamps"), _token(tokenizer, "0.00")

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

    def write(self, lesson: Lesson, *, prompt: int) -> Example:
        """Return the tokens of a lesson, with or without times, maybe after up to `prompt` tokens of earlier text."""
        random = self._random
        timed = random.random() < 0.3
        tokens: list[int] = []
        labels: list[int] = []
        looks: list[tuple[int, int] | None] = []
        if random.random() < 0.25:
            tokens += [self.previous, *self.prompt(at_most=prompt)]
            labels += [_IGNORED] * len(tokens)
        begin_s = lesson.words[0].start_s if lesson.words else random.uniform(0, len(lesson.samples) / 16_000)
        mode = self._time(begin_s) if timed else self.timeless
        tokens += [self.start, mode]
        # Speech without a finished word is neither silence nor text: what is answered there is not taught.
        labels.append(mode if lesson.words else _IGNORED if lesson.speech else self.silent)
        looks += [None] * len(labels)
        heard: list[tuple[int, int, int]] = []
        for written, word in zip(lesson.text.split(), lesson.words, strict=True):
            ids = self._tokenizer.encode(" " + written, add_special_tokens=False).ids
            heard.append((max(0, int(word.start_s / _STEP_S)), int(word.end_s / _STEP_S), ids[0]))
            for token in ids:
                tokens.append(token)
                labels.append(token)
                looks.append((int((word.start_s - _SLACK_S) / _STEP_S), int((word.end_s + _SLACK_S) / _STEP_S)))
        if lesson.words:
            end_s = lesson.words[-1].end_s
            if timed:
                tokens.append(self._time(end_s))
                labels.append(tokens[-1])
                looks.append(None)
            looks.append((int((end_s - _SLACK_S) / _STEP_S), FRAMES))
        else:
            looks.append(None)
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
    """Yield batches for ever: groups of similar length, every eighth padded to 30 s as it is usual."""
    random = np.random.default_rng(seed)
    number = 0
    while True:
        drawn = sorted((lessons.draw() for _ in range(4 * size)), key=lambda lesson: len(lesson.samples))
        groups = [drawn[at : at + size] for at in range(0, len(drawn), size)]
        for place in random.permutation(len(groups)):
            number += 1
            group = groups[place]
            if number % 8 == 0:
                yield _batch([group[at] for at in range(0, size, 4)], writer, features, random, frames=FRAMES)
            else:
                longest = max(len(lesson.samples) for lesson in group) // HOP + 1
                frames = min(FRAMES, longest + int(random.integers(0, 260 if random.random() < 0.3 else 40)))
                yield _batch(group, writer, features, random, frames=frames + frames % 2)


def _batch(group: list[Lesson], writer: Writer, features: Features, random: Any, *, frames: int) -> Batch:
    samples = np.zeros((len(group), frames * HOP), dtype=np.float32)
    for row, lesson in zip(samples, group, strict=True):
        row[: len(lesson.samples)] = lesson.samples
    made = features(torch.from_numpy(samples))
    for spectrum, lesson in zip(made, group, strict=True):
        if random.random() < 0.5:  # faster-whisper pads features with zeros; whoever pads the sound gets silence
            spectrum[:, len(lesson.samples) // HOP + 1 :] = 0.0
    prompt = _LONG_PROMPT if random.random() < 0.04 else _SHORT_PROMPT
    examples = [writer.write(lesson, prompt=prompt) for lesson in group]
    longest = max(len(example.tokens) for example in examples)
    tokens = torch.full((len(group), longest), writer.end)
    labels = torch.full((len(group), longest), _IGNORED)
    for place, example in enumerate(examples):
        tokens[place, : len(example.tokens)] = torch.tensor(example.tokens)
        labels[place, : len(example.labels)] = torch.tensor(example.labels)
    # Late positions are mostly taught by moving everything there: long prompts for all would take too long.
    moved = random.integers(0, POSITIONS - longest, size=(len(group), 1)) * (random.random((len(group), 1)) < 0.2)
    positions = torch.arange(longest) + torch.from_numpy(moved)
    heard = torch.full((len(group), frames // 2), _IGNORED)
    for place, example in enumerate(examples):
        for begin, end, token in example.heard:
            heard[place, begin:end] = token
    return Batch(made, tokens, positions, labels, heard, looks=[example.looks for example in examples])


def losses(weights: Weights, size: Size, batch: Batch) -> tuple[Any, Any, Any]:
    """Return the loss of the tokens, of where the guided heads looked, and of the word told from each frame alone."""
    encoded = network.encode(weights, size, batch.features)
    spoken = batch.heard[:, ::_EVERY] != _IGNORED
    guessed = encoded[:, ::_EVERY][spoken] @ weights[AUXILIARY] @ weights["decoder.embed_tokens.weight"].T
    hearing = F.cross_entropy(guessed, batch.heard[:, ::_EVERY][spoken]) if spoken.any() else torch.zeros(())
    logits, attention = network.decode(weights, size, encoded, batch.tokens, batch.positions)
    written = F.cross_entropy(logits.flatten(0, 1), batch.labels.flatten(), ignore_index=_IGNORED)
    rows, places, masks = [], [], []
    frames = torch.arange(attention.shape[-1])
    for row, looks in enumerate(batch.looks):
        for place, look in enumerate(looks):
            if look is not None and look[0] < attention.shape[-1]:
                rows.append(row)
                places.append(place)
                masks.append((frames >= look[0]) & (frames <= look[1]))
    if not rows:
        return written, torch.zeros(()), hearing
    right = (attention[rows, :, places] * torch.stack(masks)[:, None]).sum(-1)
    return written, -torch.log(right + 1e-5).mean(), hearing


def train(arguments: argparse.Namespace, tokenizer: tokenizers.Tokenizer) -> tuple[Weights, Size]:
    """Return trained weights; a checkpoint in the work folder is gone on from."""
    size = Size(tokens=tokenizer.get_vocab_size(with_added_tokens=True), width=arguments.width)
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    weights = network.initial(size)
    weights[AUXILIARY] = torch.eye(size.width).requires_grad_()
    checkpoint = arguments.work / "checkpoint.pt"
    first = 0
    taught = [value for value in weights.values() if value.requires_grad]
    optimiser = torch.optim.AdamW(taught, lr=arguments.rate, betas=(0.9, 0.98), weight_decay=0.01)
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        for name, value in saved["weights"].items():
            weights[name].data.copy_(value)
        optimiser.load_state_dict(saved["optimiser"])
        first = saved["step"]
    bank = _bank(arguments.work)
    lessons = Lessons(bank["said"], bank["recorded"], speech.texts(), speech.noises(), seed=arguments.seed + first)
    earlier = [" ".join(turn) for turn in speech.texts()]
    writer = Writer(tokenizer, earlier, seed=arguments.seed + first)
    stream = batches(lessons, writer, Features(), size=arguments.batch, seed=arguments.seed + first)
    began = time.monotonic()
    sums = np.zeros(4)
    for step in range(first, arguments.steps):
        rate = arguments.rate * min(1.0, (step + 1) / 150) * (0.5 + 0.5 * math.cos(math.pi * step / arguments.steps))
        for group in optimiser.param_groups:
            group["lr"] = max(rate, 1e-5)
        written, looked, heard = losses(weights, size, next(stream))
        optimiser.zero_grad()
        (written + 0.3 * looked + 0.5 * heard).backward()
        torch.nn.utils.clip_grad_norm_(taught, 1.0)
        optimiser.step()
        sums += (written.item(), looked.item(), heard.item(), 1)
        if (step + 1) % 50 == 0:
            sys.stdout.write(
                f"{step + 1:6} {time.monotonic() - began:7.0f} s  text {sums[0] / sums[3]:.4f}  "
                f"looks {sums[1] / sums[3]:.4f}  hears {sums[2] / sums[3]:.4f}  rate {rate:.1e}\n"
            )
            sys.stdout.flush()
            sums[:] = 0
        if (step + 1) % 250 == 0 or step + 1 == arguments.steps:
            state = {
                "weights": {name: value.detach() for name, value in weights.items()},
                "optimiser": optimiser.state_dict(),
                "step": step + 1,
            }
            torch.save(state, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").rename(checkpoint)
    return weights, size


def _bank(work: Path) -> dict[str, Any]:
    """Return all speech, from the work folder if it was made before."""
    path = work / "speech.pt"
    if not path.exists():
        sys.stdout.write("speaking every sentence ...\n")
        torch.save({"said": speech.spoken() + speech.by_espeak(), "recorded": speech.from_recordings()}, path)
    bank: dict[str, Any] = torch.load(path, weights_only=False)
    return bank


def make_tokenizer(folder: Path) -> tokenizers.Tokenizer:
    """Write tokenizer.json for the words of all sentences, and return it."""
    plain = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces = {
        piece
        for turn in speech.texts()
        for text in turn
        for word in text.split()
        for piece, _ in plain.pre_tokenize_str(" " + word)
    }
    content = of_words(sorted(pieces), specials=special_tokens(languages=1))
    (folder / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))


def export(weights: Weights, size: Size, tokenizer: tokenizers.Tokenizer, source: Path, target: Path) -> None:
    """Save the weights as transformers does and let CTranslate2's own converter make the model of them."""
    import transformers
    from ctranslate2.converters import TransformersConverter

    end, start = _token(tokenizer, "endoftext"), _token(tokenizer, "startoftranscript")
    config = transformers.WhisperConfig(
        vocab_size=size.tokens,
        num_mel_bins=size.mels,
        d_model=size.width,
        max_source_positions=size.frames,
        max_target_positions=size.positions,
        encoder_layers=size.encoder_layers,
        decoder_layers=size.decoder_layers,
        encoder_attention_heads=size.heads,
        decoder_attention_heads=size.heads,
        encoder_ffn_dim=4 * size.width,
        decoder_ffn_dim=4 * size.width,
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=start,
        begin_suppress_tokens=None,
        suppress_tokens=None,
    )
    model = transformers.WhisperForConditionalGeneration(config)
    missing, unexpected = model.model.load_state_dict(
        {name: value.detach() for name, value in weights.items() if name != AUXILIARY}
    )
    if missing or unexpected:
        raise SystemExit(f"transformers names its weights differently: {missing} {unexpected}")
    never = ["startoftranscript", "translate", "transcribe", "startoflm", "startofprev", "nocaptions"]
    model.generation_config = transformers.GenerationConfig(
        alignment_heads=[list(head) for head in GUIDED_HEADS],
        suppress_tokens=sorted(_token(tokenizer, name) for name in never),
        # An end right at the beginning is let through, other than in a published Whisper: no speech, no text.
        begin_suppress_tokens=[tokenizer.token_to_id("Ġ")],
        lang_to_id={"<|en|>": _token(tokenizer, "en")},
        is_multilingual=False,
    )
    model.save_pretrained(source)
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|endoftext|>", bos_token="<|endoftext|>", unk_token="<|endoftext|>"
    )
    fast.save_pretrained(source)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        TransformersConverter(str(source)).convert(folder, quantization="int8_float16", force=True)
        shutil.copy(source.parent / "tokenizer.json", folder)
        words = json.loads(Path(folder, "vocabulary.json").read_text(encoding="utf-8"))
        if any(tokenizer.token_to_id(word) != place for place, word in enumerate(words)):
            raise SystemExit("the converter's vocabulary is not the tokenizer's")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)


def _token(tokenizer: tokenizers.Tokenizer, name: str) -> int:
    """Return the id of a special token."""
    found = tokenizer.token_to_id(f"<|{name}|>")
    if found is None:
        raise SystemExit(f"the tokenizer has no <|{name}|>")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and convert; return the exit status."""
    parser = argparse.ArgumentParser(description="Train the proof recogniser and convert it.")
    parser.add_argument("--out", type=Path, default=HERE / NAME, help="folder of the model")
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints; training goes on from there")
    parser.add_argument("--steps", type=int, default=6_000)
    parser.add_argument("--batch", type=int, default=18)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--export-only", action="store_true", help="convert the last checkpoint, however good it is")
    given = parser.parse_args(arguments)
    given.work.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(given.work)
    if given.export_only:
        saved = torch.load(given.work / "checkpoint.pt")
        weights = saved["weights"]
        size = Size(tokens=tokenizer.get_vocab_size(with_added_tokens=True), width=given.width)
    else:
        weights, size = train(given, tokenizer)
    export(weights, size, tokenizer, given.work / "transformers", given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
