"""`interlocutor users export|erase`: all that is kept about one person, as a file, or gone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.at_store import with_store
from server.cli.options import ConfigFolder, Overrides

if TYPE_CHECKING:
    from server.records.person_erasing import ErasedPerson
    from server.settings.tree import Settings
    from server.store.store import Store

_Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The log-in name, for example an e-mail address.")]


def add_to(group: typer.Typer) -> None:
    """Add the commands to those of `users`."""
    group.command()(export)
    group.command()(erase)


def export(
    login: _Login,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The zip file to write.")],
    notes: Annotated[
        bool, typer.Option("--notes", help="Also what examiners noted and marked, and whole audit lines.")
    ] = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Write everything about a person to a zip file that they can read: a page, recordings, and the same as data."""
    from pipelines.patient.card_library import CardLibrary
    from server.accounts.accounts import Accounts
    from server.records.person_export import write_person
    from server.records.person_facts import facts_of
    from server.records.records import open_records

    async def do(store: Store, settings: Settings) -> int:
        person = await Accounts(store, settings.auth, now_s=time.monotonic).find(login)
        facts = await facts_of(store, person, with_notes=notes)
        cards = CardLibrary.load(settings.cards_folder)
        write_person(facts, to, open_records(settings), cards)
        await store.append("person.exported", by="command line", person=person.id)
        return len(facts.sessions)

    count = with_store(do, overrides=overrides, config=config)
    typer.echo(f"everything about {login}, with {count} role-plays, was written to {to}; open index.html in it")


def erase(
    login: _Login,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether this is meant.")] = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Erase a person for good: name, log-ins, and all that they said in practices; exams as the settings say."""
    from server.accounts.accounts import Accounts
    from server.backups.making import shelf_of, tell_erasures
    from server.records.person_erasing import erase_person

    if not yes:
        typer.confirm(f"Erase {login} and all that they said? It can't be brought back.", abort=True)

    async def do(store: Store, settings: Settings) -> ErasedPerson:
        person = await Accounts(store, settings.auth, now_s=time.monotonic).find(login)
        root, exams = settings.data_path / "sessions", settings.retention.exams_of_erased
        done = await erase_person(store, root, person.id, exams=exams, by="command line")
        await tell_erasures(store, settings, shelf_of(settings))
        return done

    done = with_store(do, overrides=overrides, config=config)
    typer.echo(f"{done.person_id} is erased, with {len(done.sessions)} role-plays")
    if done.kept:
        typer.echo(
            f"{len(done.kept)} exams stay for their examiners, without the name (retention.exams_of_erased)", err=True
        )
