"""A responder that says what it is told to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence

from common.errors import EngineError
from pipelines.engines import Clause, EngineInfo, Isolation, PrepareRequest, ReplyEnd, ReplyPart, RespondRequest

Reply = str | Clause | Sequence[str | Clause]


class ScriptedResponder:
    """Answers turn n with `replies[n]` (a mapping by turn number, or a list in order from turn `first_turn`).

    Turns beyond the script, and all turns without one, are answered "You said: ...". A turn whose text contains
    `fail_on` raises EngineError, one that contains `crash_on` ends the process it runs in. The modelled `cost_ms` is
    that of the first clause, `end_cost_ms` that of knowing that no more clauses come.
    """

    def __init__(
        self,
        replies: Sequence[Reply] | Mapping[int, Reply] | None = None,
        *,
        cost_ms: float = 30.0,
        end_cost_ms: float = 0.0,
        first_turn: int = 1,
        isolation: Isolation = "thread",
        fail_on: str | None = None,
        crash_on: str | None = None,
    ) -> None:
        self.info = EngineInfo(kind="responder", name="scripted", demonstration=True, isolation=isolation)
        if replies is None or isinstance(replies, Mapping):
            self.replies: dict[int, Reply] = dict(replies or {})
        else:
            self.replies = {first_turn + index: reply for index, reply in enumerate(replies)}
        self.cost_ms = cost_ms
        self.end_cost_ms = end_cost_ms
        self.fail_on = fail_on
        self.crash_on = crash_on

    def warm(self) -> None:
        """Nothing to load."""

    def prepare(self, request: PrepareRequest) -> None:
        """Nothing depends on the patient."""

    def respond(self, request: RespondRequest) -> Iterator[ReplyPart]:
        """Yield the turn's clauses, then a ReplyEnd."""
        if self.crash_on is not None and self.crash_on in request.text:
            os._exit(70)
        if self.fail_on is not None and self.fail_on in request.text:
            raise EngineError("the scripted responder was told to fail; say something else")
        reply = self.replies.get(request.turn)
        if reply is None:
            reply = f"You said: {request.text}" if request.text else "You said nothing."
        parts = [reply] if isinstance(reply, str | Clause) else reply
        for index, part in enumerate(parts):
            clause = Clause(text=part) if isinstance(part, str) else part
            cost_ms = clause.cost_ms if clause.cost_ms is not None else (self.cost_ms if index == 0 else 0.0)
            yield Clause(clause.text, clause.cue, clause.pause_after_ms, cost_ms)
        yield ReplyEnd(cost_ms=self.end_cost_ms)
