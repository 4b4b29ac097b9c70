"""What the commands of `interlocutor models` work on: the catalogue and the folder of models that the settings name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import EngineError

if TYPE_CHECKING:
    from pipelines.models.catalogue import Catalogue, CatalogueEntry, Kind, SpeakerEntry
    from pipelines.models.hub_access import HubAccess
    from pipelines.models.model_store import ModelStore
    from pipelines.models.settings import ModelSettings
    from pipelines.stt.whisper_settings import WhisperSettings

_MIB = 1 << 20


class ModelsHere:
    """The catalogue and the folder of models that the settings name."""

    def __init__(
        self, catalogue: Catalogue, store: ModelStore, settings: ModelSettings, whisper: WhisperSettings
    ) -> None:
        self.catalogue = catalogue
        self.store = store
        self.whisper = whisper
        self._settings = settings

    @classmethod
    def of(cls, overrides: list[str] | None, config: Path | None) -> ModelsHere:
        """Read settings and catalogue; a `models.yaml` in the configuration folder stands in for the supplied one."""
        from pipelines.models.model_folders import catalogue_of
        from pipelines.models.model_store import ModelStore
        from server.settings.tree import load_settings

        settings = load_settings(config_folder=config, overrides=overrides or ())
        models = settings.models
        return cls(catalogue_of(models), ModelStore(models.path), models, settings.engines.whisper)

    def access(self) -> HubAccess:
        """Return how the hub is reached: by the setting, by HF_ENDPOINT, or where the catalogue says."""
        import dataclasses

        from pipelines.models.hub_access import HubAccess

        access = HubAccess.from_environment(self.catalogue.hub)
        own = self._settings.hub_url
        return dataclasses.replace(access, url=own.rstrip("/")) if own else access

    def allowed_bytes(self) -> int:
        """Return the memory that the settings allow a server here, of the machine's or the container's."""
        from pipelines.models.model_memory import available_to_process, parse_amount

        return parse_amount(self._settings.max_memory, of_bytes=available_to_process())

    def find(self, name: str) -> CatalogueEntry:
        """Return the model of this name, of the catalogue or of a folder that was put among the models."""
        try:
            return self.catalogue.find(name)
        except EngineError:
            other = next((entry for entry in self.others() if entry.id == name), None)
            if other is None:
                raise
            return other

    def others(self) -> list[CatalogueEntry]:
        """Return the models that are here and not in the catalogue."""
        from pipelines.models.catalogue import local
        from pipelines.models.model_folders import installed_models
        from pipelines.models.model_store import Provenance, size_of

        known = {entry.id for entry in self.catalogue.models}
        found = []
        for name, kind in installed_models(self.store.root):
            if name not in known:
                folder = self.store.folder(name)
                provenance = Provenance.read(folder)
                size_mib = max(size_of(folder) // _MIB, 1)
                came = provenance.source if provenance is not None and kind == "recogniser" else ""
                repository = came if provenance is not None and provenance.origin == "hub" else None
                found.append(local(name, kind, size_mib, repository=repository or None))
        return found

    def own_voices(self) -> list[dict[str, Any]]:
        """Return what `models list` tells of the operator's own Piper voices, those that are left out too.

        Raises EngineError where their folder is not there.
        """
        from pipelines.tts.voices import piper_folder

        folder = piper_folder(self._settings)
        rows = [
            _own(voice.file.stem, "installed", _who(voice.speakers), len(voice.speakers), voice.file)
            for voice in folder.voices
        ]
        return rows + [_own(one.name, "left out", one.reason, 0, None) for one in folder.left_out]

    def resolve(self, name: str) -> tuple[Path, Kind, CatalogueEntry | None]:
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

    def describe(self, entry: CatalogueEntry) -> dict[str, Any]:
        """Return what `models list` tells of a model."""
        from pipelines.models.model_store import size_of
        from pipelines.stt.qualification import is_qualified

        folder, state = self.store.folder(entry.id), self.store.state(entry)
        here = size_of(folder) // _MIB if state == "installed" else entry.download_mib
        return {
            "id": entry.id,
            "kind": entry.kind,
            "summary": entry.summary,
            "state": state,
            "qualified": is_qualified(folder, self.whisper.rule),
            "size_mib": here,
            "memory_mib": entry.memory_mib,
            "languages": list(entry.languages),
            "speakers": entry.speakers,
            "licence": entry.licence,
            "gated": entry.gated,
            "sources": [{"kind": source.kind, "name": source.name} for source in entry.sources],
            "folder": str(folder) if state == "installed" else None,
        }

    def came_mib(self, entry: CatalogueEntry) -> int:
        """Return how much of a model is on the disk, finished or not."""
        from pipelines.models.model_store import size_of

        folders = (self.store.folder(entry.id), self.store.source(entry.id), self.store.partial(entry.id))
        return sum(size_of(folder) for folder in folders) // _MIB


def _who(speakers: Sequence[SpeakerEntry]) -> str:
    """Return whose voices they are, for people: `a woman (en-gb)`."""
    called = {"female": "a woman", "male": "a man"}
    return ", ".join(f"{one.name + ': ' if one.name else ''}{called[one.sex]} ({one.accent})" for one in speakers)


def _own(name: str, state: str, summary: str, speakers: int, file: Path | None) -> dict[str, Any]:
    size_mib = max(file.stat().st_size // _MIB, 1) if file is not None else 0
    return {
        "id": name,
        "kind": "synthesiser",
        "summary": summary,
        "state": state,
        "qualified": False,
        "size_mib": size_mib,
        "memory_mib": size_mib,
        "languages": ["en"] if file is not None else ["?"],
        "speakers": speakers,
        "licence": "not known",
        "gated": False,
        "sources": [],
        "folder": str(file.parent) if file is not None else None,
    }
