"""Tunes the text encoder to what candidates ask: `scripts/train-encoder ENCODER_FOLDER`. It needs torch.

It learns from `bench/scenarios`: what patients can tell, how candidates ask for it, what they ask that the patient
can't tell, and what they say without asking. A question is to be nearest to the examples of its item, beside the other
items of its scenario, common topics that the scenario has not, and a fixed distance to nothing at all; the same vectors
are to tell what a turn does. Learned are low-rank additions to all linear layers (Hu et al., 2021: LoRA), 0.7 MB; the
loss is a softmax over items (van den Oord et al., 2018: InfoNCE). It takes a quarter of an hour on two processors.
"""

# ruff: noqa: S311 - chance is drawn so that training can be done again

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
import torch
import torch.nn.functional as F

from bench.cues import load_sentences
from bench.scenarios_file import Scenario, load_scenarios, of_card
from bench.train_intents import LEARNED, NOT_ON_CARD
from pipelines.intent.acts import Act
from pipelines.intent.card_index import NOWHERE, parts_of
from pipelines.intent.encoder import MOST_TOKENS, adapter_path
from pipelines.intent.exemplars import SUPPLIED, Exemplars
from pipelines.intent.groups import SHARPNESS
from pipelines.intent.surface import without_punctuation
from pipelines.models.bert_checkpoint import WEIGHTS, read_safetensors, write_safetensors
from pipelines.patient.card_library import CardLibrary
from server.paths import ROOT

SEED = 0
EPOCHS = 4
RANK = 8
SCALE = 16.0 / RANK
RATE = 8e-4
WARM_STEPS = 20
BATCH = 64
HEAD_SHARPNESS = 20.0
# What the parts of the loss count beside "which item is asked for".
NONE_SHARE, ACTS_SHARE = 1.0, 0.5
# A topic or a stranger's question is surely not the scenario's own that the untuned encoder finds so unlike it.
FOREIGN, FOREIGN_QUESTION = 0.5, 0.35
# How often turns get a sentence before or behind them, lose their marks, and lose or change words as misheard ones do.
BEFORE, BEHIND, BOTH, BARE, MISHEARD, MISHEARD_WORD = 0.15, 0.1, 0.05, 0.3, 0.2, 0.06
SOFT = frozenset({Act.EXPLANATION, Act.EMPATHY, Act.REASSURANCE, Act.ACKNOWLEDGEMENT, Act.APOLOGY})

Tensor = Any


