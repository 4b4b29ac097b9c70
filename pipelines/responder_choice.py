"""What words the replies, and why: the card's words, a language model of this machine, or one elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import EngineError
from pipelines.choice import Choice, Lazy, OfModel, scripted_choice
from pipelines.engine_settings import EngineSettings
from pipelines.intent.acts import Act
from pipelines.models.devices import choose_threads
from pipelines.models.model_folders import ModelPlace, locate
from pipelines.models.settings import ModelSettings
from pipelines.responders.mind_evidence import SUPPLIED_EVIDENCE, MindEvidence
from pipelines.responders.remote.remote_plan import plan_remote

if TYPE_CHECKING:
    from pipelines.responders.remote.mind import RemoteMind

REMOTE_WORKERS = 16
"""So many replies of a remote mind are waited for at once."""


def remote_mind(settings: EngineSettings, spending_file: Path | None) -> RemoteMind | None:
    """Return the remote mind that the settings ask for, if they do; a key or a host alone asks for nothing."""
    by_set = settings.backend == "cloud" or (settings.profile == "hybrid" and settings.backend in ("auto", "local"))
    if settings.responder != "remote" and not (settings.responder == "auto" and by_set):
        return None
    from pipelines.responders.remote.mind import RemoteMind  # late: an HTTP client is for those who ask one

    return RemoteMind(plan_remote(settings.remote), spending_file=spending_file)


def _guarded_remote(mind: RemoteMind, settings: EngineSettings, models: ModelSettings) -> Choice:
    # It has its own limits and its own card's words; the guard waits a little longer than it does.
    return guarded(_asks_remote(mind, settings), settings, models, patience_s=settings.remote.waits.whole_s + 1.0)


def _asks_remote(mind: RemoteMind, settings: EngineSettings) -> Choice:
    asked = "asked for by name" if settings.responder == "remote" else "auto: a remote language model is to answer"
    factory = Lazy("pipelines.responders.remote.remote_responder", "RemoteResponder", {"mind": mind})
    # Each thread waits for a provider, and computes next to nothing.
    return Choice(
        "remote",
        factory,
        "thread",
        f"{asked}; {mind.plan.shown}",
        demonstration=False,
        workers=REMOTE_WORKERS,
        speaks_freely=True,
    )


def choose_responder(
    settings: EngineSettings, models: ModelSettings, mind: RemoteMind | None, *, scripted: bool, why: str
) -> Choice:
    """Return what words the replies; a language model has the guard before it.

    Raises EngineError for one that is not there.
    """
    if mind is not None:
        return _guarded_remote(mind, settings, models)
    name = settings.responder
    if name == "scripted" or (name == "auto" and scripted):
        return scripted_choice("responder", why)
    by_name = "asked for by name"
    if name == "language-model" or (name == "auto" and settings.backend == "local"):
        try:
            place = locate(settings.language_model.model, models, "responder")
            if name == "auto":
                place.require()
        except EngineError as error:
            if name != "auto":
                raise EngineError(f"engines.language_model.model: {error.message}", code=error.code) from error
            why = f"{why}; {error.message}"
        else:
            return _language_model(settings, models, place, why if name == "auto" else by_name)
    elif name == "auto" and settings.backend == "auto":
        weighed = model_by_evidence(settings, models)
        why = f"{why}; {weighed.why}"
        if weighed.place is not None:
            return _language_model(settings, models, weighed.place, why, acts=weighed.acts)
    factory = Lazy("pipelines.responders.card_words", "CardWords")
    return Choice("scripted-patient", factory, "thread", why if name == "auto" else by_name, demonstration=False)


@dataclass(frozen=True, slots=True)
class WeighedModel:
    """The language model of the settings as measured: the turns at which it does better than the card, and why.

    `place` is None where there are no such turns, or the model is not here.
    """

    acts: frozenset[Act]
    why: str
    place: ModelPlace | None = None


def model_by_evidence(settings: EngineSettings, models: ModelSettings) -> WeighedModel:
    """Return what was found of the model that the settings name; raises EngineError for evidence that can't be read."""
    evidence = MindEvidence.load(settings.language_model.evidence or SUPPLIED_EVIDENCE)
    try:
        place = locate(settings.language_model.model, models, "responder")
    except EngineError as error:
        return WeighedModel(frozenset(), error.message)
    acts, why = evidence.better_at(place.id), evidence.reason(place.id)
    if not acts or place.installed:
        return WeighedModel(acts, why, place if acts else None)
    return WeighedModel(acts, f"{why}; {place.missing()}")


def _language_model(
    settings: EngineSettings, models: ModelSettings, place: ModelPlace, why: str, *, acts: frozenset[Act] | None = None
) -> Choice:
    options = {
        "folder": place.folder,
        "settings": settings.language_model,
        "models": models,
        "parallel": minds_of(settings),
        "acts": acts,
    }
    make = Lazy("pipelines.responders.language_model.model_responder", "make_responder", options)
    # CTranslate2 lets go of the interpreter while it computes.
    choice = Choice(
        "language-model",
        OfModel(place, make),
        "thread",
        why,
        demonstration=False,
        workers=minds_of(settings),
        place=place,
        speaks_freely=True,
    )
    return guarded(choice, settings, models)


def minds_of(settings: EngineSettings) -> int:
    """Return how many replies a language model writes at once."""
    return settings.responder_workers or min(2, choose_threads(0))


def guard_encoder(settings: EngineSettings, models: ModelSettings) -> tuple[Path | None, str]:
    """Return the folder of the text encoder that the guard reads with, and how it reads; without one, why."""
    try:
        place = locate(settings.interpreter_model, models, "encoder")
        place.require()
    except EngineError as error:
        return None, f"by words alone: {error.message}"
    return place.folder, f"by words and by meaning ({place.id})"


def guarded(choice: Choice, settings: EngineSettings, models: ModelSettings, *, patience_s: float = 0.0) -> Choice:
    """Return a responder that generates text, with the guard before it; it says why where no encoder is here.

    `patience_s` is for one that tries again by itself: it has that long at least for each clause.
    """
    encoder, how = guard_encoder(settings, models)
    arguments = {
        "inner": choice.factory,
        "rules": settings.guard_rules,
        "encoder": encoder,
        "patience_s": patience_s,
    }
    factory = Lazy("pipelines.responders.guarded", "make_guarded", arguments)
    return replace(choice, factory=factory, reason=f"{choice.reason}; its guard reads {how}")
