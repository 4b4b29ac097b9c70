"""`interlocutor config`: what the settings are, where each came from, and whether the server would start with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from server.cli.options import AsJson, ConfigFolder, Overrides

if TYPE_CHECKING:
    from server.settings.tree import Settings

group = typer.Typer(help="Show and check the settings.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add `config show` and `config check`."""
    app.add_typer(group, name="config")


@group.command()
def show(overrides: Overrides = None, config: ConfigFolder = None, as_json: AsJson = False) -> None:
    """Show every setting, its value and where it came from.

    Secrets are shown as ********. Where it came from is `default`, a profile, a file, a variable or `--set`.
    """
    from server.settings.tree import LEAVES, describe, load_with_origins

    loaded = load_with_origins(config_folder=config, overrides=overrides or ())
    tree = loaded.settings.redacted()
    values = {path: _at(tree, path) for path in LEAVES}
    if as_json:
        rows = {path: {"value": value, "origin": loaded.origins[path]} for path, value in values.items()}
        typer.echo(json.dumps({"settings": rows, "notes": list(loaded.notes)}, indent=2))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for title in ("Setting", "Value", "From", "Meaning"):
        table.add_column(title, overflow="fold", no_wrap=title == "Setting")
    for path, value in values.items():
        origin = loaded.origins[path]
        style = "dim" if origin == "default" else "bold"
        table.add_row(path, Text(_plain(value), style), Text(origin, style), describe(path))
    Console().print(table)
    for note in loaded.notes:
        typer.echo(f"note: {note}", err=True)


@group.command()
def check(overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Say whether the server would start with these settings; exit 2 if not.

    Looks at the settings, the choice of engines and the cards. For the machine there is `interlocutor doctor`.
    """
    from common.errors import SettingsError
    from server.settings.advice import data_path_faults, production_advice
    from server.settings.tree import load_with_origins

    loaded = load_with_origins(config_folder=config, overrides=overrides or ())
    settings = loaded.settings
    faults = data_path_faults(settings) + startup_faults(settings)
    if faults:
        raise SettingsError("\n".join(faults))
    for advice in production_advice(settings):
        typer.echo(f"warning: {advice}", err=True)
    for note in (*loaded.notes, *_not_installed(settings), *_remote_mind(settings), *_sign_on(settings)):
        typer.echo(f"note: {note}", err=True)
    typer.echo(f"settings for {settings.environment} can be used (digest {settings.digest()[:12]})")


def startup_faults(settings: Settings) -> list[str]:
    """Return why the server would not start with these settings, one line each."""
    from common.errors import CardError, EngineError
    from pipelines.engine_choices import choose_engines
    from pipelines.patient.card_library import CardLibrary
    from pipelines.patient.card_library import check as check_cards
    from server.production_engines import engine_faults
    from server.vault.opening import vault_faults

    faults = settings.production_faults() + vault_faults(settings) + settings.bucket_faults()
    faults += settings.instance_faults()
    faults += settings.tracing.faults()
    sign_on = settings.auth.oidc.faults(public_url=settings.auth.public_url, strict=False)
    faults += [fault for fault in sign_on if fault not in faults]
    card_faults = check_cards(settings.cards_folder)
    cards = CardLibrary({}) if card_faults else CardLibrary.load(settings.cards_folder)
    try:
        choices = choose_engines(settings.engines, settings.models)
    except EngineError as error:
        faults.append(error.message if error.message.startswith("engines.") else f"engines: {error.message}")
    else:
        faults += [fault for fault in engine_faults(settings, choices, cards) if fault not in faults]
    if card_faults:
        return faults + [f"cards_path: {fault}" for fault in card_faults]
    try:
        cards.without(settings.exam.reserved_cards)
    except CardError as error:
        faults.append(f"exam.reserved_cards: {error.message}")
    return faults


def _not_installed(settings: Settings) -> list[str]:
    """Return what a server with these settings would start without, and then not be ready."""
    from pipelines.engine_choices import choose_engines

    place = choose_engines(settings.engines, settings.models).recogniser.place
    if place is None or place.installed:
        return []
    return [f"engines.whisper.model: the server would start, and not be ready: {place.missing()}"]


def _sign_on(settings: Settings) -> list[str]:
    """Return what whoever sets up single sign-on may want to know."""
    return settings.auth.oidc.notes(public_url=settings.auth.public_url)


def _remote_mind(settings: Settings) -> list[str]:
    """Return who words the replies elsewhere, or that nobody does though something is set for it."""
    from pipelines.engine_choices import choose_engines
    from pipelines.responders.remote.remote_plan import configured

    remote = settings.engines.remote
    plan = choose_engines(settings.engines, settings.models).remote
    if plan is None:
        names = ", ".join(configured(remote))
        advice = "set MODEL_BACKEND=cloud, or engines.responder to 'remote'"
        return [f"engines.remote: {names} can be asked and is not: {advice}"] if names else []
    budget = remote.budget
    notes = [f"engines.remote: replies are worded by {plan.shown}, for candidates who agree to it"]
    if not (budget.day_tokens or budget.day_cost):
        notes.append("engines.remote.budget: nothing limits what a day may cost")
    if (budget.day_cost or budget.session_cost) and not (budget.price_in or budget.price_out):
        notes.append("engines.remote.budget: without price_in and price_out nothing has a cost, so no cost is limited")
    if remote.waits.whole_s * 1000 >= settings.conversation.respond_timeout_ms:
        notes.append("engines.remote.waits.whole_s: is as long as conversation.respond_timeout_ms; make it shorter")
    return notes


def _at(tree: dict[str, Any], path: str) -> Any:
    value: Any = tree
    for name in path.split("."):
        value = value[name]
    return value


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)
