"""`eval off-cues`: what the patient replies off the cues, held against what judges have said of such replies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from bench.report_figures import Figure
from common.errors import AudioError
from pipelines.engines import HistoryItem, Interpreter, InterpretRequest, Release, RespondKind
from pipelines.intent.exemplars import denials
from pipelines.patient.card import Card, Slug, Text
from pipelines.patient.disclosure import Disclosure, Moment


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    card: Slug
    kind: str
    text: Text
    # Cues that were told before, and what the candidate has explained.
    told: tuple[Slug, ...] = ()
    explained: str = ""
    # What judges said, each for themselves, of one reply; another reply was not judged.
    reply: str = ""
    fit: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Replied:
    """What the patient replied to a row, and whether each judge found it fit; empty where this reply was not judged."""

    row: _Row
    release: Release
    fit: tuple[bool, ...]

    @property
    def reply(self) -> str:
        """What the patient replied."""
        return self.release.text


def load_rows(path: Path) -> list[_Row]:
    """Return the rows of a file; raises AudioError (`sentences.invalid`) naming file and fault."""
    try:
        return [_Row.model_validate(row) for row in yaml.safe_load(path.read_text(encoding="utf-8")) or ()]
    except OSError as error:
        raise AudioError(f"{path.name}: {error.strerror or 'unreadable'}", code="sentences.invalid") from error
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, ValidationError) as error:
        raise AudioError(
            f"{path.name} is no list of rows {{card, kind, text, told, explained, reply, fit}}",
            code="sentences.invalid",
        ) from error


def replies(interpreter: Interpreter, rows: Sequence[_Row], cards: Mapping[str, Card]) -> list[Replied]:
    """Return what the patient replies to each row; raises AudioError for a card or cue that is not there."""
    return [_reply(interpreter, row, cards) for row in rows]


def _reply(interpreter: Interpreter, row: _Row, cards: Mapping[str, Card]) -> Replied:
    card = cards.get(row.card)
    if card is None or not set(row.told) <= {cue.id for cue in card.cues}:
        raise AudioError(f"there is no card '{row.card}' with {list(row.told)}", code="sentences.invalid")
    history = [HistoryItem("patient", card.lines.greeting[0])]
    history += [HistoryItem("patient", card.cue(cue).says[0], (cue,)) for cue in row.told]
    if row.explained:
        history += [HistoryItem("candidate", row.explained), HistoryItem("patient", card.lines.acknowledge[0])]
    heard = interpreter.interpret(InterpretRequest(card, row.text, (), tuple(history)))
    moment = Moment(RespondKind.REPLY, len(history), row.text, heard, tuple(history), row.told)
    release = Disclosure(card, denials=denials)(moment)
    return Replied(row, release, row.fit if release.text == row.reply else ())


def figures_of(replied: Sequence[Replied]) -> tuple[Figure, ...]:
    """Return the share of replies that all judges found fit, how often the judges agree, and the share never judged."""
    judged = [each.fit for each in replied if each.fit]
    count = len(judged)
    return (
        Figure("off_cue_fit", sum(all(fit) for fit in judged) / count if count else None, "share", n=count),
        Figure(
            "off_cue_agreed", sum(len(set(fit)) == 1 for fit in judged) / count if count else None, "share", n=count
        ),
        Figure("off_cue_not_judged", 1 - count / len(replied) if replied else None, "share", n=len(replied)),
    )


def as_yaml(replied: Sequence[Replied]) -> str:
    """Return the rows with the replies of today, for judges to fill in what is not judged."""
    rows = [
        each.row.model_copy(update={"reply": each.reply, "fit": each.fit}).model_dump(
            mode="json", exclude_defaults=True
        )
        for each in replied
    ]
    return yaml.safe_dump(rows, sort_keys=False, allow_unicode=True, width=120)
