"""Names as people type them, in the one form that they are kept in."""

from __future__ import annotations

import re
import unicodedata

from common.errors import ProtocolError

MAX_LOGIN, MAX_NAME = 254, 200
# Control characters, unassigned ones, and those that turn the direction of the text after them.
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def login_of(text: object) -> str:
    """Return a log-in name in its one form: `Anna@Example.org` is `anna@example.org`. Raises ProtocolError."""
    plain = unicodedata.normalize("NFKC", text).strip().casefold() if isinstance(text, str) else ""
    if not plain or len(plain) > MAX_LOGIN or re.search(r"\s", plain) or not _is_seen(plain):
        raise ProtocolError(
            f"a log-in name has 1 to {MAX_LOGIN} letters, figures or signs and no space; an e-mail address will do",
            code="account.name",
        )
    return plain


def name_of(text: object) -> str:
    """Return a person's name with single spaces; raises ProtocolError."""
    plain = " ".join(unicodedata.normalize("NFC", text).split()) if isinstance(text, str) else ""
    if not plain or len(plain) > MAX_NAME or not _is_seen(plain):
        raise ProtocolError(
            f"a name has 1 to {MAX_NAME} letters; leave signs out that can't be seen", code="account.name"
        )
    return plain


def _is_seen(text: str) -> bool:
    return not any(unicodedata.category(letter) in _UNSEEN for letter in text)
