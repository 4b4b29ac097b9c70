"""The responder that says what is released in the card's own words, and generates nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipelines.engines import Clause, EngineInfo, PrepareRequest, ReplyEnd, ReplyPart, RespondRequest

Splitter = Callable[[str], list[tuple[str, int]]]
"""Cuts a reply into pieces that can be spoken at once: (text, pause after it in milliseconds)."""


class CardWords:
    """A Responder whose replies are the released texts, clause by clause."""

    def __init__(self, *, split: Splitter | None = None) -> None:
        self._split = split
        self.info = EngineInfo(
            kind="responder",
            name="scripted-patient",
            demonstration=True,
            isolation="thread",
            detail="says the card's own sentences; generates no text",
        )

    def warm(self) -> None:
        """Find the clause splitter, so that the first reply does not wait for it."""
        self._splitter()

    def prepare(self, request: PrepareRequest) -> None:
        """Nothing depends on the patient."""

    def respond(self, request: RespondRequest) -> Iterator[ReplyPart]:
        """Yield the release's clauses, then one ReplyEnd."""
        for text, pause_after_ms in self._splitter()(request.release.text):
            yield Clause(text=text, cue=request.release.cue, pause_after_ms=pause_after_ms)
        yield ReplyEnd()

    def _splitter(self) -> Splitter:
        if self._split is None:
            from pipelines.tts.clauses import split_clauses  # late: the voices' rules are not needed to read a card

            self._split = split_clauses
        return self._split
