"""Key services: who wraps data keys. One is here, with a master key in a file or in an environment variable."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from common.errors import SettingsError, StorageError
from common.seal import KEY_BYTES, Seal, damaged
from server.vault.key_text import KeyText

MAKE_KEY = "make one with `openssl rand -base64 32`"
_FORM = "v1"


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key as it is kept: which master key wrapped it, and its sealed bytes."""

    master: str
    sealed: bytes

    def as_text(self) -> str:
        """Return it as one word."""
        return ".".join((_FORM, self.master, base64.b64encode(self.sealed).decode()))

    @classmethod
    def from_text(cls, text: str) -> WrappedKey:
        """Return the key that a word stands for; raises StorageError."""
        try:
            form, master, sealed = text.split(".")
            if form != _FORM:
                raise ValueError
            return cls(master, base64.b64decode(sealed, validate=True))
        except ValueError:
            raise damaged("a wrapped key") from None


class KeyService(Protocol):
    """Wraps data keys by a master key that it may keep to itself.

    It is asked on the event loop, so that it must answer at once: one behind a network keeps keys ready. `about` says
    whose key it is; a key is unwrapped for the same one alone.
    """

    @property
    def current(self) -> str:
        """The id of the master key that new keys are wrapped by."""

    @property
    def known(self) -> Sequence[str]:
        """The ids of all master keys that can unwrap, the current one first."""

    def wrap(self, key: Seal, *, about: str) -> WrappedKey:
        """Return a data key wrapped by the current master key."""

    def unwrap(self, wrapped: WrappedKey, *, about: str) -> Seal:
        """Return a data key; raises StorageError when its master key is not known, or it was changed."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A master key, and the id by which wrapped keys name it: a digest, which tells nothing of the key."""

    id: str
    seal: Seal


class LocalKeys:
    """Master keys as one text, base64 of 32 bytes each with white space between: the first wraps, all unwrap.

    The text is read again when it has changed, so that a running server takes up a new key.
    """

    def __init__(self, text: KeyText) -> None:
        self._text = text
        self._read_from: str | None = None
        self._keys: dict[str, MasterKey] = {}
        self._current = ""
        self._refresh()

    @property
    def current(self) -> str:
        """The id of the first key."""
        self._refresh()
        return self._current

    @property
    def known(self) -> Sequence[str]:
        """The ids of all keys, in their order."""
        self._refresh()
        return tuple(self._keys)

    def wrap(self, key: Seal, *, about: str) -> WrappedKey:
        """Return a data key wrapped by the first key."""
        self._refresh()
        master = self._keys[self._current]
        return WrappedKey(master.id, key.wrapped_by(master.seal, about=about))

    def unwrap(self, wrapped: WrappedKey, *, about: str) -> Seal:
        """Return a data key; raises StorageError."""
        if wrapped.master not in self._keys:
            self._refresh()
        master = self._keys.get(wrapped.master)
        if master is None:
            raise StorageError(
                f"{about} needs the master key {wrapped.master}, which this server does not have; whoever runs it: put "
                "that key back (docs/operations.md, keys)",
                code="storage.no_key",
                http_status=503,
            )
        return Seal.unwrap(wrapped.sealed, master.seal, about=about)

    def _refresh(self) -> None:
        text = self._text.read()
        if text != self._read_from:
            keys = parse_keys(text)
            self._keys = {key.id: key for key in keys}
            self._current = keys[0].id
            self._read_from = text


def parse_keys(text: str) -> list[MasterKey]:
    """Return the master keys in a text; raises SettingsError, which never repeats them."""
    keys = []
    for word in text.split():
        try:
            key = base64.b64decode(word, validate=True)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise SettingsError(f"vault.key: is no key of {KEY_BYTES} bytes in base64; {MAKE_KEY}")
        if len(set(key)) < KEY_BYTES // 4:
            raise SettingsError(f"vault.key: is too easy to guess; {MAKE_KEY}")
        keys.append(MasterKey(hashlib.sha256(b"interlocutor master key" + key).hexdigest()[:16], Seal(key)))
    if not keys:
        raise SettingsError(f"vault.key: is empty; {MAKE_KEY}")
    return keys
