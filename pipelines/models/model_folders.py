"""Where a model that a person named lies on this machine, and what to do when it is not there or can't be used."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from common.errors import EngineError
from pipelines.models.catalogue import Catalogue, Kind
from pipelines.models.model_store import ModelStore, holds_files
from pipelines.models.settings import ModelSettings


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """A model that somebody named: its folder, what it should be, and what brings it; plain data.

    A voice of the operator's own is a file that may have others beside it. `pull` is the id to pull it by, empty
    for a folder that nobody can pull.
    """

    folder: Path
    kind: Kind
    pull: str

    @property
    def id(self) -> str:
        """The name that the model goes by."""
        return self.folder.name.removesuffix(".onnx")

    @property
    def installed(self) -> bool:
        """Whether its folder is there and not empty; whether it is sound is another matter."""
        return holds_files(self.folder)

    @property
    def remedy(self) -> str:
        """What to do when it is not there or broken: the words that follow 'run' or a semicolon."""
        if self.pull:
            return f"run `interlocutor models pull {self.pull}` and start again"
        return "put a sound one there, or name another"

    def missing(self) -> str:
        """Return the line that says that it is not there, and what to do."""
        state = "empty" if self.folder.is_dir() else "not there"
        where = f"the model {self.id} is not in {self.folder.parent}" if self.pull else f"{self.folder} is {state}"
        return f"{where}; {self.remedy}"

    def require(self) -> None:
        """Raise EngineError unless an engine can be given this model; looks at its files, and loads nothing."""
        from pipelines.models.verify import AGAIN, verify_folder

        if not self.installed:
            raise EngineError(self.missing(), code="model.not_installed")
        if faults := verify_folder(self.folder, self.kind):
            told = "; ".join(fault.message.removesuffix(f": {AGAIN}") for fault in faults)
            raise EngineError(f"{told}; {self.remedy}", code=faults[0].code)


def locate(name: str, settings: ModelSettings, kind: Kind) -> ModelPlace:
    """Return where the model of this name lies or would lie: an id, another name, a repository, or a folder.

    Raises EngineError (`model.unknown`, `model.architecture`, `model.catalogue`) for one that nothing could bring.
    """
    path = Path(name).expanduser()
    if path.is_absolute() or name.startswith((".", "~")) or (len(path.parts) > 1 and path.is_dir()):
        return ModelPlace(path, kind, "")
    store, catalogue = ModelStore(settings.path), catalogue_of(settings)
    try:
        entry = catalogue.find(name)
    except EngineError:
        if holds_files(store.folder(name)):  # put there by hand
            return ModelPlace(store.folder(name), kind, "")
        raise
    if entry.kind != kind:
        raise EngineError(f"{entry.id} is a {entry.kind}: name a {kind} here", code="model.architecture")
    return ModelPlace(store.folder(entry.id), kind, entry.id if entry in catalogue.models else name)


def installed_models(path: Path) -> list[tuple[str, Kind]]:
    """Return the ids and kinds of the models in a folder, in order of id; none when the folder is not there."""
    from pipelines.models.verify import kind_of

    folders = sorted(path.glob("[!.]*"))
    kinds = ((folder.name, kind_of(folder)) for folder in folders if folder.is_dir())
    return [(name, kind) for name, kind in kinds if kind is not None]


def installed_recognisers(path: Path) -> list[str]:
    """Return the ids of the recognisers in a folder, in order."""
    return [name for name, kind in installed_models(path) if kind == "recogniser"]


def installed_turn_detectors(path: Path) -> list[str]:
    """Return the ids of the turn detectors in a folder, in order."""
    return [name for name, kind in installed_models(path) if kind == "turn_detector"]


def catalogue_of(settings: ModelSettings) -> Catalogue:
    """Return the catalogue that the settings name, read anew if it changed. Raises EngineError (`model.catalogue`)."""
    path = settings.catalogue_file
    return _read(path, path.stat().st_mtime_ns if path.is_file() else 0)


@functools.lru_cache(maxsize=4)
def _read(path: Path, _changed_ns: int) -> Catalogue:
    return Catalogue.load(path)
