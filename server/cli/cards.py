"""`interlocutor cards`: the role-play cards there are, and whether they can be used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.options import ConfigFolder, Overrides

if TYPE_CHECKING:
    from pipelines.intent.card_index import Confused
    from pipelines.patient.card import Card

group = typer.Typer(help="List, show and check role-play cards.", no_args_is_help=True)

_CardId = Annotated[str, typer.Argument(metavar="ID", help="The card's id, as `cards list` shows it.")]
_Folder = Annotated[Path | None, typer.Argument(help="Folder of cards; the one in the settings if left out.")]


def register(app: typer.Typer) -> None:
    """Add `cards list`, `cards show` and `cards check`."""
    app.add_typer(group, name="cards")


@group.command("list")
def list_cards(overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """List the cards by id."""
    from rich.console import Console
    from rich.table import Table

    from pipelines.patient.card_library import CardLibrary

    table = Table(box=None, pad_edge=False)
    for title in ("Id", "Profession", "Title", "Cues"):
        table.add_column(title, overflow="fold", no_wrap=title == "Id", justify="right" if title == "Cues" else "left")
    for card in CardLibrary.load(_folder(overrides, config)).values():
        table.add_row(card.id, card.profession, card.title, str(len(card.cues)))
    Console().print(table)


@group.command()
def show(
    card_id: _CardId,
    candidate: Annotated[bool, typer.Option("--candidate", help="Only what the candidate may see.")] = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Show a card: both sides and the cues, or the candidate's side alone."""
    from pipelines.patient.card_library import CardLibrary

    card = CardLibrary.load(_folder(overrides, config)).get_card(card_id)
    for line in _candidate_lines(card) + ([] if candidate else _patient_lines(card)):
        typer.echo(line)


@group.command()
def check(folder: _Folder = None, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Check every card of a folder; exit 1 with one line for each fault.

    Warnings tell what can't be read aloud, and which example questions would be answered with something else.
    """
    from common.errors import CardError
    from pipelines.patient.card_library import CardLibrary
    from pipelines.patient.card_library import check as check_cards
    from pipelines.patient.read_aloud import warnings
    from server.cli.index import looking_up

    place = folder or _folder(overrides, config)
    faults = check_cards(place)
    if faults:
        raise CardError("\n".join(faults))
    cards = CardLibrary.load(place)
    look_up = looking_up(overrides, config)
    if look_up is None:
        typer.echo("note: without a text encoder it can't be told which questions are mistaken for others", err=True)
    for card in cards.values():
        confused = look_up.confused(card) if look_up is not None else []
        for warning in [*warnings(card), *(_told_of(each) for each in confused)]:
            typer.echo(f"warning: {place.name}/{card.id}.yaml: {warning}", err=True)
    count = len(cards)
    typer.echo(f"{count} card{'s' if count != 1 else ''} can be used")


def _told_of(confused: Confused) -> str:
    return (
        f"'{confused.question}' is an example of {confused.item}, but {confused.other} would be told: "
        "reword it, or let one of the two go"
    )


def _folder(overrides: list[str] | None, config: Path | None) -> Path:
    from server.settings.tree import load_settings

    return load_settings(config_folder=config, overrides=overrides or ()).cards_folder


def _candidate_lines(card: Card) -> list[str]:
    return [
        f"{card.title} ({card.id}, version {card.version})",
        f"{card.profession}; {card.setting}",
        "",
        "CANDIDATE",
        card.candidate.role,
        card.candidate.background,
        *(f"  - {task}" for task in card.candidate.tasks),
        "",
        "The patient speaks first." if card.opening is not None else "The candidate speaks first.",
    ]


def _patient_lines(card: Card) -> list[str]:
    patient = card.patient
    lines = [
        "",
        "PATIENT (never shown to a candidate)",
        f"{patient.name}, {patient.age}, {patient.sex}: {patient.mood}",
    ]
    lines += [patient.history, patient.persona, *(f"  hidden: {fact}" for fact in patient.hidden_facts)]
    if card.opening is not None:
        lines.append(f"  opens with: {card.opening}")
    lines += ["", "CUES"]
    for cue in card.cues:
        after = f", after {', '.join(cue.after)}" if cue.after else ""
        lines.append(f"  {cue.id} ({cue.kind}{after}): {cue.topic}")
        lines += [f"    asked by: {'; '.join(cue.triggers)}"] if cue.triggers else []
        lines += [f"    says: {said}" for said in cue.says]
    return lines
