"""What comes of a reply while it is made: what was spoken and blocked, who worded it, and how soon it began."""

from __future__ import annotations

import time
from collections.abc import Iterable

from pipelines.engines import CardTakesOver, Clause, GuardDecision, ModelUse, RemoteUse, ReplyAccount, ReplyPart


class GatheredReply:
    """The parts of a reply, taken as they come; time counts from when this is made.

    `use` is what became of the model where it was asked, `took_over` why the card's words took its place, if they did.
    `first_ms` is when the first clause was ready.
    """

    def __init__(self) -> None:
        self._began_s = time.perf_counter()
        self.spoken: list[str] = []
        self.blocked: list[str] = []
        self.took_over = ""
        self.use: ModelUse | RemoteUse | None = None
        self.first_ms = 0.0
        self._allowed: list[str] = []

    @property
    def worded(self) -> str:
        """What the model said and the voice was given: nothing where the card's words are all of it."""
        return " ".join(self._allowed) if self.use is not None and self.use.outcome != "card" else ""

    def take(self, parts: Iterable[ReplyPart | ReplyAccount]) -> None:
        """Take all parts."""
        for part in parts:
            match part:
                case GuardDecision(action="block", text=text, reasons=reasons):
                    self.blocked.append(f"{text} ({', '.join(reasons)})")
                case GuardDecision(spoken=text) if text:
                    self._allowed.append(text)
                case ModelUse() | RemoteUse():
                    self.use = part
                case CardTakesOver(reason=reason):
                    self.took_over = reason
                case Clause(text=text):
                    self.first_ms = self.first_ms or (time.perf_counter() - self._began_s) * 1000.0
                    self.spoken.append(text)
