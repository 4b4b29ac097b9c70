"""The way from a folder: files that somebody copied, checked as if they had come from anywhere else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from common.errors import EngineError
from pipelines.models.bringing import Came, Watcher, require_room
from pipelines.models.catalogue import CatalogueEntry, ModelFile
from pipelines.models.model_store import PROVENANCE, ModelStore, Provenance, sha256_of, writing

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FromFolder:
    """Bring a model from a folder that has its files; they are copied, and the folder stays as it is."""

    folder: Path

    @property
    def place(self) -> str:
        """The folder."""
        return str(self.folder)

    @property
    def label(self) -> str:
        """The same."""
        return str(self.folder)

    def bring(self, entry: CatalogueEntry, store: ModelStore, watch: Watcher) -> Came:
        """Copy the model's files; each must have the checksum of the catalogue, or else the one it was pulled with."""
        staged = store.partial(entry.id) / "folder"
        wanted = list(self._wanted(entry))
        with writing(staged, resumes=False):
            shutil.rmtree(staged, ignore_errors=True)
            staged.mkdir(parents=True)
        try:
            require_room(entry, store, sum(path.stat().st_size for path, _ in wanted))
            checked = {}
            for path, sha256 in wanted:
                name = path.name
                self._copy(path, staged / name, watch)
                checked[name] = sha256_of(staged / name)
                if sha256 is not None and checked[name] != sha256:
                    raise EngineError(
                        f"{path} is not the file that it should be (checksum {checked[name][:12]}... instead of "
                        f"{sha256[:12]}...): copy it again",
                        code="model.checksum",
                    )
        except BaseException:
            shutil.rmtree(staged, ignore_errors=True)
            raise
        return Came(staged, "folder", str(self.folder.resolve()), "", checked)

    def _wanted(self, entry: CatalogueEntry) -> Iterator[tuple[Path, str | None]]:
        """Yield the files to copy and what is known of each; raises EngineError if one is lacking."""
        try:
            there = sorted(path for path in self.folder.iterdir() if path.is_file() and path.name != PROVENANCE)
        except OSError as error:
            raise EngineError(
                f"{self.folder} can't be read ({error.strerror}): name a folder with the model's files",
                code="model.source",
            ) from error
        came = Provenance.read(self.folder)
        pulled = {record.path: record.sha256 for record in came.files} if came is not None else {}
        for file in entry.files:
            found = [path for path in there if fnmatchcase(path.name, file.path)]
            if not found and not file.optional:
                names = ", ".join(path.name for path in there[:6]) or "nothing"
                raise EngineError(
                    f"{self.folder} has no {file.path} (it has {names}): name a folder with the files of {entry.id}",
                    code="model.format",
                )
            for path in found:
                _require_size(path, file)
                yield path, file.sha256 or pulled.get(path.name)

    def _copy(self, path: Path, target: Path, watch: Watcher) -> None:
        try:
            inside = path.open("rb")
        except OSError as error:
            raise EngineError(
                f"{path} can't be read ({error.strerror}): set its rights", code="model.source"
            ) from error
        watch.begin(f"copying {path.name}", done_bytes=0, total_bytes=path.stat().st_size)
        try:
            with inside, writing(target, resumes=False), target.open("wb") as outside:
                while block := inside.read(_BLOCK_BYTES):
                    outside.write(block)
                    watch.advance(len(block))
        finally:
            watch.end()


def _require_size(path: Path, file: ModelFile) -> None:
    size_bytes = path.stat().st_size
    if file.size_bytes is not None and size_bytes != file.size_bytes:
        raise EngineError(
            f"{path} has {size_bytes} bytes instead of {file.size_bytes}: copy it again, whole", code="model.checksum"
        )
