"""`interlocutor models`: which models there are, and how they come to this machine, are checked, made ready and go."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from common.errors import EngineError
from server.cli.models_place import ModelsHere
from server.cli.options import AsJson, ConfigFolder, Overrides

if TYPE_CHECKING:
    from pipelines.models.catalogue import CatalogueEntry, Kind
    from pipelines.stt.whisper_settings import WhisperSettings

group = typer.Typer(help="List, pull, check, convert, measure and remove models.", no_args_is_help=True)

EXIT_INTERRUPTED = 130
_MIB = 1 << 20

_Id = Annotated[str, typer.Argument(metavar="ID", help="The model's id, as `models list` shows it.")]
IdOrFolder = Annotated[str, typer.Argument(metavar="ID", help="The model's id, or a folder with a model in it.")]


def register(app: typer.Typer) -> None:
    """Add `models list`, `pull`, `verify`, `qualify`, `export`, `remove` and `back`."""
    app.add_typer(group, name="models")


@group.callback()
def _heed_sigterm(context: typer.Context) -> None:
    """Take SIGTERM as Ctrl-C, so that programs that a command started end with it; the help text is the group's."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    context.call_on_close(lambda: signal.signal(signal.SIGTERM, before))


@group.command("list")
def list_models(overrides: Overrides = None, config: ConfigFolder = None, as_json: AsJson = False) -> None:
    """List the models there are, which of them are here, and what each needs."""
    from rich.console import Console
    from rich.table import Table

    place = ModelsHere.of(overrides, config)
    rows = [place.describe(entry) for entry in (*place.catalogue.models, *place.others())]
    rows += place.own_voices()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("Id", "Kind", "Here", "From", "Size", "Memory", "Spoken", "Licence"):
        table.add_column(
            title,
            no_wrap=title in ("Id", "Kind", "Size", "Memory"),
            justify="right" if title in ("Size", "Memory") else "left",
            min_width=9 if title == "Here" else None,  # "installed", on a terminal of 80 columns too
            overflow="fold",
        )
    for row in rows:
        here = "-" if row["state"] == "absent" else row["state"]
        table.add_row(
            row["id"],
            row["kind"],
            f"{here}, qualified" if row["qualified"] else here,
            ", ".join(source["kind"] for source in row["sources"]) or "-",
            str(row["size_mib"]),
            str(row["memory_mib"]),
            " ".join(row["languages"]),
            row["licence"] + (" (gated)" if row["gated"] else ""),
        )
    Console().print(table)
    typer.echo("\nSize and memory are in MiB.")
    for row in rows:
        if row["state"] == "left out":
            typer.echo(f"{row['id']} is left out: {row['summary']}")
    typer.echo(f"They lie in {place.store.root}; `interlocutor models pull ID` brings one.")


