"""The vault: makes, opens and destroys the keys of sessions and of people."""

from __future__ import annotations

from pathlib import Path

from common.errors import StorageError
from common.seal import Seal
from server.vault.key_service import KeyService, WrappedKey
from server.vault.session_keys import read_key, replace_key, write_key


class Vault:
    """Keys of sessions lie wrapped in their folders, keys of people in the database.

    Whoever has a seal keeps it as long as it is needed: to open a key again costs some microseconds.
    """

    def __init__(self, keys: KeyService) -> None:
        self.keys = keys

    def make_session(self, folder: Path, *, durable: bool = False) -> Seal:
        """Make the key of a session whose folder has none; raises StorageError.

        It is on the disk for sure only if `durable`, which waits for the disk (`sync_key` does so later).
        """
        if read_key(folder) is not None:
            raise StorageError(f"{folder.name} has a key already; open another session")
        seal = Seal.new()
        write_key(folder, self.keys.wrap(seal, about=_session(folder)), durable=durable)
        return seal

    def open_session(self, folder: Path) -> Seal | None:
        """Return what a session is sealed with: None if it was written in the plain, or its key was destroyed.

        Raises StorageError: `storage.no_key` without its master key, `storage.damaged` if the key was changed.
        """
        wrapped = read_key(folder)
        return None if wrapped is None else self.keys.unwrap(wrapped, about=_session(folder))

    def rewrap_session(self, folder: Path) -> bool:
        """Have the current master key wrap a session's key; return whether another one did. Raises StorageError."""
        wrapped = read_key(folder)
        if wrapped is None or wrapped.master == self.keys.current:
            return False
        seal = self.keys.unwrap(wrapped, about=_session(folder))
        return replace_key(folder, wrapped, self.keys.wrap(seal, about=_session(folder)))

    def new_key(self, about: str) -> tuple[Seal, str]:
        """Return a new key and the text to keep of it; `about` says whose it is."""
        seal = Seal.new()
        return seal, self.keys.wrap(seal, about=about).as_text()

    def open_key(self, text: str, about: str) -> Seal:
        """Return a key from the text that was kept of it; raises StorageError."""
        return self.keys.unwrap(WrappedKey.from_text(text), about=about)

    def rewrapped(self, text: str, about: str) -> str | None:
        """Return the text to keep from now on, None where the current master key wraps it; raises StorageError."""
        wrapped = WrappedKey.from_text(text)
        if wrapped.master == self.keys.current:
            return None
        return self.keys.wrap(self.keys.unwrap(wrapped, about=about), about=about).as_text()


def _session(folder: Path) -> str:
    return f"session {folder.name}"
