"""What a session's folder holds once the role-play is over, and how it is erased; see `recordings.py` for its sound."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from audio.files import replace_file, sync_folder
from common.errors import StorageError, storage_error
from pipelines.log.jsonl import EVENTS, PAYLOADS
from server.vault.session_keys import destroy_key, key_is_destroyed

ERASED = "erased.json"
"""Says when a session's words and audio were erased."""
ELSEWHERE = "elsewhere.json"
"""Says where the recording is that was moved to an object store."""
OPINION = "opinion.json"
"""What a language model would mark, with the words that it rests on."""
JUDGEMENT = "judgement.json"
"""Which rules the patient's replies kept and broke, by a language model, with the replies."""
JUDGED = (OPINION, JUDGEMENT)
"""What models wrote about a session afterwards: sealed by its key, and erased with it."""


@dataclass(frozen=True, slots=True)
class RecordFolder:
    """The folder of one session."""

    folder: Path

    @property
    def erased(self) -> bool:
        """Whether what was said has been erased: with its key it is gone, whatever else is still there."""
        return self._marked or self._key_is_destroyed

    @property
    def _marked(self) -> bool:
        return (self.folder / ERASED).is_file()

    @property
    def _key_is_destroyed(self) -> bool:
        try:
            return key_is_destroyed(self.folder)
        except StorageError:  # it can't be read, which is another fault
            return False

    @property
    def has_log(self) -> bool:
        """Whether there is a log: a session that nobody joined has none."""
        return (self.folder / EVENTS).is_file()

    def erase(self) -> None:
        """Erase what was said and how it sounded; envelopes stay. May be called again; raises StorageError.

        On a full disk too: what is erased makes the room that the marker needs.
        """
        # First the key: from here on nothing can be read, wherever copies of it are.
        destroyed = self._destroy_key(may_fail=True)
        # Then the marker: if the rest fails half-way, nobody is shown what was to be gone.
        marked = self._marked or self._mark(may_fail=True)
        for path in self._sound():
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise storage_error(path, error) from error
        _empty(self.folder / PAYLOADS)  # empty, not gone: the log can still be read
        if not destroyed:
            self._destroy_key(may_fail=False)
        if not marked:
            self._mark(may_fail=False)
        sync_folder(self.folder)

    @property
    def is_half_erased(self) -> bool:
        """Whether an erasure was cut off after it had begun."""
        return self.erased and (self.has_words or not self._marked)

    @property
    def has_words(self) -> bool:
        """Whether there is anything of what was said, or of how it sounded."""
        words = self.folder / PAYLOADS
        return bool(self._sound()) or (words.is_file() and words.stat().st_size > 0)

    def _destroy_key(self, *, may_fail: bool) -> bool:
        try:
            destroy_key(self.folder)
        except StorageError as error:
            # Some file systems write elsewhere what is written over.
            if not may_fail or error.code != "storage.full":
                raise
            return False
        return True

    def _mark(self, *, may_fail: bool) -> bool:
        marker = json.dumps({"erased": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})
        try:
            replace_file(self.folder / ERASED, marker.encode())
        except StorageError as error:
            if self._marked:
                return True  # by somebody who erases at the same time
            if not may_fail or error.code != "storage.full":
                raise
            return False
        return True

    def _sound(self) -> list[Path]:
        judged = (path for name in JUDGED for path in self.folder.glob(name))
        return [*self.folder.glob("*.flac*"), *self.folder.glob(".*.part"), *judged]


def _empty(path: Path) -> None:
    """Take all out of a file, which needs no room."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_TRUNC)
    except FileNotFoundError:
        return
    except OSError as error:
        raise storage_error(path, error) from error
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        os.close(descriptor)
