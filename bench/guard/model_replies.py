"""`eval model`: what a language model really says as the patient, clause by clause through the guard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bench.guard.guard_measure import GuardQuestion
from bench.guard.reply_parts import GatheredReply
from bench.report_figures import Figure
from pipelines.engines import GuardedRequest, GuardedResponder, RespondKind, RespondRequest
from pipelines.patient.persona import persona_of
from server.measures import percentile


@dataclass(frozen=True, slots=True)
class ModelReply:
    """A reply, the moment at which it was given, and what came of the model's clauses.

    `worded` has what the model said and the voice was given: nothing where the card's words are all of it. `took_over`
    says why the card's words took the model's place, if they did. `first_ms` is when the first clause was ready.
    `eval leaks` reads a line of JSON of it.
    """

    card: str
    question: str
    release: str
    cue: str | None
    fact: str | None
    told: tuple[str, ...]
    history: tuple[str, ...]
    reply: str
    worded: str
    blocked: tuple[str, ...]
    took_over: str
    first_ms: float

    def as_line(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


def reply_to(responder: GuardedResponder, turn: GuardQuestion, number: int) -> ModelReply:
    """Return what the responder answers at a moment; `number` tells its requests apart."""
    request = RespondRequest(
        f"eval/{number}",
        turn=len(turn.history),
        revision=0,
        kind=RespondKind.REPLY,
        persona=persona_of(turn.card),
        release=turn.release,
        text=turn.question,
        history=turn.history,
    )
    made = GatheredReply()
    made.take(responder.respond_guarded(GuardedRequest(request, turn.card)))
    return ModelReply(
        turn.card.id,
        turn.question,
        turn.release.text,
        turn.release.cue,
        turn.release.fact,
        tuple(cue for item in turn.history for cue in item.cues),
        tuple(item.text for item in turn.history),
        " ".join(made.spoken),
        made.worded,
        tuple(made.blocked),
        made.took_over,
        round(made.first_ms, 1),
    )


def figures_of(replies: Sequence[ModelReply]) -> list[Figure]:
    """Return how often the model spoke, was blocked and was replaced, and how soon a first clause was ready."""
    count = len(replies)
    worded = [each for each in replies if each.worded]
    first_ms = [each.first_ms for each in worded]
    return [
        Figure("model_worded_replies", len(worded) / count if count else None, "share", n=count),
        Figure("model_blocked_replies", _share([bool(each.blocked) for each in replies]), "share", n=count),
        Figure("card_took_over_replies", _share([bool(each.took_over) for each in replies]), "share", n=count),
        Figure("first_clause_worded_p50", percentile(first_ms, 0.5), "ms", n=len(worded)),
        Figure("first_clause_worded_p95", percentile(first_ms, 0.95), "ms", n=len(worded)),
        Figure("words_of_worded_replies", _mean([len(each.worded.split()) for each in worded]), "words", n=len(worded)),
    ]


def _share(true: Sequence[bool]) -> float | None:
    return sum(true) / len(true) if true else None


def _mean(values: Sequence[int]) -> float | None:
    return sum(values) / len(values) if values else None
