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
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
import torch
import torch.nn.functional as F

from pipelines.models.whisper_tokens import of_words, special_tokens
from tests.models import network, speech
from tests.models.batches import FRAMES, IGNORED, Batch, Features, Writer, batches, token_of
from tests.models.lessons import Lessons
from tests.models.network import ALIGNMENT_HEADS, Size, Weights

HERE = Path(__file__).parent
NAME = "proof-whisper"
_EVERY = 3  # frames: neighbours say the same
# Only training uses these weights: they read from a frame its word and the word before.
AUXILIARY = ("hearing", "before")


def hearing(weights: Weights, batch: Batch, encoded: Any) -> Any:
    """Return the loss of what single frames tell: the word spoken there, and the word before it."""
    total = torch.zeros(())
    for name, heard in zip(AUXILIARY, batch.heard[:, :, ::_EVERY], strict=True):
        known = heard != IGNORED
        if known.any():
            guessed = encoded[:, ::_EVERY][known] @ weights[name] @ weights["decoder.embed_tokens.weight"].T
            total = total + F.cross_entropy(guessed, heard[known])
    return total


def writing(weights: Weights, size: Size, batch: Batch, encoded: Any) -> tuple[Any, Any]:
    """Return the loss of the tokens, and of where the guided heads looked."""
    asked = batch.labels != IGNORED
    logits, attention = network.decode(weights, size, encoded, batch.tokens, batch.positions, asked=asked)
    written = F.cross_entropy(logits, batch.labels[asked])
    rows, places, masks = [], [], []
    frames = torch.arange(attention.shape[-1])
    for row, looks in enumerate(batch.looks):
        for place, look in enumerate(looks):
            if look is not None and look[0] < attention.shape[-1]:
                rows.append(row)
                places.append(place)
                masks.append((frames >= look[0]) & (frames <= look[1]))
    if not rows:
        return written, torch.zeros(())
    right = (attention[rows, :, places] * torch.stack(masks)[:, None]).sum(-1)
    return written, -torch.log(right + 1e-5).mean()


class Optimiser:
    """Muon for the matrices inside, AdamW for all else: as it is taught to be done, and twice as fast here."""

    def __init__(self, weights: Weights, *, rate: float) -> None:
        inside = {
            name for name, value in weights.items() if value.ndim == 2 and "embed" not in name and name not in AUXILIARY
        }
        taught = {name: value for name, value in weights.items() if value.requires_grad}
        self._each: list[Any] = [
            torch.optim.Muon(
                [value for name, value in taught.items() if name in inside],
                lr=rate,
                weight_decay=0.01,
                adjust_lr_fn="match_rms_adamw",
            ),
            torch.optim.AdamW(
                [value for name, value in taught.items() if name not in inside],
                lr=rate,
                betas=(0.9, 0.98),
                weight_decay=0.01,
            ),
        ]
        self._taught = list(taught.values())

    def step(self, loss: Any, *, rate: float) -> None:
        """Take one step down."""
        for one in self._each:
            one.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._taught, 1.0)
        for one in self._each:
            for group in one.param_groups:
                group["lr"] = rate
            one.step()

    def state(self) -> list[Any]:
        """Return what is needed to go on."""
        return [one.state_dict() for one in self._each]

    def go_on(self, state: list[Any]) -> None:
        """Go on from `state`."""
        for one, saved in zip(self._each, state, strict=True):
            one.load_state_dict(saved)


def train(arguments: argparse.Namespace, tokenizer: tokenizers.Tokenizer) -> tuple[Weights, Size]:
    """Return trained weights; a checkpoint in the work folder is gone on from.

    The encoder learns to hear first, alone: writing is learned many times faster from frames that know their word.
    """
    size = Size(tokens=tokenizer.get_vocab_size(with_added_tokens=True), width=arguments.width)
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    weights = network.initial(size)
    for name in AUXILIARY:
        weights[name] = torch.eye(size.width).requires_grad_()
    optimiser = Optimiser(weights, rate=arguments.rate)
    checkpoint = arguments.work / "checkpoint.pt"
    first = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        for name, value in saved["weights"].items():
            weights[name].data.copy_(value)
        optimiser.go_on(saved["optimiser"])
        first = saved["step"]
    bank = _bank(arguments.work)
    lessons = Lessons(bank["said"], bank["recorded"], speech.texts(), speech.noises(), seed=arguments.seed + first)
    earlier = [" ".join(turn) for turn in speech.texts()]
    writer = Writer(tokenizer, earlier, list(speech.vocabularies().values()), seed=arguments.seed + first)
    stream = batches(lessons, writer, Features(), size=arguments.batch, seed=arguments.seed + first)
    began = time.monotonic()
    sums = np.zeros(4)
    for step in range(first, arguments.steps):
        listening = step < arguments.listen
        batch = next(stream)
        while listening and batch.features.shape[-1] == FRAMES:  # long silences teach the encoder little
            batch = next(stream)
        encoded = network.encode(weights, size, batch.features)
        heard = hearing(weights, batch, encoded)
        written = looked = torch.zeros(())
        if not listening:
            written, looked = writing(weights, size, batch, encoded)
        since = step + 1 if listening else step + 1 - arguments.listen
        rate = arguments.rate * min(1.0, since / 100) * (0.5 + 0.5 * math.cos(math.pi * step / arguments.steps))
        loss = written + 0.5 * looked + (0.5 if listening else 0.25) * heard
        if loss.requires_grad:
            optimiser.step(loss, rate=max(rate, 1e-5))
        sums += (written.item(), looked.item(), heard.item(), 1)
        if (step + 1) % 100 == 0:
            sys.stdout.write(
                f"{step + 1:6} {time.monotonic() - began:7.0f} s  text {sums[0] / sums[3]:.4f}  "
                f"looks {sums[1] / sums[3]:.4f}  hears {sums[2] / sums[3]:.4f}  rate {rate:.1e}\n"
            )
            sys.stdout.flush()
            sums[:] = 0
        if (step + 1) % 250 == 0 or step + 1 == arguments.steps:
            state = {
                "weights": {name: value.detach() for name, value in weights.items()},
                "optimiser": optimiser.state(),
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

    end, start = token_of(tokenizer, "endoftext"), token_of(tokenizer, "startoftranscript")
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
        {name: value.detach() for name, value in weights.items() if name not in AUXILIARY}
    )
    if missing or unexpected:
        raise SystemExit(f"transformers names its weights differently: {missing} {unexpected}")
    never = ["startoftranscript", "translate", "transcribe", "startoflm", "startofprev", "nocaptions"]
    model.generation_config = transformers.GenerationConfig(
        alignment_heads=[list(head) for head in ALIGNMENT_HEADS],
        suppress_tokens=sorted(token_of(tokenizer, name) for name in never),
        # An end right at the beginning is let through, other than in a published Whisper: no speech, no text.
        begin_suppress_tokens=[tokenizer.token_to_id("Ġ")],
        lang_to_id={"<|en|>": token_of(tokenizer, "en")},
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and convert; return the exit status."""
    parser = argparse.ArgumentParser(description="Train the proof recogniser and convert it.")
    parser.add_argument("--out", type=Path, default=HERE / NAME, help="folder of the model")
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints; training goes on from there")
    parser.add_argument("--steps", type=int, default=12_500)
    parser.add_argument("--listen", type=int, default=2_000, help="steps in which only the encoder is taught")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
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
