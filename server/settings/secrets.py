"""Secrets: where they come from, and which are no secrets at all."""

from __future__ import annotations

import stat
from pathlib import Path

# This is as long as the digest that signs with it (RFC 2104 advises no less).
MIN_SECRET_BYTES = 32
# 32 random hex digits hold fewer once in thirty million draws; "aaaa..." and "121212..." do.
MIN_DIFFERENT = 8
MAX_SECRET_FILE_BYTES = 4096
MAKE_ONE = "make one with `openssl rand -base64 48`"

# Long enough that random text does not hold one by chance; compared without separators and in lower case.
_PLACEHOLDERS = (
    "changeme", "changethis", "placeholder", "replaceme", "replacethis", "replacewith", "yoursecret", "yourkey",
    "example", "insecure", "notsecret", "developmentonly", "secretkey", "password", "mysecret", "supersecret",
)  # fmt: skip


def weakness(secret: str) -> str | None:
    """Return what is wrong with a secret in words that follow its name, or None; the secret itself is never told."""
    if not secret.strip():
        return f"is empty; {MAKE_ONE}"
    plain = "".join(c for c in secret.lower() if c.isalnum())
    if any(word in plain for word in _PLACEHOLDERS) or (secret.startswith("<") and secret.endswith(">")):
        return f"is a placeholder, known to anyone who reads the documentation; {MAKE_ONE}"
    if len(secret.encode()) < MIN_SECRET_BYTES:
        return f"is too short: {len(secret.encode())} bytes, where {MIN_SECRET_BYTES} are the least; {MAKE_ONE}"
    if len(set(secret)) < MIN_DIFFERENT:
        return f"is too easy to guess: it has only {len(set(secret))} different characters; {MAKE_ONE}"
    return None


def read_secret_file(path: Path, *, strict: bool) -> tuple[str, str | None]:
    """Return the secret in a file without its last line break, and a fault in words that follow the setting's name.

    With `strict`, a file that every user of the machine may read is refused.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_SECRET_FILE_BYTES + 1)
            mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        return "", f"the file {path} can't be read ({error.strerror}); check the path and its permissions"
    if len(content) > MAX_SECRET_FILE_BYTES:
        return "", f"the file {path} is larger than {MAX_SECRET_FILE_BYTES} bytes; it must hold the secret alone"
    if strict and mode & stat.S_IROTH:
        return "", f"every user of this machine may read the file {path}; run `chmod o-r {path}`"
    try:
        secret = content.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        return "", f"the file {path} is not text; write the secret to it as base64 or hex"
    return secret, None if secret.strip() else f"the file {path} is empty; {MAKE_ONE} and write it there"
