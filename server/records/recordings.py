"""Finished recordings: in their session's folder, or in an object store with only a note of their place left there.

    segments ── join() ──► recording.flac ── move() ──► object store
                                               └──────► elsewhere.json in the folder

What is moved is the sealed file as it is. Its key stays here, wrapped by the master key, so that the store holds
nothing that it could read, and what was erased is gone for whoever has the store too. A recording that an earlier
version wrote in the plain stays here until it is sealed. The note is written before the move and completed after it:
no crash leaves an object that nobody knows of.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import soundfile
import structlog

from audio.files import replace_file, sync_folder
from audio.recorder import RECORDING_NAME, flac_info
from common.errors import AppError, StorageError, storage_error
from common.seal import Seal, damaged
from common.sealed_files import is_sealed, open_file, opened, plain_size
from server.objects.objects import ObjectReader, Objects, object_store_error
from server.records.folder import ELSEWHERE, RecordFolder
from server.settings.recordings import RecordingsSettings

logger = structlog.get_logger("server.records.recordings")

# One request brings so much; a player asks for the next when it needs it.
READ_BYTES = 1_048_576
RecordingState = Literal["ready", "joining", "none", "deleted"]
SealOf = Callable[[Path], Seal | None]
"""Returns what a session's folder is sealed with."""


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """What there is of a recording: `joining` for as long as its segments are not one file yet."""

    state: RecordingState
    size_bytes: int = 0
    duration_ms: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The note in a folder of a recording in the object store; sizes and digest are of the sealed file."""

    object: str
    size_bytes: int
    sha256: str
    duration_ms: int
    complete: bool


class Recordings:
    """Opens, moves and erases the recordings of sessions; `objects` is where finished ones go, None: nowhere."""

    def __init__(self, objects: Objects | None = None, *, prefix: str = "") -> None:
        self._objects = objects
        self._prefix = prefix
        # What is being moved is not deleted meanwhile: an object would be left that nobody knows of.
        self._moving = threading.Lock()

    @property
    def moves(self) -> bool:
        """Whether finished recordings go to an object store."""
        return self._objects is not None

    def facts(self, folder: Path, seal: Seal | None = None, *, due: bool = False) -> RecordingFacts:
        """Return what there is of a session's recording; `due`: what is not there yet may still be written."""
        if RecordFolder(folder).erased:
            return RecordingFacts("deleted")
        path = folder / RECORDING_NAME
        try:
            note = self._note(folder)
            if note is not None and note.complete:
                return RecordingFacts("ready", plain_size(note.size_bytes), note.duration_ms)
            with open_file(path, seal) as file:
                duration_ms = _duration_ms(file)
            stored = path.stat().st_size
            return RecordingFacts("ready", plain_size(stored) if is_sealed(path) else stored, duration_ms)
        except (soundfile.LibsndfileError, OSError, StorageError):
            joining = due or any(folder.glob("segment-*.flac"))
            return RecordingFacts("joining" if joining else "none")

    def open(self, folder: Path, seal: Seal | None) -> BinaryIO:
        """Open a session's recording as it was said, FLAC; raises FileNotFoundError if there is none, StorageError."""
        return opened(self.open_stored(folder), seal, RECORDING_NAME)

    def open_stored(self, folder: Path) -> BinaryIO:
        """Open a session's recording as it is kept, sealed; raises FileNotFoundError if there is none, StorageError."""
        path = folder / RECORDING_NAME
        try:
            return path.open("rb")
        except FileNotFoundError:
            note = self._note(folder)
            if note is None or not note.complete:
                raise
        return _reader(self._reachable(), note)

    def digest(self, folder: Path) -> str | None:
        """Return the SHA-256 (hex) of a recording as it is kept, None where there is none.

        Raises OSError, StorageError.
        """
        try:
            with self.open_stored(folder) as file:
                return _digest(file)
        except FileNotFoundError:
            return None

    def move(self, folder: Path, seal: Seal | None) -> bool:
        """Move a session's recording to the object store; return whether it was moved now.

        The file here goes once the store has given back every byte of it. Raises StorageError, and then nothing is
        lost; a later call begins again.
        """
        if self._objects is None:
            return False
        with self._moving:
            return not RecordFolder(folder).erased and self._move(folder, seal, self._objects)

    def _move(self, folder: Path, seal: Seal | None, objects: Objects) -> bool:
        path = folder / RECORDING_NAME
        try:
            if not path.is_file() or not is_sealed(path):
                return False
            with path.open("rb") as file:
                digest = _digest(file)
            with open_file(path, seal) as file:
                duration_ms = _duration_ms(file)
            name = f"{self._prefix}{folder.name}/{RECORDING_NAME}"
            note = Elsewhere(name, path.stat().st_size, digest, duration_ms, complete=False)
            _write_note(folder, note)
            objects.put(name, path)
            with _reader(objects, note) as back:
                if _digest(back) != digest:
                    raise object_store_error("the object store gave back something else than it was given")
            _write_note(folder, Elsewhere(name, note.size_bytes, digest, duration_ms, complete=True))
            path.unlink()
            sync_folder(folder)
        except soundfile.LibsndfileError as error:
            raise damaged(f"'{RECORDING_NAME}' of {folder.name}") from error
        except OSError as error:
            raise storage_error(path, error) from error
        return True

    def move_left(self, folders: Iterable[Path], seal_of: SealOf) -> int:
        """Move what is left here of these sessions, and delete what is left there of erased ones; return how many.

        The first that the store refuses ends it: the next time it goes on.
        """
        done = 0
        for folder in folders:
            try:
                if RecordFolder(folder).erased:
                    done += self._delete_elsewhere(folder)
                elif (folder / RECORDING_NAME).is_file():
                    # Most were moved long ago, and their keys need not be opened for that.
                    done += self.move(folder, seal_of(folder))
            except (AppError, OSError) as error:
                why = error.message if isinstance(error, AppError) else str(error)
                logger.warning("recording_not_moved", session=folder.name, error=why)
                if isinstance(error, StorageError) and error.code == "storage.objects":
                    break
        return done

    def erase(self, folder: Path) -> bool:
        """Erase what was said and how it sounded; return whether nothing of it is left in the object store.

        What the store still holds after that can't be read any more, and is deleted by a later `move_left`. May be
        called again; raises StorageError.
        """
        RecordFolder(folder).erase()
        try:
            self._delete_elsewhere(folder)
        except StorageError as error:
            logger.warning("recording_not_deleted_elsewhere", session=folder.name, error=error.message)
            return False
        return True

    def _delete_elsewhere(self, folder: Path) -> bool:
        """Delete a session's object and the note of it; return whether there was one."""
        with self._moving:
            note = self._note(folder)
            if note is None:
                return False
            self._reachable().delete(note.object)
            try:
                (folder / ELSEWHERE).unlink(missing_ok=True)
                sync_folder(folder)
            except OSError as error:
                raise storage_error(folder / ELSEWHERE, error) from error
            return True

    def _reachable(self) -> Objects:
        if self._objects is None:
            raise object_store_error(
                "this recording lies in an object store, and recordings.store is disk; set it to s3 as it was"
            )
        return self._objects

    @staticmethod
    def _note(folder: Path) -> Elsewhere | None:
        try:
            return Elsewhere(**json.loads((folder / ELSEWHERE).read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise damaged(f"'{ELSEWHERE}' of {folder.name}") from error


def recordings_of(settings: RecordingsSettings) -> Recordings:
    """Return the recordings as the settings say; nothing is asked of an object store yet. Raises SettingsError."""
    if settings.store == "disk":
        return Recordings()
    # Its client takes memory, and most servers have no object store.
    from server.objects.s3 import connect

    return Recordings(connect(settings.s3), prefix=settings.s3.prefix)


def _reader(objects: Objects, note: Elsewhere) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(ObjectReader(objects, note.object, note.size_bytes), READ_BYTES))


def _write_note(folder: Path, note: Elsewhere) -> None:
    replace_file(folder / ELSEWHERE, json.dumps(asdict(note)).encode())


def _digest(file: BinaryIO) -> str:
    # Whatever is opened here is buffered, and can read into a buffer.
    return hashlib.file_digest(cast(io.BufferedReader, file), "sha256").hexdigest()


def _duration_ms(file: BinaryIO) -> int:
    frames, rate_hz = flac_info(file)
    return round(1000 * frames / rate_hz)
