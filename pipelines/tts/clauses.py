"""Cuts a reply into clauses that can be spoken one by one, so that the first is heard while the rest is made."""

from __future__ import annotations

import re

# espeak-ng itself leaves these at a comma inside a sentence and at a full stop.
COMMA_PAUSE_MS = 145
STOP_PAUSE_MS = 300

# A shorter beginning, in letters and digits, sounds chopped and gives too little time to make the next.
_FIRST_LENGTH = 10
# Later clauses have time, and fewer cuts keep the melody of the sentence.
_SOFT_LENGTH = 24
_TAIL_LENGTH = 6

_CLOSERS = "\"'”’)]"
_ABBREVIATIONS = frozenset(
    "dr mr mrs ms prof st sr jr vs etc approx dept fig tel ext temp e.g i.e a.m p.m b.d t.d.s q.d.s p.r.n o.d".split()
)
_BEFORE_A_NUMBER = frozenset(("no", "nos", "p", "pp", "vol"))
_ENDINGS_OF_SENTENCES = frozenset(("etc", "a.m", "p.m", "b.d", "t.d.s", "q.d.s", "p.r.n", "o.d"))
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")


def split_clauses(text: str) -> list[tuple[str, int]]:
    """Return the clauses of `text` with the pause after each in ms; joined with spaces they are the whole text.

    Cuts come after . ! ? ; : , and dashes, not after abbreviations or inside numbers, and only where the clause so far
    is long enough to stand alone. Empty text has no clauses.
    """
    pieces = text.split()
    clauses: list[tuple[str, int]] = []
    current: list[str] = []
    for index, piece in enumerate(pieces):
        current.append(piece)
        following = pieces[index + 1 :]
        pause_ms = _pause_after(piece, following[0] if following else None)
        if not following:
            clauses.append((" ".join(current), pause_ms))
        elif pause_ms and _may_cut(current, following, first=not clauses, soft=pause_ms < STOP_PAUSE_MS):
            clauses.append((" ".join(current), pause_ms))
            current = []
    return clauses


def _may_cut(current: list[str], following: list[str], *, first: bool, soft: bool) -> bool:
    least = _SOFT_LENGTH if soft and not first else _FIRST_LENGTH
    if _length(current) < least:
        return False
    return _length(following) >= (_TAIL_LENGTH if soft else 1)


def _length(pieces: list[str]) -> int:
    return sum(mark.isalnum() for piece in pieces for mark in piece)


def _pause_after(piece: str, following: str | None) -> int:
    bare = piece.rstrip(_CLOSERS)
    if bare.endswith(("!", "?", "…")):
        return STOP_PAUSE_MS
    if bare.endswith("."):
        return 0 if _is_abbreviation(bare, following) else STOP_PAUSE_MS
    if bare.endswith((",", ";", ":")) or bare.endswith(("-", "–", "—")):
        return COMMA_PAUSE_MS
    return 0


def _is_abbreviation(bare: str, following: str | None) -> bool:
    if bare.endswith("..") or following is None:
        return False
    word = bare[:-1].lstrip("\"'“‘([").lower()
    if word in _BEFORE_A_NUMBER:
        return following[0].isdigit()
    if word in _ENDINGS_OF_SENTENCES:
        return not following[0].isupper()
    return word in _ABBREVIATIONS or (word != "i" and _INITIALS.fullmatch(word) is not None)
