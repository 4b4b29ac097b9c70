"""Whether production may serve real candidates with the engines that were chosen; if not, what is missing.

The card's own words are an engine like any other. What is for demonstration is PocketSphinx, understanding by spelling,
and the plain voice of a patient for whom no neural one is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from common.errors import EngineError
from pipelines.choice import Choice
from pipelines.engine_choices import Choices
from pipelines.models.model_folders import locate
from pipelines.patient.card import Card
from pipelines.stt.model_choice import FIRST
from pipelines.tts.manner import voice_of
from pipelines.tts.voices import SEXES, Sex, installed_voices, voices_for
from pipelines.voice_choice import PEOPLE, PULL_VOICE, plainly_voiced
from server.settings.tree import Settings

ACCEPT = "or let real candidates have it with server.allow_embedded_in_production=true"


def engine_faults(settings: Settings, choices: Choices, cards: Mapping[str, Card]) -> list[str]:
    """Return why production must not start with these engines, one line each, with the command that helps.

    `cards` are those that candidates may be given: each of their patients needs a neural voice.
    """
    if settings.environment != "production":
        return []
    if faults := settings.backend_faults():
        return faults
    if settings.server.allow_embedded_in_production:
        return []
    chosen = {"recogniser": choices.recogniser, "interpreter": choices.interpreter, "responder": choices.responder}
    found = [_refused(settings, kind, choice) for kind, choice in chosen.items() if choice.demonstration]
    return [*filter(None, found), *_without_voice(settings, plainly_voiced(cards.values(), choices.synthesiser))]


def _refused(settings: Settings, kind: str, choice: Choice) -> str:
    """Return the line of an engine for demonstration; empty where it only follows another one's."""
    by_name = getattr(settings.engines, kind) != "auto"
    if by_name:
        helps = f"set engines.{kind} to auto"
    elif kind == "recogniser":
        helps = f"run `interlocutor models pull {FIRST}`"
    elif _encoder_is_here(settings):
        return ""
    else:
        helps = f"run `interlocutor models pull {settings.engines.interpreter_model}`"
    return f"engines.{kind}: production refuses {choice.name}, which is for demonstration; {helps}, {ACCEPT}"


def _encoder_is_here(settings: Settings) -> bool:
    try:
        return locate(settings.engines.interpreter_model, settings.models, "encoder").installed
    except EngineError:
        return False


def _without_voice(settings: Settings, cards: Iterable[Card]) -> Iterator[str]:
    by_sex: dict[Sex, list[Card]] = {}
    for card in cards:
        by_sex.setdefault(card.patient.sex, []).append(card)
    for sex in SEXES:
        if lacking := by_sex.get(sex):
            here = installed_voices(settings.models)
            taken = any(voices_for(voice_of(card), here) for card in lacking)
            helps = "set engines.synthesiser to neural" if taken else f"run {PULL_VOICE[sex]}"
            names = ", ".join(card.id for card in lacking)
            yield (
                f"engines.synthesiser: production has no neural voice for the {PEOPLE[sex]} of {names}; "
                f"{helps}, {ACCEPT}"
            )
