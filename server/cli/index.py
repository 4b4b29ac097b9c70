"""`interlocutor index`: the store of card texts in which the patient looks up what it was asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.options import AsJson, ConfigFolder, Overrides

if TYPE_CHECKING:
    from pipelines.intent.learned import LearnedInterpreter
    from server.settings.tree import Settings

_DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Make every card's vectors, write nothing; exit 1 if the store lacks any of them."),
]
_Refresh = Annotated[bool, typer.Option("--refresh", help="Make every card's vectors anew and write them.")]

_STATES = {"here": "yes", "missing": "not yet", "differs": "no: what is there is damaged or of another machine"}


def register(app: typer.Typer) -> None:
    """Add `index`."""
    app.command()(index)


def index(
    dry_run: _DryRun = False,
    refresh: _Refresh = False,
    as_json: AsJson = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Show, check or refresh the store of card texts that the patient looks up what it was asked in.

    Each card has a digest of its texts and of the text encoder; a session's first log events name it, so the same
    digest means the same look-ups. The server makes what is missing when a role-play begins: nothing must be done.
    """
    import json

    from common.errors import EngineError
    from pipelines.intent.card_store import CardStore
    from pipelines.intent.encoder import SentenceEncoder
    from pipelines.patient.card_library import CardLibrary
    from server.settings.tree import load_settings

    settings = load_settings(config_folder=config, overrides=overrides or ())
    if dry_run and refresh:
        raise typer.BadParameter("give one of --dry-run and --refresh")
    encoder = _encoder(settings)
    store = CardStore(encoder)
    cards = list(CardLibrary.load(settings.cards_folder).values())
    state = {card.id: "here" if store.is_kept(card) else "missing" for card in cards}
    if dry_run or refresh:
        vectoriser = SentenceEncoder(encoder)
        for card in cards:
            if refresh:
                store.refresh(card, vectoriser)
            state[card.id] = "here" if store.holds(card, vectoriser) else state[card.id].replace("here", "differs")
    rows = [{"card": card.id, "digest": store.digest(card), "state": state[card.id]} for card in cards]
    if as_json:
        typer.echo(json.dumps({"encoder": str(encoder), "cards": rows}, indent=2))
    else:
        _show(rows)
    wanting = [card for card, found in state.items() if found != "here"]
    if (dry_run or refresh) and wanting:
        remedy = "run `interlocutor index --refresh`" if dry_run else f"can {encoder.parent} be written to?"
        raise EngineError(f"the store lacks {', '.join(wanting)}: {remedy}", code="model.index")


def looking_up(overrides: list[str] | None, config: Path | None) -> LearnedInterpreter | None:
    """Return what looks up questions among a card's texts, None where no text encoder is installed."""
    from common.errors import EngineError
    from server.settings.tree import load_settings

    settings = load_settings(config_folder=config, overrides=overrides or ())
    try:
        return _interpreter(settings, _encoder(settings))
    except EngineError:
        return None


def _encoder(settings: Settings) -> Path:
    from pipelines.models.model_folders import locate

    place = locate(settings.engines.interpreter_model, settings.models, "encoder")
    place.require()
    return place.folder


def _interpreter(settings: Settings, encoder: Path) -> LearnedInterpreter:
    from pipelines.intent.learned import LearnedInterpreter

    return LearnedInterpreter(encoder, device=settings.engines.interpreter_device)


def _show(rows: list[dict[str, str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("Card", "Digest", "In the store"):
        table.add_column(title, overflow="fold", no_wrap=True)
    for row in rows:
        # As many digits as nobody mistakes for another; --json has them all.
        table.add_row(row["card"], row["digest"][:16], _STATES[row["state"]])
    Console().print(table)
