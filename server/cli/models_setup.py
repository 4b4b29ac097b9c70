"""`interlocutor models setup`: what a fresh machine needs before it serves. It never keeps the server from starting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from common.errors import AppError, SettingsError
from server.cli.models import bring, group, qualify_model
from server.cli.options import ConfigFolder, Embedded, Overrides

if TYPE_CHECKING:
    from pipelines.engine_choices import EngineSettings

FIRST = "tiny.en"
"""The smallest recogniser: a minute's download, quick enough for two cores."""


_AS_SERVE = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def register(app: typer.Typer) -> None:
    """Add `models setup` to the commands of `models`."""
    group.command("setup", context_settings=_AS_SERVE, options_metavar="[OPTIONS OF SERVE]")(setup)


def setup(
    context: typer.Context, embedded: Embedded = False, overrides: Overrides = None, config: ConfigFolder = None
) -> None:
    """Bring the smallest Whisper if no recogniser is here yet; takes what `serve` takes, and never fails.

    `scripts/serve` runs it. Nothing is fetched if the settings ask for another recogniser, or if one is here already.
    """
    from server.cli.models_place import Place
    from server.settings.tree import load_settings

    if embedded or "--help" in context.args:
        return
    try:
        settings = load_settings(config_folder=config, overrides=overrides or ())
    except SettingsError:
        return  # the server says what is wrong with them
    if not _wants_first(settings.engines, settings.models.path):
        return
    try:
        place = Place.of(overrides, config)
        entry = place.find(FIRST)
        typer.echo(f"no recogniser is here yet: bringing Whisper {entry.id} ({entry.download_mib} MiB), once", err=True)
        folder = bring(place, entry)
    except (AppError, OSError) as error:
        for line in str(error).splitlines():
            typer.echo(line, err=True)
        falls_back = settings.engines.recogniser == settings.engines.backend == "auto"
        then = "PocketSphinx listens, which mishears accents badly" if falls_back else "the server will not be ready"
        typer.echo(f"without Whisper {then}: `interlocutor models pull {FIRST}` brings it later", err=True)
        return
    try:
        typer.echo(qualify_model(folder, place.whisper), err=True)
    except (AppError, OSError) as error:
        typer.echo(f"Whisper {entry.id} can't be tried, so sound stays padded to 30 s: {error}", err=True)


def _wants_first(engines: EngineSettings, models: Path) -> bool:
    """Return whether a server with these settings would listen with the first model if it were here."""
    from pipelines.models.model_folders import installed_recognisers
    from pipelines.stt.whisper_settings import WhisperSettings

    whisper = engines.recogniser == "auto" and engines.backend in ("auto", "local")
    if not whisper and engines.recogniser != "whisper":
        return False
    if engines.whisper.model != WhisperSettings().model:
        return False  # a person chose one, and the server says what it needs
    return not installed_recognisers(models)
