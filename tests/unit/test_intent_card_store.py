"""The store of card texts: made once, found again, made anew when card or file change, and told of by a command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pipelines.engines import IndexRequest
from pipelines.intent.card_store import CardStore
from pipelines.intent.encoder import SentenceEncoder
from pipelines.intent.learned import LearnedInterpreter
from pipelines.intent.ridge import Matrix
from pipelines.intent.vectors import Remembering
from pipelines.patient.card import Card, Cue
from pipelines.patient.card_library import CardLibrary
from server.cli import app
from tests.nightly import by_night

CARDS = Path(__file__).resolve().parents[2] / "configs" / "cards"
CARD = "podiatry-sore-toenail"


@pytest.fixture
def encoder(real_encoder: Path, tmp_path: Path) -> Path:
    """The encoder in a folder of models of its own, whose store is empty."""
    folder = tmp_path / "models" / real_encoder.name
    folder.parent.mkdir()
    folder.symlink_to(real_encoder)
    return folder


@pytest.fixture
def card() -> Card:
    return CardLibrary.load(CARDS).get_card(CARD)


def stored(encoder: Path) -> list[Path]:
    return sorted((encoder.parent / ".vectors" / encoder.name / "cards").rglob("*.npz"))


def reworded(card: Card) -> Card:
    first, *others = card.cues
    changed: Cue = first.model_copy(update={"triggers": ("how did your toe get like this", *first.triggers[1:])})
    return card.model_copy(update={"cues": (changed, *others)})


def test_a_digest_is_of_the_texts_and_of_the_encoder(encoder: Path, card: Card, tmp_path: Path) -> None:
    store = CardStore(encoder)
    assert store.digest(card) == store.digest(card.model_copy(update={"title": "Another title"}))
    assert store.digest(card) != store.digest(reworded(card))
    other = tmp_path / "other"
    shutil.copytree(encoder, other)
    (other / "config.json").write_text((other / "config.json").read_text() + " ")
    assert CardStore(other).digest(card) != store.digest(card)


def test_a_refreshed_card_is_held_until_its_texts_change(encoder: Path, card: Card) -> None:
    store, vectoriser = CardStore(encoder), SentenceEncoder(encoder)
    assert not store.is_kept(card)
    assert not store.holds(card, vectoriser)
    store.refresh(card, vectoriser)
    assert store.is_kept(card)
    assert store.holds(card, vectoriser)
    assert not store.is_kept(reworded(card))
    store.refresh(reworded(card), vectoriser)
    # The older one has made place.
    assert len(stored(encoder)) == 1


def test_vectors_that_are_not_those_of_the_texts_are_noticed(encoder: Path, card: Card) -> None:
    store, vectoriser = CardStore(encoder), SentenceEncoder(encoder)
    store.refresh(card, vectoriser)
    (file,) = stored(encoder)
    store.refresh(reworded(card), vectoriser)
    (other,) = stored(encoder)
    other.rename(file)
    assert store.is_kept(card)
    assert not store.holds(card, vectoriser)
    file.write_bytes(b"half a file")
    assert not store.holds(card, vectoriser)


def test_what_is_made_of_the_vectors_is_kept_beside_them_under_its_name(encoder: Path, tmp_path: Path) -> None:
    file, made = tmp_path / "of" / "these.npz", []

    def make() -> Matrix:
        made.append(1)
        return np.eye(2)

    for name, times in (("acts 1", 1), ("acts 1", 1), ("acts 2", 2)):
        once = Remembering(SentenceEncoder(encoder), file)
        assert np.array_equal(once.computed(name, make), np.eye(2))
        assert len(made) == times
        once.keep()
    file.write_bytes(b"half a file")
    assert np.array_equal(Remembering(SentenceEncoder(encoder), file).computed("acts 2", make), np.eye(2))
    assert len(made) == 3


@by_night
def test_a_role_play_fills_the_store(encoder: Path, card: Card) -> None:
    made = LearnedInterpreter(encoder)
    made.index(IndexRequest(card))
    assert CardStore(encoder).holds(card, SentenceEncoder(encoder))


def test_an_example_that_asks_for_another_item_is_told(learned_interpreter: LearnedInterpreter, card: Card) -> None:
    first, second, *others = card.cues
    swapped = first.model_copy(update={"triggers": (second.triggers[0], *first.triggers)})
    found = learned_interpreter.confused(card.model_copy(update={"cues": (swapped, second, *others)}))
    assert (second.triggers[0], first.id, second.id) in [(each.question, each.item, each.other) for each in found]


def run(encoder: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["index", *arguments, "--set", f"models.path={encoder.parent}"])
    return result.exit_code, result.output + str(result.exception or "")


@by_night
def test_the_command_shows_checks_and_refreshes(encoder: Path) -> None:
    code, told = run(encoder)
    assert (code, told.count("not yet")) == (0, 12)
    code, told = run(encoder, "--dry-run")
    assert code == 1
    assert "index --refresh" in told
    assert not stored(encoder)
    code, told = run(encoder, "--refresh", "--json")
    assert code == 0
    cards = json.loads(told)["cards"]
    assert [each["state"] for each in cards] == ["here"] * 12
    assert all(len(each["digest"]) == 64 for each in cards)
    assert run(encoder, "--dry-run")[0] == 0
    assert run(encoder, "--dry-run", "--refresh")[0] == 2


def test_a_machine_without_an_encoder_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["index", "--set", f"models.path={tmp_path}"])
    assert result.exit_code != 0
    assert "interlocutor models pull all-minilm-l6-v2" in str(result.exception)
