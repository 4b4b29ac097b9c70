"""How surely a task that is called heard was done: measured on role-plays with what was done of each task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from bench.report_figures import Figure
from pipelines.assessment.act_sentences import sentences_of
from pipelines.assessment.reader import InterpretedSentences
from pipelines.assessment.spoken import SpokenRecord
from pipelines.assessment.tasks import tasks_heard
from pipelines.engines import Interpreter
from pipelines.intent.vectors import Vectoriser
from pipelines.log.recorded_turns import RecordedTurn
from pipelines.patient.card import Card

Done = Literal["done", "half", "missing"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Told(_Part):
    """The patient tells a cue."""

    tells: str


class Dialogue(_Part):
    """A role-play: what the candidate says, which cues are told, and what was done of each task."""

    id: str
    card: str
    who: str
    tasks: tuple[Done, ...]
    talk: tuple[str | Told, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class JudgedTask:
    """One task of one dialogue: what was done, and what was heard."""

    dialogue: str
    task: str
    done: Done
    heard: str
    quotes: tuple[str, ...]

    @property
    def is_fair(self) -> bool:
        """Whether it was called what it was; half done may be called anything but heard."""
        if self.done == "half":
            return self.heard != "heard"
        return self.heard == ("heard" if self.done == "done" else "not_heard")


def load_dialogues(path: Path) -> list[Dialogue]:
    """Read the dialogues of a file."""
    return [Dialogue.model_validate(each) for each in yaml.safe_load(path.read_text(encoding="utf-8"))]


def judge(
    dialogues: Sequence[Dialogue], cards: Mapping[str, Card], interpreter: Interpreter, vectoriser: Vectoriser
) -> Iterator[JudgedTask]:
    """Yield each task of each dialogue."""
    for dialogue in dialogues:
        card = cards[dialogue.card]
        spoken = spoken_as(dialogue, card)
        sentences = sentences_of(spoken, InterpretedSentences(interpreter, card))
        found = tasks_heard(card, spoken, sentences, vectoriser)
        for done, task in zip(dialogue.tasks, found, strict=True):
            quotes = tuple(each.text for each in task.evidence)
            yield JudgedTask(dialogue.id, task.text, done, task.state, quotes)


def spoken_as(dialogue: Dialogue, card: Card) -> SpokenRecord:
    """Return a dialogue as if it had been spoken, a second for each thing said."""
    turns: list[RecordedTurn] = []
    told: dict[str, int] = {}
    for number, said in enumerate(dialogue.talk):
        from_ms = 1000.0 * number
        if isinstance(said, Told):
            told.setdefault(said.tells, number)
            text = card.cue(said.tells).says[0]
            turns.append(RecordedTurn("patient", text, from_ms, from_ms + 900.0, (), cues=(said.tells,), number=number))
        else:
            turns.append(RecordedTurn("candidate", said, from_ms, from_ms + 900.0, (), number=number))
    return SpokenRecord(tuple(turns), {}, {}, told, {})


def figures_of(name: str, judged: Sequence[JudgedTask]) -> list[Figure]:
    """Return the figures: of tasks called heard how many were done, and of those done how many were called so."""
    table = Counter((each.done, each.heard) for each in judged)
    heard = sum(count for (_, said), count in table.items() if said == "heard")
    whole = Counter(each.done for each in judged)
    right = table["done", "heard"]
    return [
        Figure(f"tasks_{name}/heard_and_done", right / heard if heard else None, "share", n=heard),
        Figure(f"tasks_{name}/done_and_heard", _share(right, whole["done"]), "share", n=whole["done"]),
        Figure(
            f"tasks_{name}/done_not_heard", _share(table["done", "not_heard"], whole["done"]), "share", n=whole["done"]
        ),
        Figure(f"tasks_{name}/half_called_heard", table["half", "heard"], "tasks", n=whole["half"]),
        Figure(f"tasks_{name}/missing_called_heard", table["missing", "heard"], "tasks", n=whole["missing"]),
        Figure(f"tasks_{name}/missing_called_perhaps", table["missing", "perhaps"], "tasks", n=whole["missing"]),
    ]


def _share(count: int, of: int) -> float | None:
    return count / of if of else None
