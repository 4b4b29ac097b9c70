"""A responder that answers questions by their words, however often and in whatever turn it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from common.errors import EngineError
from pipelines.engines import Clause, EngineInfo, PrepareRequest, ReplyEnd, ReplyPart, RespondKind, RespondRequest

Lines = Mapping[tuple[RespondKind, str], Sequence[Clause]]
"""By the kind of reply and the question; the question "" stands for any."""

_DEFAULTS = {
    RespondKind.OPENING: "Hello.",
    RespondKind.SILENCE: "Are you still there?",
    RespondKind.CLOSING: "Thank you, goodbye.",
}


class LinesResponder:
    """Says the line for a question, else "You said: ..."; `kinds` notes what it was asked for, by request id.

    `cost_ms` is modelled for the first clause, `clause_cost_ms` for each later one. A question that contains `fail_on`
    raises EngineError.
    """

    def __init__(
        self,
        lines: Lines | None = None,
        *,
        cost_ms: float = 30.0,
        clause_cost_ms: float = 0.0,
        fail_on: str | None = None,
    ) -> None:
        self.info = EngineInfo(kind="responder", name="lines", demonstration=True, isolation="thread")
        self.lines = dict(lines or {})
        self.cost_ms = cost_ms
        self.clause_cost_ms = clause_cost_ms
        self.fail_on = fail_on
        self.kinds: dict[str, RespondKind] = {}

    def warm(self) -> None:
        """Nothing to load."""

    def prepare(self, request: PrepareRequest) -> None:
        """Nothing depends on the patient."""

    def respond(self, request: RespondRequest) -> Iterator[ReplyPart]:
        """Yield the clauses, then a ReplyEnd."""
        self.kinds[request.id] = request.kind
        if self.fail_on is not None and self.fail_on in request.text:
            raise EngineError("the scripted mind was told to fail; say something else")
        clauses = self.lines.get((request.kind, request.text)) or self.lines.get((request.kind, ""))
        if clauses is None:
            said = f"You said: {request.text}" if request.text else "You said nothing."
            clauses = [Clause(_DEFAULTS.get(request.kind, said))]
        for index, clause in enumerate(clauses):
            cost_ms = self.clause_cost_ms if index else self.cost_ms
            yield Clause(clause.text, clause.cue, clause.pause_after_ms, cost_ms)
        yield ReplyEnd(cost_ms=0.0)
