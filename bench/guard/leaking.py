"""A model that leaks: it says what it is given, clause by clause."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.engines import EngineInfo, PrepareRequest, ReplyEnd, ReplyPart, RespondRequest
from pipelines.responders.card_words import clauses_of
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
        yield from clauses_of(self.text, cue=request.release.cue, split=split_clauses)
        yield ReplyEnd()
