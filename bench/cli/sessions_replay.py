"""`interlocutor sessions replay`: stored role-plays through today's build."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.options import ConfigFolder, Overrides
from server.cli.sessions import group

if TYPE_CHECKING:
    from bench.stored_session import SessionComparison
    from server.settings.tree import Settings
    from server.store.store import Store


def register(_app: typer.Typer) -> None:
    """Add `replay` to the commands of `sessions`."""
    group.command("replay")(replay)


def replay(
    sessions: Annotated[
        list[str], typer.Argument(metavar="ID|FOLDER...", help="Role-plays by their ids, or folders of stored ones.")
    ],
    measured: Annotated[
        bool, typer.Option("--measured", help="Count what engines take now; only on a machine with nothing else to do.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the comparisons to this file.")] = None,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Play stored role-plays to today's engines, in virtual time, and compare text, cues and times with the log.

    It names what is not as it was: settings, engines, the card. Of what is stored nothing is changed. The command
    fails if a role-play differs although nothing has changed. Time is virtual, and each engine answers when it
    answered then, so that a busy machine changes nothing. How quick the answers are now, only --measured tells.
    """
    from bench.report_figures import write_json
    from bench.report_files import check_target
    from bench.stored_session import load_session, replay_session
    from pipelines.patient.card_library import CardLibrary
    from server.cli.at_store import with_store
    from server.logs import quiet_logs
    from server.measures import machine
    from server.records.records import open_records
    from server.settings.tree import load_settings
    from server.vault.session_keys import read_key

    if json_file is not None:
        check_target(json_file)
    quiet_logs()
    settings = load_settings(config_folder=config, overrides=overrides or ())
    cards = CardLibrary.load(settings.cards_folder)
    records = open_records(settings)
    kept = records.root
    made = []
    for folder in [each for name in sessions for each in _folders(name, kept)]:
        # A folder that was brought from elsewhere may be in the plain: then no key is needed.
        seal = records.vault.open_session(folder) if read_key(folder) is not None else None
        made.append(replay_session(load_session(folder, seal, records.recordings), settings, cards, measured=measured))
        _show(made[-1], measured=measured)
        if folder.parent == kept:

            async def note(store: Store, _settings: Settings, heard: str = folder.name) -> None:
                await store.append("session.replayed", by="command line", session=heard)

            with_store(note, overrides=overrides, config=config)
    if json_file is not None:
        write_json(json_file, {"machine": machine(), "sessions": [each.as_json() for each in made]})
    if any(not each.changed and not (each.same_text and each.same_cues) for each in made):
        raise typer.Exit(1)


def _folders(name: str, root: Path) -> list[Path]:
    """Return the folders of sessions that a name stands for; raises ProtocolError."""
    from common.errors import ProtocolError
    from pipelines.log.jsonl import EVENTS

    for place in (root / name, Path(name)):
        if (place / EVENTS).is_file():
            return [place]
        inside = sorted(file.parent for file in place.glob(f"*/{EVENTS}"))
        if inside:
            return inside
    raise ProtocolError(
        f"there is no role-play in '{name}'; see `interlocutor sessions list`", code="session.gone", http_status=404
    )


def _show(found: SessionComparison, *, measured: bool) -> None:
    plain = found.as_json()
    waits = plain["voice_to_voice_ms_p50"]
    answers = {name: "-" if wait is None else f"{wait:.0f} ms" for name, wait in waits.items()}
    same = ", ".join(f"{name} {'same' if is_same else 'DIFFERENT'}" for name, is_same in plain["same"].items())
    told = f"; answers {answers['before']} then, {answers['now']} now (median)" if measured else ""
    typer.echo(f"{found.name}: {same}{told}")
    for what, before, now in found.changed:
        typer.echo(f"    changed: {what}: {before} then, {now} now")
    for before, now in found.differing:
        typer.echo(f"    then: {before}\n    now:  {now}")
    if not found.same_cues:
        typer.echo(f"    cues then: {', '.join(found.before.cues)}\n    cues now:  {', '.join(found.after.cues)}")
    if found.typed:
        typer.echo(f"    {found.typed} turns were asked by the button, which a track does not have")
