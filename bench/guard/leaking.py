"""A model that leaks: it says what it is given, clause by clause."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.engines import Clause, EngineInfo, PrepareRequest, ReplyEnd, ReplyPart, RespondRequest
from pipelines.tts.clauses import split_clauses


class Leaking:
    """A Responder that says `text` whatever it is asked."""

    def __init__(self) -> None:
        self.info = EngineInfo("responder", "leaking", demonstration=True, isolation="thread")
        self.text = ""

    def warm(self) -> None:
        """Nothing to load."""

    def prepare(self, request: PrepareRequest) -> None:
        """Nothing depends on the patient."""

    def respond(self, request: RespondRequest) -> Iterator[ReplyPart]:
        """Yield the text's clauses, then a ReplyEnd."""
        for text, pause_after_ms in split_clauses(self.text):
            yield Clause(text, request.release.cue, pause_after_ms)
        yield ReplyEnd()
