"""The scenarios that the text encoder is tuned to: `bench/scenarios/*.yaml`, read and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

from pipelines.intent.acts import Act
from pipelines.patient.card import Card, Cue, Fact

FOLDER = Path(__file__).with_name("scenarios")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScenarioItem(_Part):
    """Something a patient can tell: examples as a card's author writes them, an answer, and how candidates ask."""

    topic: str
    examples: tuple[str, ...] = Field(min_length=1)
    says: str
    asks: tuple[str, ...] = ()


class Scenario(_Part):
    """One patient; `unanswered` are questions that no item answers, `acts` what is said without asking for one."""

    id: str
    about: str
    items: tuple[ScenarioItem, ...]
    unanswered: tuple[str, ...]
    acts: tuple[tuple[Act, str], ...]


def of_card(card: Card, asked: Mapping[str, Sequence[str]], unanswered: Sequence[str]) -> Scenario:
    """Return a card as a scenario; `asked` has turns of candidates by the id of the cue or fact that they ask for."""
    told: list[Cue | Fact] = [*card.cues, *card.facts]
    items = tuple(
        ScenarioItem(
            topic=each.topic,
            examples=each.triggers or (each.topic,),
            says=" ".join(each.says),
            asks=tuple(asked.get(each.id, ())),
        )
        for each in told
    )
    return Scenario(id=card.id, about=card.title, items=items, unanswered=tuple(unanswered), acts=())


def load_scenarios(folder: Path = FOLDER) -> list[Scenario]:
    """Read all files of the folder, in the order of their names."""
    files = sorted(folder.glob("*.yaml"))
    return [Scenario.model_validate(each) for file in files for each in yaml.safe_load(file.read_text("utf-8"))]
