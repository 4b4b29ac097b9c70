"""A responder whose every clause is read by the guard before the voice gets it.

It runs in the responder's lane and is given the request and the card. The responder inside gets the request alone. A
clause that is blocked ends its reply, and the card's own words go on within the same turn; so they do where the
responder fails, hangs or has nothing to say.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from common.errors import AppError
from pipelines.engines import (
    CardTakesOver,
    Clause,
    EngineInfo,
    GuardDecision,
    GuardedRequest,
    IndexRequest,
    PrepareRequest,
    ReplyAccount,
    ReplyEnd,
    ReplyPart,
    Responder,
    RespondKind,
    RespondRequest,
)
from pipelines.intent.acts import TAKEN_IN, Act
from pipelines.intent.card_store import vectors_folder
from pipelines.intent.encoder import encoder_digest, shared_encoder
from pipelines.intent.vectors import Remembering
from pipelines.patient.card import Card
from pipelines.patient.guard.guard import Guard, Reader
from pipelines.patient.guard.guard_rules import SUPPLIED
from pipelines.patient.guard.guard_words import said, stems_of
from pipelines.patient.guard.rules_file import RulesFile
from pipelines.patient.guard.verdict import GuardAction
from pipelines.responders.card_words import CardWords
from pipelines.responders.inner import Busy, InnerRunner, Late

# A clause of the card of whose telling words the reply has said so many is not said again.
SAID_SHARE = 0.8
# A reply that was stopped has so long to tell what it took; nobody waits for it but the reply's end.
WIND_UP_S = 1.0
STOPPED = frozenset({"blocked", "too_long"})
# To these the patient may well say nothing.
_SILENT = frozenset({Act.SILENCE, Act.FAREWELL, Act.CLOSING})


_MAKING = threading.Lock()

Parts = Generator[ReplyPart | ReplyAccount, None, None]
"""What the responder inside gives."""


@dataclass(slots=True)
class _Progress:
    """What a reply has let through, and whether its end has come."""

    spoken: list[str]
    clauses: int = 0
    ended: bool = False


class Guarded:
    """A GuardedResponder around a Responder; `guard` reads, and the card's words stand in.

    `patience_s` is for a responder that tries again by itself: it has that long at least for each clause.
    """

    def __init__(self, inner: Responder, guard: Guard, *, patience_s: float = 0.0) -> None:
        self._inner = inner
        self._patience_s = patience_s
        self._guard = guard
        self._runner = InnerRunner(inner)
        self._card_words = CardWords()

    @property
    def info(self) -> EngineInfo:
        """What the responder inside says of itself, and that it is guarded."""
        info = self._inner.info
        how = "by their words alone: no text encoder is here" if self._guard.by_words_alone else "by words and meaning"
        detail = "; ".join(filter(None, (info.detail, f"the guard reads its clauses {how}")))
        return replace(info, detail=detail, guarded=True)

    def warm(self) -> None:
        """Load the responder, and what reads its clauses."""
        self._inner.warm()
        self._guard.warm()
        self._card_words.warm()

    def prepare(self, request: PrepareRequest) -> None:
        """Let the responder get ready for the patient."""
        self._inner.prepare(request)

    def index(self, request: IndexRequest) -> None:
        """Get ready to read replies against a card."""
        self._guard.index(request.card)

    def cancel(self, request_id: str) -> None:
        """Stop making a reply at once; may be called from any thread."""
        self._runner.cancel(request_id)

    def respond_guarded(self, request: GuardedRequest) -> Iterator[ReplyPart | ReplyAccount]:
        """Yield what may be spoken and why, clause by clause, then one ReplyEnd."""
        asked, card = request.request, request.card
        reader = self._guard.begin(card, release=asked.release, history=asked.history, question=asked.text)
        limits, progress = self._guard.rules.limits, _Progress([])
        parts = self._runner.parts(
            asked,
            first_s=max(limits.first_clause_s, self._patience_s),
            next_s=max(limits.next_clause_s, self._patience_s),
        )
        try:
            takes_over = yield from self._read(parts, asked, reader, progress)
            if takes_over is not None:
                yield takes_over
                yield from self._in_card_words(asked, card, progress.spoken)
                if takes_over.reason in STOPPED:
                    yield from self._accounts(parts, asked)
        finally:
            parts.close()
        if not progress.ended:
            yield ReplyEnd()

    def _read(
        self, parts: Parts, request: RespondRequest, reader: Reader, progress: _Progress
    ) -> Generator[ReplyPart | ReplyAccount, None, CardTakesOver | None]:
        """Yield the responder's clauses that may be spoken; return why the card takes over, if it does."""
        most = self._guard.rules.limits.clauses
        try:
            for part in parts:
                match part:
                    case Clause():
                        if progress.clauses >= most:
                            return CardTakesOver("too_long", f"more than {most} clauses")
                        progress.clauses += 1
                        decision, clause = self._decide(part, reader)
                        yield decision
                        if clause is not None:
                            progress.spoken.append(clause.text)
                            yield clause
                        elif decision.action == GuardAction.BLOCK:
                            return CardTakesOver("blocked", "; ".join(decision.reasons))
                    case ReplyEnd():
                        if not progress.spoken:
                            break
                        progress.ended = True
                        yield part
                        return None
                    case _:
                        yield part
        except Late as error:
            return CardTakesOver("late", str(error))
        except Busy:
            return CardTakesOver("busy", "it still hangs in an earlier reply")
        except Exception as error:
            return CardTakesOver("failed", error.message if isinstance(error, AppError) else type(error).__name__)
        # Where nothing is released, saying nothing is right.
        silent = not request.release.text.strip() and not progress.clauses
        return None if progress.spoken or silent else CardTakesOver("empty", "it said nothing that can be spoken")

    def _accounts(self, parts: Parts, request: RespondRequest) -> Iterator[ReplyPart | ReplyAccount]:
        """Stop the responder, and yield what it tells of its work, but none of its words."""
        if not self._runner.wind_up(request, within_s=WIND_UP_S):
            return
        with contextlib.suppress(Exception):
            yield from (part for part in parts if not isinstance(part, Clause | ReplyEnd))

    def _decide(self, clause: Clause, reader: Reader) -> tuple[GuardDecision, Clause | None]:
        began = time.perf_counter()
        verdict = reader.read(clause.text)
        took_ms = (time.perf_counter() - began) * 1000.0
        decision = GuardDecision(
            clause.text,
            verdict.action.value,
            verdict.text,
            verdict.reasons,
            verdict.scores,
            self._guard.digest,
            took_ms,
        )
        return decision, replace(clause, text=verdict.text) if verdict.text else None

    def _in_card_words(self, request: RespondRequest, card: Card, spoken: list[str]) -> Iterator[ReplyPart]:
        """Yield the release in the card's words without what was said already, or a line where nothing is released."""
        release = request.release
        if card.is_free and spoken:
            # There is nothing that must be told: what was said stands.
            return
        if not release.text.strip():
            if spoken or request.kind is not RespondKind.REPLY or release.act in _SILENT:
                return
            release = replace(release, text=_line(card, release.act), cue=None)
        heard = stems_of(spoken)
        for part in self._card_words.respond(replace(request, release=release)):
            if isinstance(part, Clause) and not _said_already(part.text, heard, spoken):
                yield part


