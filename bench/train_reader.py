"""Teaches the item reader: `scripts/train-reader ENCODER_FOLDER`. It needs torch.

It learns from `bench/scenarios`: of every question the item that answers it, and items that it is near to and that do
not answer it, by the untuned and by the tuned encoder; of a question that the patient can't answer, only such. Learned
are low-rank additions to all linear layers (Hu et al., 2021: LoRA) and a small head, 1.7 MB. It never sees the cards
that come with the product. It takes half an hour on two processors.
"""

# ruff: noqa: S311 - chance is drawn so that training can be done again

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from bench.scenarios_file import Scenario, load_scenarios
from bench.train_encoder import Bert, Lessons, Tensor
from pipelines.intent.card_index import parts_of
from pipelines.intent.encoder import SentenceEncoder, adapter_path
from pipelines.intent.exemplars import SUPPLIED, Exemplars
from pipelines.intent.item_reader import KIND, MOST_TOKENS, START, item_text
from pipelines.intent.item_reader import SEPARATOR as END
from pipelines.models.bert_checkpoint import WEIGHTS, write_safetensors

SEED = 0
EPOCHS = 4
RANK = 16
RATE = 6e-4
WARM_STEPS = 60
BATCH = 64
# Batches of like length are made of so many at a time.
SORTED = 8
# Texts that are computed at once.
PART = 32
# Nobody is surer than this of a pair.
SMOOTH = 0.02
# Items near to a question: so many by the tuned encoder, and so many by the untuned one.
NEAR, NEAR_UNTUNED = 3, 2
# How often an item's whole answer is read; else one of its sentences. How often a question of another patient is asked.
WHOLE, STRANGE = 0.8, 0.05


class PairBert(Bert):
    """The network that reads two texts at once, with its head."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, rank=RANK, scale=1.0)
        self._tokenizer.no_truncation()
        wide = self._weights["embeddings.word_embeddings.weight"].shape[1]
        self._start = int(self._tokenizer.token_to_id(START) or 0)
        self._end = int(self._tokenizer.token_to_id(END) or 0)
        self.head = {
            "head.dense": torch.eye(wide).requires_grad_(),
            "head.dense_bias": torch.zeros(wide).requires_grad_(),
            "head.out": torch.zeros(wide).requires_grad_(),
            "head.bias": torch.zeros(1).requires_grad_(),
        }

    def log_odds(self, pairs: Sequence[tuple[str, str]]) -> Tensor:
        """Return how likely the second text of each pair answers the first, float32 (pairs,)."""
        ids, types = zip(*(self._tokens(asked, told) for asked, told in pairs), strict=True)
        order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
        made: list[Any] = [None] * len(ids)
        for start in range(0, len(order), PART):
            part = order[start : start + PART]
            with torch.autocast("cpu", dtype=torch.bfloat16):
                means = self.means([ids[place] for place in part], [types[place] for place in part]).float()
            inner = F.gelu(F.linear(means, self.head["head.dense"], self.head["head.dense_bias"]))
            for place, odds in zip(part, inner @ self.head["head.out"] + self.head["head.bias"], strict=True):
                made[place] = odds
        return torch.stack(made)

    def _tokens(self, asked: str, told: str) -> tuple[list[int], list[int]]:
        first = [self._start, *self._ids(asked), self._end]
        second = [*self._ids(told), self._end]
        return first + second, [0] * len(first) + [1] * len(second)

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids[:MOST_TOKENS]


@dataclass(frozen=True, slots=True)
class QuestionAsked:
    """A question of a scenario, the item that answers it (none: -1), and items that do not, the nearest first."""

    scenario: int
    text: str
    item: int
    others: tuple[int, ...]


def questions_of(number: int, scenario: Scenario, bert: Bert, tuned: SentenceEncoder) -> Iterator[QuestionAsked]:
    """Yield what is asked in a scenario."""
    told = [
        (place, text)
        for place, item in enumerate(scenario.items)
        for text in (*item.examples, item.topic, *parts_of([item.says]))
    ]
    asked = [(text, place) for place, item in enumerate(scenario.items) for text in item.asks]
    asked += [(text, -1) for text in scenario.unanswered]
    of, texts = torch.tensor([place for place, _ in told]), [text for _, text in told]
    questions = [text for text, _ in asked]
    with torch.no_grad():
        untuned = bert.encode(questions) @ bert.encode(texts).T
    near = [_nearest(untuned, of), _nearest(torch.from_numpy(tuned.encode(questions) @ tuned.encode(texts).T), of)]
    for (text, item), by_untuned, by_tuned in zip(asked, *near, strict=True):
        near_items = [place for place in by_tuned if place != item][:NEAR]
        near_items += [place for place in by_untuned if place != item][:NEAR_UNTUNED]
        yield QuestionAsked(number, text, item, tuple(near_items))
    for own, told_item in enumerate(scenario.items):
        others = tuple(other for other in range(len(scenario.items)) if other != own)
        yield from (QuestionAsked(number, text, own, others) for text in told_item.examples)


def _nearest(likeness: Tensor, of: Tensor) -> list[list[int]]:
    items = range(int(of.max()) + 1)
    best = torch.stack([likeness[:, of == item].max(1).values for item in items], 1)
    nearest: list[list[int]] = best.argsort(descending=True).tolist()
    return nearest


class Pairs:
    """Draws pairs of a turn and an item, each with whether the item answers it."""

    def __init__(self, scenarios: Sequence[Scenario], asked: Sequence[QuestionAsked], lessons: Lessons) -> None:
        self._scenarios, self._asked, self._lessons = scenarios, list(asked), lessons

    def epoch(self) -> list[tuple[str, str, float]]:
        """Return an epoch's pairs, each question with an item that answers it, if any does, and one that does not."""
        random.shuffle(self._asked)
        pairs: list[tuple[str, str, float]] = []
        for asked in self._asked:
            turn = self._lessons.turn(asked.text, asked.scenario)
            nearest, *others = asked.others
            if asked.item >= 0:
                pairs.append((turn, self._item(asked, asked.item), 1.0))
                pairs.append((turn, self._item(asked, random.choice((nearest, *asked.others))), 0.0))
            else:
                pairs.append((turn, self._item(asked, nearest), 0.0))
                pairs.append((turn, self._item(asked, random.choice(others)), 0.0))
            if random.random() < STRANGE:
                strange = self._lessons.strange(asked.scenario)
                item = random.randrange(len(self._scenarios[asked.scenario].items))
                pairs += [(text, self._item(asked, item), 0.0) for text in strange]
        return pairs

    def _item(self, asked: QuestionAsked, place: int) -> str:
        item = self._scenarios[asked.scenario].items[place]
        examples = [text for text in item.examples if text != asked.text] or [item.topic]
        says = item.says if random.random() < WHOLE else random.choice(parts_of([item.says]))
        return item_text(item.topic, random.choice(examples), says)


