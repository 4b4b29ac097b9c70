"""The responder that says what is released in the card's own words, and generates nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pipelines.engines import Clause, EngineInfo, PrepareRequest, ReplyEnd, ReplyPart, RespondRequest

Splitter = Callable[[str], list[tuple[str, int]]]
"""Cuts a reply into pieces that can be spoken at once: (text, pause after it in milliseconds)."""


def clauses_of(text: str, *, cue: str | None, split: Splitter) -> Iterator[Clause]:
    """Yield a text clause by clause, each as one that tells the cue."""
    for clause, pause_after_ms in split(text):
        yield Clause(text=clause, cue=cue, pause_after_ms=pause_after_ms)


class CardWords:
    """A Responder whose replies are the released texts, clause by clause."""

    def __init__(self, *, split: Splitter | None = None) -> None:
        self._split = split
        self.info = EngineInfo(
            kind="responder",
            name="scripted-patient",
            demonstration=False,
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
        yield from clauses_of(request.release.text, cue=request.release.cue, split=self._splitter())
        yield ReplyEnd()

    def _splitter(self) -> Splitter:
        if self._split is None:
            from pipelines.tts.clauses import split_clauses  # late: the voices' rules are not needed to read a card

            self._split = split_clauses
        return self._split