class Bert:
    """The checkpoint's network; `learned` has NAME.up and NAME.down, added to the weight NAME of each linear layer."""

    def __init__(self, folder: Path, *, rank: int = RANK, scale: float = SCALE) -> None:
        self._scale = scale
        told = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self._layers, self._heads = told["num_hidden_layers"], told["num_attention_heads"]
        self._norm = told["layer_norm_eps"]
        tensors = read_safetensors(folder / WEIGHTS)
        self._weights = {
            name.removeprefix("bert."): torch.from_numpy(np.array(tensor)) for name, tensor in tensors.items()
        }
        self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MOST_TOKENS)
        self.learned: dict[str, Tensor] = {}
        for name, weight in self._weights.items():
            if name.endswith("weight") and name.startswith("encoder.") and weight.ndim == 2:
                wide = weight.shape[1]
                self.learned[f"{name}.down"] = (torch.randn(rank, wide) / math.sqrt(wide)).requires_grad_()
                self.learned[f"{name}.up"] = torch.zeros(weight.shape[0], rank, requires_grad=True)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Return the texts' vectors of unit length, float32 (texts, width)."""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
        made: list[Tensor] = [None] * len(ids)
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            for place, vector in zip(part, self.means([ids[place] for place in part]), strict=True):
                made[place] = F.normalize(vector, dim=0)
        return torch.stack(made)

    def means(self, ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None = None) -> Tensor:
        """Return the means of the states of each text's tokens, (texts, width); `types` tells two texts apart."""
        width = max(map(len, ids))
        words, kinds = torch.zeros(len(ids), width, dtype=torch.long), torch.zeros(len(ids), width, dtype=torch.long)
        inside = torch.zeros(len(ids), width)
        for row, each in enumerate(ids):
            words[row, : len(each)], inside[row, : len(each)] = torch.tensor(each), 1.0
            if types is not None:
                kinds[row, : len(each)] = torch.tensor(types[row])
        weights = self._weights
        states = weights["embeddings.word_embeddings.weight"][words]
        states = states + weights["embeddings.position_embeddings.weight"][:width]
        states = self._normed(
            states + weights["embeddings.token_type_embeddings.weight"][kinds], "embeddings.LayerNorm"
        )
        hidden = (1.0 - inside[:, None, None]) * -1e9
        for number in range(self._layers):
            states = self._layer(states, hidden, f"encoder.layer.{number}")
        return (states * inside[:, :, None]).sum(1) / inside.sum(1, keepdim=True)

    def _layer(self, states: Tensor, hidden: Tensor, name: str) -> Tensor:
        texts, width, wide = states.shape
        asked, key, value = (
            self._linear(states, f"{name}.attention.self.{part}").view(texts, width, self._heads, -1).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        shares = torch.softmax(asked @ key.transpose(2, 3) / math.sqrt(wide / self._heads) + hidden, dim=-1)
        heard = (shares @ value).transpose(1, 2).reshape(texts, width, wide)
        heard = self._linear(heard, f"{name}.attention.output.dense")
        states = self._normed(states + heard, f"{name}.attention.output.LayerNorm")
        inner = F.gelu(self._linear(states, f"{name}.intermediate.dense"))
        return self._normed(states + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _linear(self, states: Tensor, name: str) -> Tensor:
        up, down = self.learned[f"{name}.weight.up"], self.learned[f"{name}.weight.down"]
        known = F.linear(states, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])
        return known + self._scale * (states @ down.T) @ up.T

    def _normed(self, states: Tensor, name: str) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return F.layer_norm(states, weight.shape, weight, bias, self._norm)


def nearness(texts: Tensor, examples: Tensor, of: Sequence[int]) -> Tensor:
    """Return how near each text is to each group of examples, as `Groups.nearness` has it, (texts, groups)."""
    powers = SHARPNESS * texts @ examples.T
    places = torch.tensor(of)
    groups = [powers[:, places == group] for group in range(int(places.max()) + 1)]
    return torch.stack([torch.logsumexp(group, 1) - math.log(group.shape[1]) for group in groups], 1)


@dataclass
class Lesson:
    """What one step learns from: examples of items, questions for them, for none, and turns with what they do."""

    examples: list[tuple[str, int]]
    questions: list[tuple[str, int]]
    none: list[str]
    foreign: list[tuple[str, int]]
    acts: list[tuple[str, int]]


class Lessons:
    """Draws lessons: one from each scenario in turn, and some from the common topics alone."""

    def __init__(self, scenarios: Sequence[Scenario], exemplars: Exemplars, encode: Callable[..., Tensor]) -> None:
        self.scenarios = scenarios
        self.doings = sorted({*exemplars.acts, Act.CUE}) + sorted(f"distress {kind}" for kind in exemplars.distress)
        place = {doing: number for number, doing in enumerate(self.doings)}
        self._told = [(text, place[act]) for act, texts in exemplars.acts.items() for text in texts]
        self._told += [
            (text, place[f"distress {kind}"]) for kind, texts in exemplars.distress.items() for text in texts
        ]
        self._own = [[(text, place[act]) for act, text in each.acts] for each in scenarios]
        self._all = [told for each in self._own for told in each]
        soft = [text for act in sorted(SOFT) for text in exemplars.acts[act]]
        self._soft = [[text for act, text in each.acts if act in SOFT] or soft for each in scenarios]
        self.cue = place[Act.CUE]
        self._topics = [topic.questions for topic in exemplars.topics.values()]
        self._words = [word for each in scenarios for item in each.items for text in item.asks for word in text.split()]
        self._asks = [[text for item in each.items for text in item.asks] for each in scenarios]
        with torch.no_grad():  # by the untuned encoder
            own = [encode([text for item in each.items for text in (*item.examples, item.topic)]) for each in scenarios]
            topics = [encode(questions) for questions in self._topics]
            asked = [encode(texts) for texts in self._asks]
        self._far_topics = [
            [number for number, each in enumerate(topics) if float((each @ mine.T).max()) < FOREIGN] for mine in own
        ]
        self._far_asks = [
            [
                text
                for number, (texts, vectors) in enumerate(zip(self._asks, asked, strict=True))
                if number != place_of
                for text, like in zip(texts, (vectors @ mine.T).max(dim=1).values.tolist(), strict=True)
                if like < FOREIGN_QUESTION
            ]
            for place_of, mine in enumerate(own)
        ]

    def epoch(self) -> list[int]:
        """Return the order of an epoch's lessons: a scenario's number, or -1 for one of topics."""
        order = [*range(len(self.scenarios)), *[-1] * (len(self.scenarios) // 4)]
        random.shuffle(order)
        return order

    def draw(self, number: int) -> Lesson:
        """Return a lesson."""
        return self._of_topics() if number < 0 else self._of_scenario(number)

    def _of_scenario(self, number: int) -> Lesson:
        scenario, lesson = self.scenarios[number], Lesson([], [], [], [], [])
        for place, item in enumerate(scenario.items):
            kept = _some(item.examples, random.choice((1, 2, 3, 3)))
            lesson.examples += [(text, place) for text in kept]
            if random.random() < 0.8:
                lesson.examples.append((item.topic, place))
            if random.random() < 0.7:
                lesson.examples.append((random.choice(parts_of([item.says])), place))
            asks = _some(item.asks, 4) + [text for text in item.examples if text not in kept][:1]
            lesson.questions += [(self.turn(text, number), place) for text in asks]
        lesson.none += [self.turn(text, number) for text in _some(scenario.unanswered, 14)]
        lesson.none += [self._misheard(text) for text in _some(self._far_asks[number], 6)]
        self._add_topics(lesson, _some(self._far_topics[number], 10))
        lesson.acts = [self._doing(each, number) for each in _some(self._own[number], 12)]
        lesson.acts += [self._doing(random.choice(self._all), number) for _ in range(10)]
        lesson.acts += [self._doing(each, number) for each in random.sample(self._told, 40)]
        return lesson

    def _of_topics(self) -> Lesson:
        lesson = Lesson([], [], [], [], [])
        drawn = random.sample(range(len(self._topics)), 18)
        for place, topic in enumerate(drawn[:12]):
            questions = random.sample(self._topics[topic], len(self._topics[topic]))
            lesson.examples += [(text, place) for text in questions[:2]]
            lesson.questions += [(self._misheard(text), place) for text in questions[2:5]]
        self._add_topics(lesson, drawn[12:])
        lesson.acts = [(self._misheard(text), doing) for text, doing in random.sample(self._told, 60)]
        return lesson

    def _add_topics(self, lesson: Lesson, topics: Sequence[int]) -> None:
        for place, topic in enumerate(topics):
            first, second, third = random.sample(self._topics[topic], 3)
            lesson.foreign += [(first, place), (second, place)]
            lesson.none.append(self._misheard(third))

    def strange(self, number: int) -> list[str]:
        """Return a question that another patient was asked, if any is surely not for this one."""
        return [self._misheard(text) for text in _some(self._far_asks[number], 1)]

    def _doing(self, told: tuple[str, int], number: int) -> tuple[str, int]:
        text, doing = told
        return (self.turn(text, number) if doing == self.cue else self._misheard(text)), doing

    def turn(self, text: str, number: int) -> str:
        """Return a question as a turn of a scenario: with sentences around it now and then, and misheard ones."""
        soft, chance = self._soft[number], random.random()
        if chance < BEFORE:
            text = f"{random.choice(soft)} {text}"
        elif chance < BEFORE + BEHIND:
            text = f"{text} {random.choice(soft)}"
        elif chance < BEFORE + BEHIND + BOTH:
            text = f"{random.choice(soft)} {random.choice(soft)} {text}"
        return self._misheard(text)

    def _misheard(self, text: str) -> str:
        if random.random() < BARE:
            text = without_punctuation(text) or text
        if random.random() < MISHEARD:
            words = [self._misheard_word(word) for word in text.split()]
            text = " ".join(filter(None, words)) or text
        return text

    def _misheard_word(self, word: str) -> str:
        chance = random.random()
        return "" if chance < MISHEARD_WORD else random.choice(self._words) if chance < 2 * MISHEARD_WORD else word


def _some(texts: Sequence[Any], count: int) -> list[Any]:
    return random.sample(texts, min(count, len(texts)))


def loss_of(lesson: Lesson, encode: Callable[..., Tensor], head: Tensor, cue: int) -> Tensor:
    """Return what is wrong with the vectors of a lesson."""
    parts = [
        [text for text, _ in lesson.examples],
        [text for text, _ in lesson.questions],
        lesson.none,
        [text for text, _ in lesson.foreign],
        [text for text, _ in lesson.acts],
    ]
    vectors = encode([text for part in parts for text in part])
    examples, questions, none, foreign, acts = torch.split(vectors, [len(part) for part in parts])
    of = [item for _, item in lesson.examples]

    def items(texts: Tensor) -> Tensor:
        strange = [nearness(texts, foreign, [topic for _, topic in lesson.foreign])] if lesson.foreign else []
        nowhere = torch.cat([torch.full((len(texts), 1), NOWHERE), *strange], 1)
        return torch.cat([nearness(texts, examples, of), torch.logsumexp(nowhere, 1, keepdim=True)], 1)

    asked = torch.tensor([item for _, item in lesson.questions])
    doings = torch.tensor([cue] * (len(questions) + len(none)) + [doing for _, doing in lesson.acts])
    counts = torch.tensor([0.3] * (len(questions) + len(none)) + [1.0] * len(acts))
    told = F.cross_entropy(HEAD_SHARPNESS * torch.cat([questions, none, acts]) @ head, doings, reduction="none")
    return (
        F.cross_entropy(items(questions), asked)
        + NONE_SHARE * F.cross_entropy(items(none), torch.full((len(none),), max(of) + 1))
        + ACTS_SHARE * (told * counts).sum() / counts.sum()
    )


def train(bert: Bert, lessons: Lessons, *, epochs: int) -> None:
    """Learn, telling each epoch's mean loss."""
    head = torch.randn(bert.encode(["width"]).shape[1], len(lessons.doings)) * 0.05
    head.requires_grad_()
    learned = list(bert.learned.values())
    steps = torch.optim.AdamW([{"params": learned, "weight_decay": 0.01}, {"params": [head]}])
    count, done, began = epochs * len(lessons.epoch()), 0, time.monotonic()
    for epoch in range(epochs):
        total = 0.0
        for number in (order := lessons.epoch()):
            loss = loss_of(lessons.draw(number), bert.encode, head, lessons.cue)
            steps.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learned, 1.0)
            share = max(0.01, min(1.0, done / WARM_STEPS) * (1.0 - done / count))
            steps.param_groups[0]["lr"], steps.param_groups[1]["lr"] = RATE * share, 6 * RATE * share
            steps.step()
            done, total = done + 1, total + loss.item()
        print(f"epoch {epoch + 1}: loss {total / len(order):.3f}, {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201


def write_adapter(learned: Mapping[str, Tensor], path: Path) -> None:
    """Write what was learned in the safetensors format, float16, the scale within NAME.up."""
    scaled = {name: tensor.detach() * (SCALE if name.endswith(".up") else 1.0) for name, tensor in learned.items()}
    write_safetensors(path, {name: tensor.half().numpy() for name, tensor in scaled.items()})


def shipped_cards(encode: Callable[..., Tensor]) -> Iterator[Scenario]:
    """Yield the product's own cards that turns may be learned for; the others stay cards that nobody has seen.

    A turn that nothing on the card answered when it was labelled is left out where a fact has come since that is like
    it.
    """
    cards = CardLibrary.load(ROOT / "configs" / "cards")
    cases = [case for name in LEARNED for case in load_sentences(ROOT / "tests" / "data" / f"{name}.yaml", cards)]
    for card in cards.values():
        asked: dict[str, list[str]] = {}
        for case in cases:
            if case.card_id == card.id:
                asked.setdefault(case.expected, []).append(case.text)
        if asked:
            facts = [text for fact in card.facts for text in (*fact.triggers, fact.topic)]
            strange = asked.get(NOT_ON_CARD, [])
            with torch.no_grad():
                like = (encode(strange) @ encode(facts).T).max(dim=1).values.tolist()
            unanswered = [text for text, nearest in zip(strange, like, strict=True) if nearest < FOREIGN]
            yield of_card(card, asked, unanswered)


def main() -> int:
    """Train, and write the adapter where the product looks for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", type=Path, help="folder of the text encoder's checkpoint")
    parser.add_argument("--out", type=Path, help="file to write; without it the product's own is replaced")
    parser.add_argument("--without-cards", action="store_true", help="learn from the scenarios alone")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    given = parser.parse_args()
    random.seed(SEED)
    torch.manual_seed(SEED)
    bert = Bert(given.encoder)
    scenarios = [*load_scenarios(), *([] if given.without_cards else shipped_cards(bert.encode))]
    train(bert, Lessons(scenarios, Exemplars.load(SUPPLIED), bert.encode), epochs=given.epochs)
    write_adapter(bert.learned, given.out or adapter_path(given.encoder / WEIGHTS))
    return 0


if __name__ == "__main__":
    sys.exit(main())
