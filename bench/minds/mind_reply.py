"""What a mind replies to one question, and a file of such replies, which a later run continues."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bench.guard.reply_parts import GatheredReply
from bench.minds.patient_questions import PatientTurn
from pipelines.engines import (
    GuardedRequest,
    GuardedResponder,
    ReplyAccount,
    ReplyPart,
    Responder,
    RespondKind,
    RespondRequest,
)
from pipelines.patient.persona import persona_of

NOT_ASKED = "told by the card"
"""Why a model was not asked: what is told has the card's own words."""


@dataclass(frozen=True, slots=True)
class MindReply:
    """A reply, its moment, and who worded it.

    `mind` is whoever was measured, with a digest of its settings. `worded` are the words of the model that were spoken:
    none where the card's words are all of it. `fell_back` says why they are, or why they finished the reply; it is
    empty where the model worded it all, and for the card's own words. `first_ms` is when the first clause was ready.
    `eval leaks` reads a line of it.
    """

    mind: str
    card: str
    kind: str
    question: str
    expect: str
    act: str
    free: bool
    release: str
    cue: str | None
    fact: str | None
    told: tuple[str, ...]
    history: tuple[str, ...]
    reply: str
    worded: str
    fell_back: str
    blocked: tuple[str, ...]
    first_ms: float

    @property
    def tells(self) -> bool:
        """Whether a cue or a fact of the card was released."""
        return self.cue is not None or self.fact is not None

    def as_line(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    def is_of(self, turn: PatientTurn, mind: str) -> bool:
        """Return whether it is this mind's reply at this moment."""
        return (self.mind, self.card, self.question, self.release, self.history) == (
            mind,
            turn.card.id,
            turn.question.ask,
            turn.release.text,
            tuple(item.text for item in turn.history),
        )


_READ = TypeAdapter(MindReply)


def kept_replies(path: Path) -> list[MindReply]:
    """Return the replies of a file that was begun; a line that was cut off in the middle is left out."""
    if not path.is_file():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(_READ.validate_json(line))
        except ValidationError:
            continue
    return found


def reply_of(responder: Responder | GuardedResponder, turn: PatientTurn, *, mind: str, number: int) -> MindReply:
    """Return what a mind answers at a moment; `number` tells its requests apart."""
    request = RespondRequest(
        # A card is a session: what one may spend is for as many turns.
        f"eval-{turn.card.id}/{number}",
        turn=len(turn.history),
        revision=0,
        kind=RespondKind.REPLY,
        persona=persona_of(turn.card),
        release=turn.release,
        text=turn.question.ask,
        history=turn.history,
        # Nobody said these: they are ours.
        may_leave=True,
    )
    made = GatheredReply()
    made.take(_parts(responder, request, turn))
    fell_back = made.took_over or (NOT_ASKED if made.use is None else made.use.reason)
    return MindReply(
        mind=mind,
        card=turn.card.id,
        kind=turn.question.kind,
        question=turn.question.ask,
        expect=turn.question.expect,
        act=turn.release.act.value,
        free=turn.release.free,
        release=turn.release.text,
        cue=turn.release.cue,
        fact=turn.release.fact,
        told=turn.told,
        history=tuple(item.text for item in turn.history),
        reply=" ".join(made.spoken),
        worded=made.worded,
        fell_back=fell_back if isinstance(responder, GuardedResponder) else "",
        blocked=tuple(made.blocked),
        first_ms=round(made.first_ms, 2),
    )


def _parts(
    responder: Responder | GuardedResponder, request: RespondRequest, turn: PatientTurn
) -> Iterator[ReplyPart | ReplyAccount]:
    if isinstance(responder, GuardedResponder):
        yield from responder.respond_guarded(GuardedRequest(request, turn.card))
    else:
        yield from responder.respond(request)
