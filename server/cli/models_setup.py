"""`interlocutor models setup`: what a fresh machine needs before it serves. It never keeps the server from starting."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.errors import AppError, SettingsError
from server.cli.models import bring, group, qualify_model
from server.cli.options import ConfigFolder, Embedded, Overrides

if TYPE_CHECKING:
    from pipelines.engine_settings import EngineSettings
    from pipelines.intent.acts import Act
    from pipelines.models.settings import ModelSettings
    from server.cli.models_place import ModelsHere
    from server.settings.tree import Settings

FIRST = "tiny.en"
"""The smallest recogniser: a minute's download, quick enough for two cores."""

KOKORO = "kokoro"
VOICES = {"male": "joe", "female": KOKORO}
"""A man's voice, quick enough for two cores, and a woman's, which wants four."""


_AS_SERVE = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    """Add `models setup` to the commands of `models`."""
    group.command("setup", context_settings=_AS_SERVE, options_metavar="[OPTIONS OF SERVE]")(setup)


class Part(StrEnum):
    """What of it to bring."""

    ALL = "all"
    ENGINES = "engines"
    VOICES = "voices"


def setup(
    context: typer.Context,
    embedded: Embedded = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
    part: Annotated[
        Part, typer.Option(help="engines: all that a start must not be without. voices: patients' voices.")
    ] = Part.ALL,
) -> None:
    """Bring the smallest Whisper, what understands questions, what hears the end of turns, and patients' voices.

    Takes what `serve` takes. It never fails. `scripts/serve` runs it: for the engines before it serves, for the voices
    while the server runs, which takes them by itself. Where the server does not start without voices, they come with
    the engines. What the settings do not ask for, or what is here already, is not fetched.
    With the local backend the smallest language model comes too: it speaks for the patient where the card has no words.
    """
    from server.cli.models_place import ModelsHere
    from server.settings.tree import load_settings

    if embedded or "--help" in context.args:
        return
    try:
        settings = load_settings(config_folder=config, overrides=overrides or ())
    except SettingsError:
        return  # the server says what is wrong with them
    place = ModelsHere.of(overrides, config)
    if part is not Part.VOICES:
        _bring_engines(place, settings)
    voices_first = settings.engines.synthesiser == "neural" or settings.environment == "production"
    if part is Part.ALL or (part is Part.ENGINES) == voices_first:
        _bring_wanted_voices(place, settings)


def _bring_engines(place: ModelsHere, settings: Settings) -> None:
    if _wants_first(settings.engines, settings.models.path):
        _bring_first(place, settings.engines)
    if _wants_turn_detector(settings.engines, settings.models.path):
        _bring_turn_detector(place)
    if _wants_encoder(settings.engines, settings.models.path):
        _bring_encoder(place, settings.engines.interpreter_model)
    if _wants_language_model(settings.engines, settings.models.path):
        _bring_language_model(place)


def _bring_wanted_voices(place: ModelsHere, settings: Settings) -> None:
    if settings.engines.synthesiser == "neural" or _wants_voices(settings.engines):
        _bring_voices(place, settings.models, settings.engines.synthesiser)


def _bring_first(place: ModelsHere, engines: EngineSettings) -> None:
    try:
        entry = place.find(FIRST)
        typer.echo(f"no recogniser is here yet: bringing Whisper {entry.id} ({entry.download_mib} MiB), once", err=True)
        folder = bring(place, entry)
    except (AppError, OSError) as error:
        _tell(error)
        falls_back = engines.recogniser == engines.backend == "auto"
        then = "PocketSphinx listens, which mishears accents badly" if falls_back else "the server will not be ready"
        typer.echo(f"without Whisper {then}: `interlocutor models pull {FIRST}` brings it later", err=True)
        return
    try:
        typer.echo(qualify_model(folder, place.whisper), err=True)
    except (AppError, OSError) as error:
        typer.echo(f"Whisper {entry.id} can't be tried, so sound stays padded to 30 s: {error}", err=True)


def _bring_turn_detector(place: ModelsHere) -> None:
    from pipelines.engine_choices import SMART_TURN

    _bring_extra(place, SMART_TURN, "{id}, which hears the end of turns", "the end of a turn is told by its text alone")


def _bring_encoder(place: ModelsHere, name: str) -> None:
    _bring_extra(place, name, "{id}, which understands what is asked", "questions are understood by spelling alone")