def _line(card: Card, act: Act) -> str:
    return (card.lines.acknowledge if act in TAKEN_IN else card.lines.not_on_card)[0]


def _said_already(clause: str, heard: frozenset[str], spoken: list[str]) -> bool:
    heavy = said(clause).heavy
    if not heavy:
        return bool(spoken)
    numbers = said(clause).numbers <= said(" ".join(spoken)).numbers
    return numbers and len(heavy & heard) >= SAID_SHARE * len(heavy)


def make_guarded(
    inner: Callable[[], Responder],
    *,
    rules: Path | None = None,
    encoder: Path | None = None,
    patience_s: float = 0.0,
) -> Guarded:
    """Return a guarded responder; raises EngineError (`guard.rules`) if the rules can't be used."""
    # Workers begin side by side; all read with one guard.
    with _MAKING:
        guard = _shared_guard(rules, encoder)
    return Guarded(inner(), guard, patience_s=patience_s)


def make_guard(*, rules: Path | None = None, encoder: Path | None = None) -> Guard:
    """Return a guard; without the folder of a text encoder it reads by words alone.

    Raises EngineError (`guard.rules`) if the rules can't be used.
    """
    if encoder is None:
        return Guard(RulesFile(rules or SUPPLIED))
    shared = shared_encoder(encoder)
    return Guard(RulesFile(rules or SUPPLIED), shared, examples=Remembering(shared, _vectors_file(encoder)))


@lru_cache(maxsize=4)
def _shared_guard(rules: Path | None, encoder: Path | None) -> Guard:
    return make_guard(rules=rules, encoder=encoder)


def _vectors_file(encoder: Path) -> Path:
    """Where the vectors of the rules' examples are kept."""
    return vectors_folder(encoder) / "guard" / f"{encoder_digest(encoder)[:16]}.npz"
