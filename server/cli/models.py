"""`interlocutor models`: which models there are, and how they come to this machine, are checked, made ready and go."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audio.errors import EngineError
from server.cli.options import AsJson, ConfigFolder, Overrides

if TYPE_CHECKING:
    from pipelines.models.catalogue import Catalogue, Entry, Kind
    from pipelines.models.hub import HubAccess
    from pipelines.models.store import Store

group = typer.Typer(help="List, pull, check, convert, measure and remove models.", no_args_is_help=True)

EXIT_INTERRUPTED = 130
DEFAULT_PATH = Path(".data/models")
_MIB = 1 << 20

_Id = Annotated[str, typer.Argument(metavar="ID", help="The model's id, as `models list` shows it.")]
_IdOrFolder = Annotated[str, typer.Argument(metavar="ID", help="The model's id, or a folder with a model in it.")]


def register(app: typer.Typer) -> None:
    """Add `models list`, `pull`, `verify`, `qualify`, `export`, `remove` and `bench`."""
    app.add_typer(group, name="models")


@group.command("list")
def list_models(overrides: Overrides = None, config: ConfigFolder = None, as_json: AsJson = False) -> None:
    """List the models there are, which of them are here, and what each needs."""
    from rich.console import Console
    from rich.table import Table

    place = _Place.of(overrides, config)
    rows = [place.describe(entry) for entry in (*place.catalogue.models, *place.others())]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for title in ("Id", "Kind", "Here", "Size", "Memory", "Languages", "Licence"):
        table.add_column(
            title,
            no_wrap=title in ("Id", "Kind", "Size", "Memory"),
            justify="right" if title in ("Size", "Memory") else "left",
        )
    for row in rows:
        here = "-" if row["state"] == "absent" else row["state"]
        table.add_row(
            row["id"],
            row["kind"],
            f"{here}, qualified" if row["qualified"] else here,
            f"{row['size_mib']} MiB",
            f"{row['memory_mib']} MiB",
            " ".join(row["languages"]),
            row["licence"] + (" (gated)" if row["gated"] else ""),
        )
    Console().print(table)
    typer.echo(f"\nThey lie in {place.store.root}; `interlocutor models pull ID` brings one.")


@group.command()
def pull(
    model: _Id,
    again: Annotated[bool, typer.Option("--again", help="Pull it even if it is here.")] = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Bring a model to this machine; goes on where an earlier pull broke off.

    HF_TOKEN, HF_ENDPOINT (a mirror) and HF_HUB_OFFLINE are respected. A recogniser is qualified afterwards.
    """
    import psutil

    from pipelines.models.hub import Hub
    from pipelines.models.pull import memory_warning
    from pipelines.models.pull import pull as pull_model
    from server.cli.models_progress import Bars

    place = _Place.of(overrides, config)
    entry = place.find(model)
    access = place.access()
    warning = memory_warning(entry, psutil.virtual_memory().total)
    if warning:
        typer.echo(f"warning: {warning}", err=True)
    try:
        with Bars() as bars, Hub(access, say=bars.say) as hub:
            bars.say(f"pulling {entry.id} from {entry.source.archive or f'{access.url}/{entry.source.repository}'}")
            folder = pull_model(entry, place.store, hub, bars, again=again)
    except KeyboardInterrupt:
        came = place.came_mib(entry)
        typer.echo(f"stopped; the {came} MiB that came are kept, and the same command goes on from there", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    typer.echo(f"{entry.id} is in {folder}")
    if entry.export:
        typer.echo(f"next: `interlocutor models export {entry.id}`, which makes it usable")
    elif entry.kind == "recogniser" and not (folder / "qualified.json").is_file():
        _qualify(folder, required=False)


@group.command()
def verify(
    model: _IdOrFolder,
    quick: Annotated[bool, typer.Option("--quick", help="Leave the checksums out.")] = False,
    overrides: Overrides = None,
    config: ConfigFolder = None,
) -> None:
    """Check a model: files, format, architecture, tokenizer and checksums; exit 1 with a line for each fault."""
    from pipelines.models.store import Provenance, checksum_faults, size_of
    from pipelines.models.verify import verify_folder
    from server.cli.models_progress import Bars

    folder, kind, _ = _Place.of(overrides, config).resolve(model)
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
def qualify(model: _IdOrFolder, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Try a recogniser on bundled sentences, and unlock what it is shown to do without loss."""
    folder, kind, _ = _Place.of(overrides, config).resolve(model)
    _require_recogniser(folder, kind)
    _qualify(folder, required=True)


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
    place = _Place.of(overrides, config)
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
    place = _Place.of(overrides, config)
    entry = place.find(model)
    if place.store.state(entry) == "absent":
        raise EngineError(f"{entry.id} is not in {place.store.root}: nothing to remove", code="model.not_installed")
    if not yes:
        typer.confirm(f"delete {entry.id} ({place.came_mib(entry)} MiB) from {place.store.root}?", abort=True)
    with place.store.lock(entry.id, on_wait=lambda: typer.echo("somebody else is working on it; waiting")):
        freed = place.store.remove(entry.id)
    typer.echo(f"{entry.id} is removed; {freed // _MIB} MiB are free again")


@group.command()
def bench(model: _IdOrFolder, overrides: Overrides = None, config: ConfigFolder = None) -> None:
    """Measure a recogniser on this machine: how long a final of 3 s and of 8 s takes, and its memory."""
    import importlib

    folder, kind, _ = _Place.of(overrides, config).resolve(model)
    _require_recogniser(folder, kind)
    try:
        measure = importlib.import_module("server.bench.stt_whisper").bench_model
    except (ImportError, AttributeError) as error:
        raise EngineError("this version can't measure models yet", code="engine.unavailable") from error
    measure(folder)


class _Place:
    """The catalogue and the folder of models that the settings name."""

    def __init__(self, catalogue: Catalogue, store: Store, hub_url: str | None) -> None:
        self.catalogue = catalogue
        self.store = store
        self._hub_url = hub_url

    @classmethod
    def of(cls, overrides: list[str] | None, config: Path | None) -> _Place:
        """Read settings and catalogue; a `models.yaml` in the configuration folder stands in for the supplied one."""
        from pipelines.models.catalogue import Catalogue
        from pipelines.models.store import Store
        from server.settings import CONFIG_FOLDER, load_settings

        section: Any = getattr(load_settings(config_folder=config, overrides=overrides or ()), "models", None)
        path = Path(getattr(section, "path", None) or os.environ.get("MODEL_PATH") or DEFAULT_PATH)
        own = (config or CONFIG_FOLDER) / "models.yaml"
        catalogue = Catalogue.load(own if own.is_file() else CONFIG_FOLDER / "models.yaml")
        return cls(catalogue, Store(path), getattr(section, "hub_url", None))

    def access(self) -> HubAccess:
        """Return how the hub is reached: by the setting, by HF_ENDPOINT, or where the catalogue says."""
        import dataclasses

        from pipelines.models.hub import HubAccess

        access = HubAccess.from_environment(self.catalogue.hub)
        return dataclasses.replace(access, url=self._hub_url.rstrip("/")) if self._hub_url else access

    def find(self, name: str) -> Entry:
        """Return the model of this name, of the catalogue or of a folder that was put among the models."""
        try:
            return self.catalogue.find(name)
        except EngineError:
            other = next((entry for entry in self.others() if entry.id == name), None)
            if other is None:
                raise
            return other

    def others(self) -> list[Entry]:
        """Return the models that are here and not in the catalogue."""
        from pipelines.models.catalogue import local
        from pipelines.models.store import Provenance, size_of
        from pipelines.models.verify import kind_of

        known = {entry.id for entry in self.catalogue.models}
        found = []
        for folder in sorted(self.store.root.glob("[!.]*")):
            kind = kind_of(folder) if folder.name not in known else None
            if kind is not None:
                provenance = Provenance.read(folder)
                size_mib = max(size_of(folder) // _MIB, 1)
                found.append(local(folder.name, kind, provenance.source if provenance else str(folder), size_mib))
        return found

    def resolve(self, name: str) -> tuple[Path, Kind, Entry | None]:
        """Return the folder and kind of an id or of a path; raises EngineError if nothing is there."""
        from pipelines.models.verify import kind_of

        if Path(name).is_dir() or name.startswith((".", "/", "~")):
            folder = Path(name).expanduser()
            kind = kind_of(folder)
            if kind is None:
                raise EngineError(f"{folder} holds no model (no model.bin, no model.onnx)", code="model.format")
            return folder, kind, None
        entry = self.find(name)
        state = self.store.state(entry)
        if state != "installed":
            todo = "export" if state == "to export" else "pull"
            raise EngineError(
                f"{entry.id} is not in {self.store.root}: run `interlocutor models {todo} {entry.id}`",
                code="model.not_installed",
            )
        return self.store.folder(entry.id), entry.kind, entry

    def describe(self, entry: Entry) -> dict[str, Any]:
        """Return what `models list` tells of a model."""
        from pipelines.models.store import QUALIFIED, size_of

        folder, state = self.store.folder(entry.id), self.store.state(entry)
        here = size_of(folder) // _MIB if state == "installed" else entry.download_mib
        return {
            "id": entry.id,
            "kind": entry.kind,
            "summary": entry.summary,
            "state": state,
            "qualified": (folder / QUALIFIED).is_file(),
            "size_mib": here,
            "memory_mib": entry.memory_mib,
            "languages": list(entry.languages),
            "speakers": entry.speakers,
            "licence": entry.licence,
            "gated": entry.gated,
            "source": entry.source.name,
            "folder": str(folder) if state == "installed" else None,
        }

    def came_mib(self, entry: Entry) -> int:
        """Return how much of a model is on the disk, finished or not."""
        from pipelines.models.store import size_of

        folders = (self.store.folder(entry.id), self.store.source(entry.id), self.store.partial(entry.id))
        return sum(size_of(folder) for folder in folders) // _MIB


def _require_recogniser(folder: Path, kind: Kind) -> None:
    if kind != "recogniser":
        raise EngineError(f"{folder} is a {kind}: this is for recognisers", code="model.architecture")


def _qualify(folder: Path, *, required: bool) -> None:
    """Qualify a recogniser with the recogniser's own code; without it only say so, unless that was what was asked."""
    import importlib

    try:
        run = importlib.import_module("pipelines.stt.qualify").qualify
    except (ImportError, AttributeError) as error:
        if required:
            raise EngineError("this version can't qualify models yet", code="engine.unavailable") from error
        return
    typer.echo("trying it on bundled sentences; this takes a moment")
    result = run(folder, progress=lambda *what: None)
    typer.echo(str(getattr(result, "summary", result)))
