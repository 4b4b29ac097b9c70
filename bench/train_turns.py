"""Trains the endpointing's model on transcribed consultations: `python -m bench.train_turns FOLDER`.

Each end of a doctor's utterance is an example, as it is written and as a recogniser would hear it (no punctuation,
words dropped and swapped). What the model for holds is told by the model for inner pauses comes from models that were
trained without the consultation at hand, so that it does not trust it too much.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.consultations import Consultation, EndKind, TurnEnd, load_consultations
from bench.logistic import Example, fit
from pipelines.endpointing.completeness import SHIPPED, CompletenessModel, Logistic
from pipelines.endpointing.features import turn_features, word_features, words_of

# These were chosen by cross-validation; twice or half as much changes the figures by 1-2 %.
HOLD_STRENGTH, HOLD_SEEN = 0.07, 6
INNER_STRENGTH, INNER_SEEN = 0.3, 4
CUTS = 8  # inner pauses made of each utterance
CUT_WEIGHT = 3 / 8  # together they count as three
HEARD_RATES = (0.12, 0.25)  # word errors of the recognised versions
# Pauses spread more widely than those known: the next speaker has a pace of their own.
SPREAD_WIDER = 1.2
PARTS = 5  # of the data, for what one model tells the other


def misheard(text: str, rng: random.Random, rate: float, vocabulary: Sequence[str]) -> str:
    """Return a text as a recogniser with this word error rate would give it: lower case, no punctuation.

    Of the errors four in ten are words left out, five are other words, one is a word too many; the wrong words are
    drawn from the consultations.
    """
    heard: list[str] = []
    for word in words_of(text):
        chance = rng.random() / rate
        if chance < 0.4:
            continue
        heard.append(rng.choice(vocabulary) if chance < 0.9 else word)
        if 0.9 <= chance < 1.0:
            heard.append(rng.choice(vocabulary))
    return " ".join(heard)


def vocabulary_of(talks: Iterable[Consultation]) -> list[str]:
    """Return all words the doctors said, as often as they did."""
    return [word for talk in talks for end in talk.doctor for word in words_of(end.evidence.text)]


def train(talks: Sequence[Consultation], *, seed: int = 1) -> CompletenessModel:
    """Return a model trained on these consultations."""
    inner = _train_inner(talks, seed)
    examples = []
    rng = random.Random(seed)  # noqa: S311  repeatable, no secret
    vocabulary = vocabulary_of(talks)
    for part in range(PARTS):
        without = _train_inner([talk for index, talk in enumerate(talks) if index % PARTS != part], seed)
        model = CompletenessModel({}, Logistic(0.0, {}), without, 1.0, 1.0)
        for talk in [talk for index, talk in enumerate(talks) if index % PARTS == part]:
            examples += [
                example
                for end in talk.doctor
                if end.kind is not EndKind.OVERLAPPED
                for example in _hold_examples(end, model, rng, vocabulary)
            ]
    holds = fit(examples, strength=HOLD_STRENGTH, seen=HOLD_SEEN)
    logs = [math.log(end.gap_s) for talk in talks for end in talk.doctor if end.kind is EndKind.HOLD]
    mean = sum(logs) / len(logs)
    spread = math.sqrt(sum((value - mean) ** 2 for value in logs) / len(logs))
    return CompletenessModel(source_of(talks), holds, inner, round(math.exp(mean), 3), round(SPREAD_WIDER * spread, 3))


def _hold_examples(
    end: TurnEnd, model: CompletenessModel, rng: random.Random, vocabulary: Sequence[str]
) -> Iterable[Example]:
    versions = [(end, 1.0)]
    versions += [(end.said(misheard(end.evidence.text, rng, rate, vocabulary)), 0.5) for rate in HEARD_RATES]
    for version, weight in versions:
        inner = model.inner_log_odds(version.evidence.text)
        features = turn_features(version.evidence) | {"inner": inner / 2}
        yield Example(features, end.kind is not EndKind.SHIFT, weight)


def _train_inner(talks: Sequence[Consultation], seed: int) -> Logistic:
    rng = random.Random(seed)  # noqa: S311  repeatable, no secret
    examples = []
    for talk in talks:
        for end in (*talk.doctor, *talk.patient):
            words = words_of(end.evidence.text)
            if end.kind in (EndKind.SHIFT, EndKind.OVERLAPPED) and words:
                examples.append(Example(word_features(words), positive=False))
            for _ in range(CUTS if len(words) > 1 else 0):
                examples.append(
                    Example(word_features(words[: rng.randrange(1, len(words))]), positive=True, weight=CUT_WEIGHT)
                )
    return fit(examples, strength=INNER_STRENGTH, seen=INNER_SEEN)


def source_of(talks: Iterable[Consultation]) -> dict[str, object]:
    """Return what says which consultations a model was trained on."""
    return {"data": "PriMock57, CC BY 4.0", "consultations": sorted(talk.name for talk in talks)}


def main(arguments: Sequence[str]) -> None:
    """Train on a folder of TextGrids and write the parameter file that is shipped."""
    if len(arguments) != 1:
        raise SystemExit("usage: python -m bench.train_turns FOLDER")
    model = train(load_consultations(Path(arguments[0])))
    content = {
        "source": model.source,
        "pause_s": model.pause_s,
        "pause_spread": model.pause_spread,
        "holds": {"bias": model.holds.bias, "weights": model.holds.weights},
        "inner": {"bias": model.inner.bias, "weights": model.inner.weights},
    }
    SHIPPED.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sys.stdout.write(f"{SHIPPED.name}: {len(model.holds.weights)} + {len(model.inner.weights)} weights\n")


if __name__ == "__main__":
    main(sys.argv[1:])
