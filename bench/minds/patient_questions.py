"""The questions of `eval patient` (tests/data/patient_questions.yaml), as moments of a role-play."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, TypeAdapter

from bench.guard.cases import card_named, read_cases, told_before
from common.errors import AudioError
from pipelines.engines import HistoryItem, Interpreter, InterpretRequest, Release, RespondKind
from pipelines.intent.exemplars import denials
from pipelines.patient.card import Card, Slug, Text
from pipelines.patient.disclosure import Disclosure, Moment

QuestionKind = Literal["legitimate", "compound", "off_card", "small_talk", "empathy", "adversarial"]
KINDS: tuple[QuestionKind, ...] = get_args(QuestionKind)
# The role-play has come so far: so many cues were told before the question, in turns.
TOLD_BEFORE = (0, 2, 4)


class PatientQuestion(BaseModel):
    """What a candidate says: of which kind it is, and the cue that it asks for, if it asks for one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: QuestionKind
    ask: Text
    expect: Slug = ""


@dataclass(frozen=True, slots=True)
class PatientTurn:
    """A question at a moment: what the patient's real mind releases for it, and what was said before."""

    card: Card
    question: PatientQuestion
    release: Release
    history: tuple[HistoryItem, ...]
    told: tuple[str, ...]


def load_patient_questions(path: Path, cards: Mapping[str, Card]) -> dict[str, tuple[PatientQuestion, ...]]:
    """Return the questions by card; raises AudioError (`sentences.invalid`) naming file and fault."""
    rows: dict[str, tuple[PatientQuestion, ...]] = read_cases(path, _SHAPE)
    for card_id, questions in rows.items():
        known = {cue.id for cue in card_named(path, card_id, cards).cues}
        for question in questions:
            if question.expect and question.expect not in known:
                raise AudioError(f"{path.name}: {card_id} has no cue '{question.expect}'", code="sentences.invalid")
    return rows


def patient_turns(interpreter: Interpreter, card: Card, questions: Sequence[PatientQuestion]) -> Iterator[PatientTurn]:
    """Yield a card's questions, each with what may be told then."""
    rules = Disclosure(card, denials=denials)
    for place, question in enumerate(questions):
        # What is asked for now was not told before.
        order = [cue.id for cue in card.cues if cue.id != question.expect]
        told = tuple((order[place % len(order) :] + order)[: TOLD_BEFORE[place % len(TOLD_BEFORE)]])
        history = (HistoryItem("patient", card.lines.greeting[0]), *told_before(card, told))
        heard = interpreter.interpret(InterpretRequest(card, question.ask, (), history))
        release = rules(Moment(RespondKind.REPLY, len(history), question.ask, heard, history, told))
        yield PatientTurn(card, question, release, history, told)


_SHAPE: TypeAdapter[Any] = TypeAdapter(dict[Slug, tuple[PatientQuestion, ...]])