def _bring_language_model(place: ModelsHere) -> None:
    from pipelines.responders.language_model.settings import FIRST_MODEL

    _bring_extra(place, FIRST_MODEL, "{id}, which speaks for the patient", "the patient says the card's words")


def _bring_voices(place: ModelsHere, models: ModelSettings, wanted: str) -> None:
    """Bring a voice for the patients of each sex that has none here, if this machine is quick enough for it."""
    from pipelines.models.devices import usable_cores
    from pipelines.tts.casting import missing_sexes
    from pipelines.tts.voices import KOKORO_CORES, installed_voices

    quick = wanted == "neural" or usable_cores() >= KOKORO_CORES
    try:
        lacking = missing_sexes(installed_voices(models))
    except (AppError, OSError):
        return  # the server says what is wrong with the folder of voices
    for sex in lacking:
        if quick or VOICES[sex] != KOKORO:
            _bring_extra(place, VOICES[sex], "the voice {id}", "such patients speak with a plain voice")


def _bring_extra(place: ModelsHere, name: str, what: str, without: str) -> None:
    """Bring a model that the server does without where it can't be had, and say so; `what` has a place for its id."""
    try:
        entry = place.find(name)
        typer.echo(f"bringing {what.format(id=entry.id)} ({entry.download_mib} MiB), once", err=True)
        bring(place, entry)
    except (AppError, OSError) as error:
        _tell(error)
        typer.echo(f"without it {without}: `interlocutor models pull {name}` brings it later", err=True)


def _tell(error: Exception) -> None:
    for line in str(error).splitlines():
        typer.echo(line, err=True)


def _wants_first(engines: EngineSettings, models: Path) -> bool:
    """Return whether a server with these settings would listen with the first model if it were here."""
    from pipelines.models.model_folders import installed_recognisers
    from pipelines.stt.whisper_settings import WhisperSettings

    if not _wants_whisper(engines):
        return False
    if engines.whisper.model != WhisperSettings().model:
        return False  # a person chose one, and the server says what it needs
    return not installed_recognisers(models)


def _wants_turn_detector(engines: EngineSettings, models: Path) -> bool:
    """Return whether a server with these settings would hear the end of turns if the detector were here."""
    from pipelines.models.model_folders import installed_recognisers, installed_turn_detectors

    if engines.turn_detector not in ("auto", "smart-turn") or installed_turn_detectors(models):
        return False
    listens = _wants_whisper(engines) and bool(installed_recognisers(models))
    return engines.turn_detector == "smart-turn" or listens


def _wants_encoder(engines: EngineSettings, models: Path) -> bool:
    """Return whether a server with these settings would understand with the supplied encoder if it were here."""
    from pipelines.engine_settings import EngineSettings
    from pipelines.models.model_folders import installed_recognisers
    from pipelines.models.model_store import holds_files

    if engines.interpreter_model != EngineSettings().interpreter_model:
        return False  # a person chose one, and the server says what it needs
    listens = _wants_whisper(engines) and bool(installed_recognisers(models))
    wanted = engines.interpreter == "encoder" or (engines.interpreter == "auto" and listens)
    return wanted and not holds_files(models / engines.interpreter_model)


def _wants_language_model(engines: EngineSettings, models: Path) -> bool:
    """Return whether a server with these settings would let the first language model speak if it were here."""
    from pipelines.models.model_store import holds_files
    from pipelines.responders.language_model.settings import FIRST_MODEL, LanguageModelSettings

    if engines.language_model.model not in (LanguageModelSettings().model, "smollm2"):
        return False  # a person chose one, and the server says what it needs
    if holds_files(models / FIRST_MODEL):
        return False
    by_evidence = engines.backend == "auto" and bool(_better_at(engines, models))
    wanted = engines.responder == "auto" and (engines.backend == "local" or by_evidence)
    return wanted or engines.responder == "language-model"


def _better_at(engines: EngineSettings, models: Path) -> frozenset[Act]:
    """Return the turns at which the language model was measured to do better than the card's words."""
    from pipelines.models.settings import ModelSettings
    from pipelines.responder_choice import model_by_evidence

    try:
        return model_by_evidence(engines, ModelSettings(path=models)).acts
    except AppError:
        return frozenset()  # the server says what is wrong with the file


def _wants_voices(engines: EngineSettings) -> bool:
    return engines.synthesiser == "auto" and engines.backend in ("auto", "local")


def _wants_whisper(engines: EngineSettings) -> bool:
    return engines.recogniser == "whisper" or (engines.recogniser == "auto" and engines.backend in ("auto", "local"))