def batches_of(pairs: Sequence[tuple[str, str, float]]) -> list[Sequence[tuple[str, str, float]]]:
    """Return batches of pairs of like length, in no order."""
    batches: list[Sequence[tuple[str, str, float]]] = []
    for start in range(0, len(pairs), BATCH * SORTED):
        part = sorted(pairs[start : start + BATCH * SORTED], key=lambda pair: len(pair[0]) + len(pair[1]))
        batches += [part[place : place + BATCH] for place in range(0, len(part), BATCH)]
    random.shuffle(batches)
    return batches


def train(bert: PairBert, pairs: Pairs, *, epochs: int) -> None:
    """Learn, telling each epoch's mean loss."""
    learned = list(bert.learned.values())
    steps = torch.optim.AdamW(
        [{"params": learned, "weight_decay": 0.01}, {"params": list(bert.head.values()), "weight_decay": 0.0}]
    )
    done, began = 0, time.monotonic()
    for epoch in range(epochs):
        batches, total = batches_of(pairs.epoch()), 0.0
        count = len(batches) * epochs
        for batch in batches:
            odds = bert.log_odds([(asked, told) for asked, told, _ in batch])
            wanted = torch.tensor([answers for *_, answers in batch])
            loss = F.binary_cross_entropy_with_logits(odds, wanted * (1.0 - 2.0 * SMOOTH) + SMOOTH)
            steps.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learned, 1.0)
            share = max(0.01, min(1.0, done / WARM_STEPS) * (1.0 - done / count))
            for group in steps.param_groups:
                group["lr"] = RATE * share
            steps.step()
            done, total = done + 1, total + loss.item()
        print(f"epoch {epoch + 1}: loss {total / len(batches):.3f}, {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201


def main() -> int:
    """Train, and write what was learned where the product looks for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", type=Path, help="folder of the text encoder's checkpoint")
    parser.add_argument("--out", type=Path, help="file to write; without it the product's own is replaced")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    given = parser.parse_args()
    random.seed(SEED)
    torch.manual_seed(SEED)
    bert, tuned = PairBert(given.encoder), SentenceEncoder(given.encoder, threads=2)
    untuned, scenarios = Bert(given.encoder), load_scenarios()
    lessons = Lessons(scenarios, Exemplars.load(SUPPLIED), untuned.encode)
    asked = [
        each for number, scenario in enumerate(scenarios) for each in questions_of(number, scenario, untuned, tuned)
    ]
    train(bert, Pairs(scenarios, asked, lessons), epochs=given.epochs)
    made = {name: tensor.detach().half().numpy() for name, tensor in (bert.learned | bert.head).items()}
    write_safetensors(given.out or adapter_path(given.encoder / WEIGHTS, kind=KIND), made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
