"""`interlocutor sessions`: the role-plays that were held here."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import keeping
from server.cli.at_store import with_store
from server.cli.options import AsJson, ConfigFolder, Overrides

if TYPE_CHECKING:
    from pipelines.assessment.assessor import Assessment
    from server.settings.tree import Settings
    from server.store.sessions import IndexedSession
    from server.store.store import Store

group = typer.Typer(help="List, show, export, keep and delete role-plays.", no_args_is_help=True)

_SessionId = Annotated[str, typer.Argument(metavar="ID", help="The role-play's id, as `sessions list` shows it.")]


def register(app: typer.Typer) -> None:
    """Add `sessions` with its commands, those of `keeping.py` included."""
    keeping.add_to(group)
    app.add_typer(group, name="sessions")


@group.command("list")
def list_sessions(
    mode: Annotated[str | None, typer.Option(help="practice or exam.")] = None,
    login: Annotated[str | None, typer.Option("--of", metavar="LOGIN", help="Only this person's.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the newest first.")] = 50,
    as_json: AsJson = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """List role-plays, the newest first."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from server.accounts.accounts import Accounts
    from server.store.sessions import Wanted, find

    async def do(store: Store, settings: Settings) -> list[IndexedSession]:
        person_id = None
        if login is not None:
            person_id = (await Accounts(store, settings.auth, now_s=time.monotonic).find(login)).id
        async with store.database.reading() as connection:
            return await find(connection, Wanted(person_id=person_id, mode=mode, limit=limit))

    found = with_store(do, overrides=overrides, config=config)
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in found], indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("Id", "Began (UTC)", "Mode", "State", "Turns", "Card"):
        table.add_column(title, overflow="fold", no_wrap=title in ("Id", "Began (UTC)"))
    for one in found:
        began = time.strftime("%Y-%m-%d %H:%M", time.gmtime(one.began_ms / 1000))
        turns = "-" if one.turns is None else str(one.turns)
        table.add_row(one.id, began, one.mode, one.state, turns, Text(one.card_title))
    Console().print(table)


@group.command()
def show(session_id: _SessionId, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Show what the index knows of a role-play; what was said is in its export, and once erased nowhere."""

    async def do(store: Store, _settings: Settings) -> IndexedSession:
        return await _known(store, session_id)

    typer.echo(json.dumps(with_store(do, overrides=overrides, config=config).as_shown(), indent=2))


@group.command()
def export(
    session_id: _SessionId,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The zip file to write.")],
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Write a role-play to a zip file: log, recording, all that the database has of it; nothing that was erased."""
    from common.errors import storage_error
    from server.records.exporting import Exported, write_zip
    from server.records.records import open_records
    from server.records.session_facts import session_facts

    async def do(store: Store, settings: Settings) -> None:
        known = await _known(store, session_id)
        folder = settings.data_path / "sessions" / session_id
        async with store.database.reading() as connection:
            facts = await session_facts(connection, session_id)
        try:
            records = open_records(settings)
            write_zip(folder, Exported(known, facts, records.vault.open_session(folder)), records.recordings, to)
        except OSError as error:
            raise storage_error(to, error) from error
        await store.append("session.exported", by="command line", session=session_id)

    with_store(do, overrides=overrides, config=config)
    typer.echo(f"{session_id} was written to {to}")


@group.command()
def measures(
    session_id: _SessionId, as_json: AsJson = False, overrides: Overrides = None, config: ConfigFolder = None
) -> None:
    """Show the measures of a role-play, and which tasks of its card were heard; docs/measures.md says what each is."""
    from common.errors import ProtocolError
    from pipelines.assessment.assessor import Assessor
    from pipelines.engine_choices import choose_engines
    from pipelines.events import Audience
    from pipelines.log.stored_events import StoredLog
    from pipelines.patient.card_library import CardLibrary
    from server.records.candidate_track import candidate_track
    from server.records.folder import RecordFolder
    from server.records.records import open_records

    async def do(store: Store, settings: Settings) -> Assessment:
        known = await _known(store, session_id)
        folder = settings.data_path / "sessions" / session_id
        record = RecordFolder(folder)
        if known.state == "running" or record.erased or not record.has_log:
            why = "there is nothing to measure: the role-play is not over, nobody joined it, or it was erased"
            raise ProtocolError(why, code="session.gone", http_status=404)
        card = CardLibrary.load(settings.cards_folder).get_card(known.card_id)
        choice = choose_engines(settings.engines, settings.models).interpreter
        kept = open_records(settings)
        seal = kept.vault.open_session(folder)
        entries = StoredLog(folder, seal).records(Audience.DEVELOPER)
        made = Assessor(choice.factory).assess(entries, card, candidate_track(kept.recordings, folder, seal))
        await store.append("measures.read", by="command line", session=session_id)
        return made

    found = with_store(do, overrides=overrides, config=config)
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
        return
    _print_measures(found)


@group.command()
def delete(
    session_id: _SessionId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether this is meant.")] = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Erase what was said in a role-play and its recording; that there was one stays known."""
    from common.errors import ProtocolError
    from server.records.recordings import recordings_of
    from server.store import sessions
    from server.store.erasures import note_erasure
    from server.store.holds import check_free

    if not yes:
        typer.confirm(f"Erase what was said in {session_id}? It can't be brought back.", abort=True)

    async def do(store: Store, settings: Settings) -> None:
        known = await _known(store, session_id)
        async with store.database.reading() as connection:
            await check_free(connection, session_id)
        if known.state == "running":
            raise ProtocolError("the role-play is not over yet; end it first", code="session.running", http_status=409)
        folder = settings.data_path / "sessions" / session_id
        if any(folder.glob("segment-*.flac")):
            why = "its recording is still being put together; try again in a minute, or start the server first"
            raise ProtocolError(why, code="session.running", http_status=409)
        async with store.database.writing() as connection:
            await sessions.set_state(connection, session_id, "erasing")
        if folder.is_dir():
            recordings_of(settings.recordings).erase(folder)
        async with store.database.writing() as connection:
            await note_erasure(connection, session_id, by="command line")

    with_store(do, overrides=overrides, config=config)
    typer.echo(f"{session_id} is erased")


def _print_measures(found: Assessment) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from pipelines.assessment.measure import DEFINITIONS

    table = Table(box=None, pad_edge=False)
    for title in ("Measure", "Value", "Unit", "From"):
        table.add_column(title, justify="right" if title == "Value" else "left", overflow="fold")
    for each in found.measures:
        value = each.unmeasured if each.value is None else f"{each.value:.2f}".rstrip("0").rstrip(".")
        counts = ", ".join(f"{name} {number:.0f}" for name, number in each.counts.items())
        table.add_row(each.id, value, "" if each.value is None else DEFINITIONS[each.id].unit, counts)
    Console().print(table)
    for task in found.tasks or ():
        places = ", ".join(f"{each.from_ms / 1000:.0f} s" for each in task.evidence)
        Console().print(Text(f"{task.state.replace('_', ' ')}: {task.text}" + (f" ({places})" if places else "")))


async def _known(store: Store, session_id: str) -> IndexedSession:
    from common.errors import ProtocolError
    from server.store.sessions import by_id

    async with store.database.reading() as connection:
        known = await by_id(connection, session_id)
    if known is None:
        raise ProtocolError(
            "there is no such role-play; see `interlocutor sessions list`", code="session.gone", http_status=404
        )
    return known
