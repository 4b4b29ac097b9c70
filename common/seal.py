"""Seals: what is written so that only whoever has its key can read it, and nobody changes it unseen (AES-256-GCM).

A seal is one data key. Short texts are sealed each with a nonce of its own; files are sealed in chunks
(`sealed_files.py`). What a text is about goes into the seal, so that one can't be put in another's place.
"""

from __future__ import annotations

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from common.errors import StorageError

KEY_BYTES = 32
NONCE_BYTES, TAG_BYTES = 12, 16


class Seal:
    """One data key of 32 bytes; the key itself never leaves it but wrapped."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        self._key = key
        self._texts = AESGCM(derive_key(key, b"", "texts"))

    @classmethod
    def new(cls) -> Seal:
        """Return a seal with a random key."""
        return cls(secrets.token_bytes(KEY_BYTES))

    def seal(self, plain: bytes, *, about: str) -> bytes:
        """Return a text sealed: nonce, ciphertext, tag."""
        # Random and not counted: a log that a crash cut off goes on with numbers that were used before.
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._texts.encrypt(nonce, plain, about.encode())

    def open(self, sealed: bytes, *, about: str) -> bytes:
        """Return a text that was sealed about the same; raises StorageError when it was changed or is another's."""
        try:
            return self._texts.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about.encode())
        except (InvalidTag, ValueError):
            raise damaged(about) from None

    def of_file(self, salt: bytes, name: str) -> AESGCM:
        """Return the cipher of one file, whose key comes from its salt and its name."""
        return AESGCM(derive_key(self._key, salt, f"file {name}"))

    def derive(self, purpose: str) -> bytes:
        """Return a key of 32 bytes for another purpose, such as keyed digests."""
        return derive_key(self._key, b"", purpose)

    def wrapped_by(self, other: Seal, *, about: str) -> bytes:
        """Return this seal's key, sealed by another seal."""
        return other.seal(self._key, about=about)

    @classmethod
    def unwrap(cls, wrapped: bytes, other: Seal, *, about: str) -> Seal:
        """Return the seal whose key another one sealed; raises StorageError."""
        key = other.open(wrapped, about=about)
        if len(key) != KEY_BYTES:
            raise damaged(about)
        return cls(key)


def derive_key(key: bytes, salt: bytes, purpose: str) -> bytes:
    """Return a key of 32 bytes for one purpose (HKDF-SHA256, RFC 5869)."""
    return HKDF(SHA256(), KEY_BYTES, salt or None, f"interlocutor {purpose}".encode()).derive(key)


def damaged(what: str) -> StorageError:
    """Return the error of something sealed that does not open with its key."""
    return StorageError(
        f"{what} was changed or damaged on the disk; restore it from a backup", code="storage.damaged", http_status=500
    )


def no_key(what: str) -> StorageError:
    """Return the error of something sealed whose key is not there."""
    return StorageError(
        f"{what} is sealed, and its key is not here; whoever runs this server: put its master key back",
        code="storage.no_key",
        http_status=503,
    )
