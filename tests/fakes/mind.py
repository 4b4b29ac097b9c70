"""The patient's mind as a whole: interpreter, rules of telling and responder, in one call."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.engines import (
    Clause,
    HistoryItem,
    Interpreter,
    InterpretRequest,
    Release,
    ReplyEnd,
    RespondKind,
    RespondRequest,
    Word,
)
from pipelines.patient.card import Card
from pipelines.patient.disclosure import NOT_INTERPRETED, Disclosure, Moment
from pipelines.patient.persona import persona_of
from pipelines.responders.card_words import CardWords


@dataclass(frozen=True, slots=True)
class Mind:
    """What a session does between a turn's text and the patient's words."""

    interpreter: Interpreter
    responder: CardWords

    def reply(
        self,
        text: str,
        card: Card,
        *,
        kind: RespondKind = RespondKind.REPLY,
        words: tuple[Word, ...] = (),
        history: tuple[HistoryItem, ...] = (),
        told: tuple[str, ...] = (),
        turn: int = 1,
        seed: int = 0,
    ) -> tuple[list[Clause], Release]:
        """Return the reply's clauses and what was released, having checked the shape of the stream."""
        heard = NOT_INTERPRETED
        if kind is RespondKind.REPLY:
            heard = self.interpreter.interpret(InterpretRequest(card, text, words, history))
        release = Disclosure(card, seed)(Moment(kind, turn, text, heard, history, told))
        request = RespondRequest("r", turn, 0, kind, persona_of(card), release, text, history, seed)
        *clauses, end = self.responder.respond(request)
        assert isinstance(end, ReplyEnd)
        return [clause for clause in clauses if isinstance(clause, Clause)], release