@group.command()
def pull(
    model: _Id,
    source: Annotated[
        str | None,
        typer.Option(metavar="hub|package|archive|FOLDER", help="Take it from there alone; a folder has its files."),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Pull it even if it is here.")] = False,
    no_qualify: Annotated[bool, typer.Option("--no-qualify", help="Do not try a recogniser afterwards.")] = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Bring a model to this machine, from the first of its sources that has it; goes on where the hub broke off.

    HF_TOKEN, HF_ENDPOINT (a mirror) and HF_HUB_OFFLINE are respected, and pip's settings for packages. A recogniser is
    qualified afterwards.
    """
    from pipelines.models.pull import memory_warning

    place = ModelsHere.of(overrides, config)
    entry = place.find(model)
    warning = memory_warning(entry, place.allowed_bytes())
    if warning:
        typer.echo(f"warning: {warning}", err=True)
    folder = bring(place, entry, source=source, again=again)
    typer.echo(f"{entry.id} is in {folder}")
    if entry.export:
        typer.echo(f"next: `interlocutor models export {entry.id}`, which makes it usable")
    elif entry.kind == "recogniser" and not no_qualify:
        typer.echo(qualify_model(folder, place.whisper, anew=again) or "it was tried before")


@group.command()
def verify(
    model: IdOrFolder,
    quick: Annotated[bool, typer.Option("--quick", help="Leave the checksums out.")] = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Check a model: files, format, architecture, tokenizer and checksums; exit 1 with a line for each fault."""
    from pipelines.models.model_store import Provenance, checksum_faults, size_of
    from pipelines.models.verify import verify_folder
    from server.cli.models_progress import Bars

    folder, kind, _ = ModelsHere.of(overrides, config).resolve(model)
    faults = verify_folder(folder, kind)
    provenance = Provenance.read(folder)
    checked = "its checksums are not known, as it was not pulled"
    if provenance is not None and not quick and not faults:
        with Bars() as bars:
            bars.begin(f"checking {folder.name}", done_bytes=0, total_bytes=size_of(folder))
            faults += checksum_faults(folder, provenance, on_bytes=bars.advance)
            bars.end()
        checked = f"{len(provenance.files)} checksums are right"
    elif quick:
        checked = "checksums were left out"
    if faults:
        raise EngineError("\n".join(fault.message for fault in faults), code=faults[0].code)
    typer.echo(f"{folder} is a sound {kind}; {checked}")


@group.command()
def qualify(model: IdOrFolder, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Try a recogniser on bundled sentences, and unlock what it is shown to do without loss."""
    place = ModelsHere.of(overrides, config)
    folder, kind, _ = place.resolve(model)
    _require_recogniser(folder, kind)
    typer.echo(qualify_model(folder, place.whisper))


@group.command()
def export(
    model: _Id,
    quantization: Annotated[
        str, typer.Option(help="How a language model's weights are kept: int8_float32, float16, ...")
    ] = "int8_float32",
    drop_source: Annotated[bool, typer.Option("--drop-source", help="Delete what was pulled, once converted.")] = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Convert a pulled model into the form the server loads, in an environment of its own with torch."""
    import shutil

    from pipelines.models.export import QUANTIZATIONS
    from pipelines.models.export import export as export_model

    if quantization not in QUANTIZATIONS:
        raise EngineError(
            f"there is no quantization {quantization}: take one of {', '.join(QUANTIZATIONS)}",
            code="model.export_failed",
        )
    place = ModelsHere.of(overrides, config)
    entry = place.find(model)
    try:
        folder = export_model(entry, place.store, typer.echo, quantization=quantization)
    except KeyboardInterrupt:
        typer.echo("stopped; the same command goes on with the environment as it is", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if drop_source:
        shutil.rmtree(place.store.source(entry.id), ignore_errors=True)
    typer.echo(f"{entry.id} is in {folder}")


@group.command()
def remove(
    model: _Id,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Delete a model from this machine, with what was pulled for it; asks before."""
    place = ModelsHere.of(overrides, config)
    entry = place.find(model)
    if place.store.state(entry) == "absent":
        raise EngineError(f"{entry.id} is not in {place.store.root}: nothing to remove", code="model.not_installed")
    if not yes:
        typer.confirm(f"delete {entry.id} ({place.came_mib(entry)} MiB) from {place.store.root}?", abort=True)
    with place.store.lock(entry.id, on_wait=lambda: typer.echo("somebody else is working on it; waiting")):
        freed = place.store.remove(entry.id)
    typer.echo(f"{entry.id} is removed; {freed // _MIB} MiB are free again")


@group.command()
def back(model: _Id, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Put the model back that a pull or an export replaced last; the same command again undoes it.

    A server takes it up when it starts again.
    """
    place = ModelsHere.of(overrides, config)
    entry = place.find(model)
    with place.store.lock(entry.id, on_wait=lambda: typer.echo("somebody else is working on it; waiting")):
        now = place.store.go_back(entry.id)
    typer.echo(f"{entry.id} is the one before again ({now.source} {now.revision}); restart the server")


def bring(place: ModelsHere, entry: CatalogueEntry, *, source: str | None = None, again: bool = False) -> Path:
    """Pull a model with bars and return its folder; Ctrl-C and SIGTERM exit with 130."""
    from pipelines.models.hub import Hub
    from pipelines.models.hub_waits import HASTY
    from pipelines.models.pull import pull as pull_model
    from pipelines.models.pull import sources_of, ways_of
    from server.cli.models_progress import Bars

    sources = sources_of(entry, source)
    patience = HASTY if len(sources) > 1 else None
    try:
        with Bars() as bars, Hub(place.access(), patience, say=bars.say) as hub:
            return pull_model(entry, place.store, ways_of(sources, hub), bars, again=again)
    except KeyboardInterrupt:
        kept = f"the {place.came_mib(entry)} MiB that came are kept, and the same command goes on from there"
        partly = place.store.state(entry) == "partial"
        typer.echo(f"stopped; {kept if partly else 'nothing is kept, and the same command starts again'}", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None


def _require_recogniser(folder: Path, kind: Kind) -> None:
    if kind != "recogniser":
        raise EngineError(f"{folder} is a {kind}: this is for recognisers", code="model.architecture")


def qualify_model(folder: Path, whisper: WhisperSettings, *, anew: bool = True) -> str | None:
    """Try a recogniser, keep what was found beside it and return it in a line; None if it is known for these windows.

    Raises EngineError.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from pipelines.stt.qualification import read_qualification
    from pipelines.stt.qualify import qualify

    known = read_qualification(folder)
    if not anew and known is not None and known.rule == whisper.rule:
        return None
    columns = (TextColumn("trying it on bundled sentences"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, transient=True, console=Console(stderr=True)) as bar:
        task = bar.add_task("")
        found = qualify(
            folder, settings=whisper, progress=lambda done, total: bar.update(task, completed=done, total=total)
        )
    return found.summary
