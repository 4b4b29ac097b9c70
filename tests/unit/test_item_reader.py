"""The item reader, with real weights: which item answers a question."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.intent.encoder import adapter_for
from pipelines.intent.item_reader import ItemReader, item_text, reader_for, shared_reader
from pipelines.models.bert_checkpoint import WEIGHTS

SLEEP = item_text("Sleep", "how do you sleep", "Not well. I wake up at three most nights.")
SMOKING = item_text("Smoking", "do you smoke", "About ten a day, for thirty years.")


@pytest.fixture(scope="module")
def reader(real_encoder: Path) -> ItemReader:
    found = shared_reader(real_encoder)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("question", "item"),
    [
        ("How have you been sleeping?", SLEEP),
        ("I'm sorry to hear that. Do you get enough sleep at night?", SLEEP),
        ("and how many cigarettes are you smoking every day", SMOKING),
    ],
)
def test_the_item_that_answers_is_told_from_the_other(reader: ItemReader, question: str, item: str) -> None:
    sleep, smoking = reader.log_odds(question, [SLEEP, SMOKING])
    own, other = (sleep, smoking) if item is SLEEP else (smoking, sleep)
    assert own > 0.0 > other


@pytest.mark.parametrize(
    ("question", "item"),
    [("Does your wife say that you snore?", SLEEP), ("Did your father smoke a pipe?", SMOKING)],
)
def test_what_is_only_near_is_answered_less_likely(reader: ItemReader, question: str, item: str) -> None:
    asked = "How have you been sleeping?" if item is SLEEP else "Do you smoke?"
    (near,), (right,) = reader.log_odds(question, [item]), reader.log_odds(asked, [item])
    assert near < right - 1.0


def test_items_are_read_alike_alone_and_together_and_long_texts_are_cut(reader: ItemReader) -> None:
    together = reader.log_odds("How do you sleep?", [SLEEP, SMOKING])
    alone = [reader.log_odds("How do you sleep?", [item])[0] for item in (SLEEP, SMOKING)]
    assert np.allclose(together, alone, atol=0.2)
    assert np.isfinite(reader.log_odds("well " * 3000 + "how do you sleep", [SLEEP + " yes" * 3000])).all()


def test_without_what_was_learned_nothing_is_read(real_encoder: Path, tmp_path: Path) -> None:
    assert reader_for(tmp_path) is None
    assert shared_reader(tmp_path) is None
    assert reader_for(real_encoder) != adapter_for(real_encoder / WEIGHTS)
