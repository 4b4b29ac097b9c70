"""Text that can be kept and sent: half surrogates, which Python's strings can hold, have no place in UTF-8."""

from __future__ import annotations


def well_formed(text: str) -> str:
    """Return the text as every store and wire can take it: half a surrogate becomes U+FFFD, two make their character.

    They come from JSON escapes that were cut apart (`"\\ud83d"` in one piece of a streamed answer, the other half in
    the next), and from file names that are not UTF-8.
    """
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def is_well_formed(text: str) -> bool:
    """Return whether the text can be written as UTF-8."""
    return text.isascii() or well_formed(text) == text
