"""Where the text with the master keys comes from: an environment variable once, or a file as often as it changes."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path
from typing import Protocol

from audio.files import replace_file, sync_folder
from common.errors import SettingsError, storage_error
from common.seal import KEY_BYTES
from server.settings.secrets import read_secret_file


class KeyText(Protocol):
    """A text with master keys."""

    def read(self) -> str:
        """Return the text as it is now; raises SettingsError. It may be asked often."""


class FixedText:
    """A text that was given once."""

    def __init__(self, text: str) -> None:
        self._text = text

    def read(self) -> str:
        """Return it."""
        return self._text


class KeyFile:
    """A file with master keys, read again when it was replaced. With `strict`, not one that everybody may read."""

    def __init__(self, path: Path, *, strict: bool) -> None:
        self.path = path
        self._strict = strict
        self._seen: tuple[int, int, int] | None = None
        self._text = ""

    def read(self) -> str:
        """Return its text; raises SettingsError. Once it was read, a file that is gone or bad changes nothing."""
        try:
            found = self.path.stat()
            now = (found.st_ino, found.st_mtime_ns, found.st_size)
        except OSError:
            now = None
        if self._seen is not None and now in (None, self._seen):
            return self._text
        text, fault = read_secret_file(self.path, strict=self._strict)
        if fault:
            if self._seen is None:
                raise SettingsError(f"vault.key_file: {fault}")
            return self._text
        self._seen, self._text = now, text
        return text

    def put_first(self, word: str) -> None:
        """Put a key before the others; raises StorageError."""
        self._replace([word, *self.read().split()])

    def keep(self, words: list[str]) -> None:
        """Keep these keys alone, in this order; raises StorageError."""
        self._replace(words)

    def _replace(self, words: list[str]) -> None:
        found = self.path.stat()
        replace_file(self.path, _lines(words), durable=True, like=found)


def _lines(words: list[str]) -> bytes:
    return "".join(f"{word}\n" for word in words).encode()


def new_key_word() -> str:
    """Return a new master key as it is written."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def make_key_file(path: Path) -> bool:
    """Make a file with a new master key that its owner alone may read, unless there is one; return whether it did.

    Raises StorageError.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(path.parent, error) from error
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, _lines([new_key_word()]))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            # Of two that start at once, one makes it; and nobody ever sees half a key.
            os.link(temporary, path)
        except FileExistsError:
            return False
        finally:
            temporary.unlink()
        sync_folder(path.parent)
    except OSError as error:
        raise storage_error(path, error) from error
    return True
