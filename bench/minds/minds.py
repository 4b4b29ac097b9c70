"""Which minds `eval patient` measures: the card's words, the language model of the settings, and an endpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.guard.unreleased import Finder
from bench.minds.faithfulness import unfaithful
from bench.minds.mind_reply import MindReply, kept_replies, reply_of
from bench.minds.on_topic import TopicJudge
from bench.minds.patient_questions import PatientTurn
from bench.minds.weighing import WeighedReply
from pipelines.choice import Choice, Lazy
from pipelines.engine_settings import EngineSettings
from pipelines.engines import GuardedResponder, IndexRequest, PrepareRequest, Responder
from pipelines.models.settings import ModelSettings
from pipelines.patient.card import Card
from pipelines.patient.persona import persona_of
from pipelines.responder_choice import choose_responder, remote_mind

CARD, MODEL, ENDPOINT = "card", "model", "endpoint"
PATIENCE_S = 60.0
"""A model is waited for as long; how long that was is measured."""


@dataclass(frozen=True, slots=True)
class Mind:
    """Who words replies: `kind` is card, model or endpoint, `name` what people call it, `digest` of its settings."""

    kind: str
    name: str
    digest: str
    choice: Choice

    @property
    def id(self) -> str:
        """What its replies are kept under."""
        return f"{self.name}@{self.digest}"


def minds_to_measure(
    engines: EngineSettings, models: ModelSettings, *, model: bool, endpoint: str = "", endpoint_model: str = ""
) -> list[Mind]:
    """Return the card's words and whom else the caller names; raises EngineError for one that is not there."""
    card = Choice("scripted-patient", Lazy("pipelines.responders.card_words", "CardWords"), "thread", "measured")
    minds = [Mind(CARD, "the card's words", "", card)]
    if model:
        asked = engines.model_copy(update={"responder": "language-model"})
        choice = patiently(choose_responder(asked, models, None, scripted=False, why="measured"))
        minds.append(Mind(MODEL, choice.model, _digest(asked.language_model.model_dump_json()), choice))
    if endpoint:
        remote = engines.remote.model_copy(
            update={"provider": "compatible", "hosts": (endpoint,), "model": endpoint_model, "country": "as you say"}
        )
        asked = engines.model_copy(update={"responder": "remote", "remote": remote})
        choice = choose_responder(asked, models, remote_mind(asked, None), scripted=False, why="measured")
        told = f"{endpoint} {remote.max_tokens} {remote.temperature} {remote.waits.model_dump_json()}"
        minds.append(Mind(ENDPOINT, endpoint_model, _digest(told), choice))
    return minds


def patiently(choice: Choice) -> Choice:
    """Return a guarded choice whose guard waits long, so that a busy machine changes the times and not who words."""
    if not isinstance(choice.factory, Lazy):
        raise TypeError(f"{choice.name} has no guard")
    arguments = {**choice.factory.arguments, "patience_s": PATIENCE_S}
    return replace(choice, factory=replace(choice.factory, arguments=arguments))


def ask_all(
    mind: Mind, turns: Sequence[PatientTurn], *, kept: Path | None, advance: Callable[[], None]
) -> list[MindReply]:
    """Return a mind's replies to all turns; those that a file keeps are not asked for again, new ones go to it."""
    known = {(each.card, each.question): each for each in (kept_replies(kept) if kept else ()) if each.mind == mind.id}
    replies: list[MindReply] = []
    responder: Responder | GuardedResponder | None = None
    card = ""
    for number, turn in enumerate(turns):
        reply = known.get((turn.card.id, turn.question.ask))
        if reply is None or not reply.is_of(turn, mind.id):
            if responder is None:
                responder = _loaded(mind.choice)
            if turn.card.id != card:
                card = turn.card.id
                _get_ready(responder, turn.card)
            reply = reply_of(responder, turn, mind=mind.id, number=number)
            if kept is not None:
                with kept.open("a", encoding="utf-8") as file:
                    file.write(reply.as_line() + "\n")
        replies.append(reply)
        advance()
    return replies


def judge_all(
    replies: Sequence[MindReply], cards: Mapping[str, Card], finder: Finder, topics: TopicJudge
) -> list[WeighedReply]:
    """Return the replies with what is unfaithful in them, and whether they are on topic."""
    return [
        WeighedReply(reply, tuple(unfaithful(finder, cards[reply.card], reply)), on_topic)
        for reply, on_topic in zip(replies, topics.judge(replies), strict=True)
    ]


def _loaded(choice: Choice) -> Responder | GuardedResponder:
    made = choice.factory()
    if not isinstance(made, Responder | GuardedResponder):
        raise TypeError(f"{choice.name} words no replies")
    made.warm()
    return made


def _get_ready(responder: Responder | GuardedResponder, card: Card) -> None:
    if isinstance(responder, GuardedResponder):
        responder.index(IndexRequest(card))
    responder.prepare(PrepareRequest(persona_of(card)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
