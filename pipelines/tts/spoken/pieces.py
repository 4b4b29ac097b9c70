"""A clause as pieces between white space, each with what can be read in it and the marks around that."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.tts.word_times import Token

_DROPPED = "\x00"
_TAG = re.compile(r"</?[A-Za-z!?][^<>]{0,400}>")
_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": " ", "&nbsp;": " ", "&#39;": "'"}
# tablet(s)
_PLURAL = re.compile(r"(?<=[a-z])\(s\)")
_ENTITY = re.compile("|".join(map(re.escape, _ENTITIES)))
_AS_ASCII = {
    "’": "'", "‘": "'", "ʼ": "'", "´": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"',
    "‐": "-", "‑": "-", "‒": "-", "–": "-", "−": "-", "―": "—", "…": "...", "·": ".", "⁄": "/",
    "µ": "μ", "℃": "°C", "℉": "°F", "º": "°", "½": "+1/2", "¼": "+1/4", "¾": "+3/4", "⅓": "+1/3", "⅔": "+2/3",
    "⅛": "+1/8", "™": "", "©": "", "®": "", "•": "", "→": " to ", "↑": " up ", "↓": " down ", "÷": " divided by ",
}  # fmt: skip
_POWERS = {"²": " squared", "³": " cubed"}
# Symbols that some rule reads; all others say nothing.
_READ_SYMBOLS = frozenset("&+=@/#~<>%°£$€×±≤≥≈-—_'\".,:;?!()[]{}*|\\^`")
_ALONE = frozenset("&+=@#~<>°%£$€×±≤≥≈/-—")
_MELODY = frozenset(".,?!;:-—)]")
_OTHER_SYMBOLS = frozenset(("P", "S"))
_LEAD = re.compile(r"[^\w£$€&+=@#~<>±≤≥≈°%/.'×-]*")
_KEEPS_LEAD = re.compile(r"[-'.]?[£$€]?\.?\d|-ve\b")
_MARKS = re.compile(r"[^\w&+=@#~<>°%£$€]*\Z")


@dataclass(frozen=True, slots=True)
class Piece:
    """What stands between two spaces: `core` to be read, the marks behind it, and the index of its written word."""

    core: str
    tail: str
    word: int
    opens: bool = False


@dataclass(frozen=True, slots=True)
class PiecePlace:
    """A piece among its neighbours, for rules that look at them; `read` reads a part of a piece."""

    pieces: Sequence[Piece]
    index: int
    read: Callable[[str, PiecePlace], str]

    @property
    def tail(self) -> str:
        """Return the marks behind this piece."""
        return self.pieces[self.index].tail

    def before(self, steps: int = 1) -> str:
        """Return the piece so many steps back, as written, or "" where a mark or the beginning is between."""
        at = self.index - steps
        if at < 0 or any(self.pieces[between].tail for between in range(at, self.index)):
            return ""
        return self.pieces[at].core

    def after(self, steps: int = 1) -> str:
        """Return the piece so many steps on, as written, or "" where a mark or the end is between."""
        at = self.index + steps
        if at >= len(self.pieces) or any(self.pieces[between].tail for between in range(self.index, at)):
            return ""
        return self.pieces[at].core


def plain(text: str) -> str:
    """Return `text` of the same length with tags and entities blanked out and unwanted characters as NUL."""
    text = _TAG.sub(lambda tag: " " * len(tag[0]), text)
    text = _ENTITY.sub(lambda found: _ENTITIES[found[0]].ljust(len(found[0])), text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(mark if mark.isspace() or _is_wanted(mark) else _DROPPED for mark in text)


def cut(text: str, words: Sequence[Token]) -> list[Piece]:
    """Return the pieces of the written `words` of `text`; a word without any (a tag) has none."""
    whole = plain(text)
    pieces: list[Piece] = []
    for index, word in enumerate(words):
        for piece in _PLURAL.sub("s", whole[word.start : word.end]).split():
            for part in _ascii(piece).replace(_DROPPED, "").split():
                pieces.append(_piece(part, index))
    return pieces


def _piece(part: str, word: int) -> Piece:
    lead = _LEAD.match(part)
    begin = lead.end() if lead else 0
    opens = part[:begin].endswith(("(", "["))
    inside = part[begin:]
    if not any(mark.isalnum() for mark in inside):
        symbols = "".join(mark for mark in part if mark in _ALONE)
        return Piece(symbols, "".join(mark for mark in part if mark in _MELODY and mark not in symbols), word, opens)
    # A quotation mark or a dash in front of a word is no part of it, but for -5 and '70s.
    bare = inside if _KEEPS_LEAD.match(inside) else inside.lstrip("'-.")
    marks = _MARKS.search(bare)
    end = marks.start() if marks else len(bare)
    if bare[end:].startswith(")") and "(" in bare[:end]:
        end += 1
    tail = bare[end:]
    return Piece(bare[:end], "".join(mark for mark in tail if mark in _MELODY), word, opens)


def _ascii(piece: str) -> str:
    if piece.isascii():
        return piece
    made: list[str] = []
    for mark in piece:
        known = _AS_ASCII.get(mark)
        if known is not None:
            made.append(known if made and made[-1][-1:].isdigit() else known.lstrip("+"))
        elif mark.isascii():
            made.append(mark)
        elif mark in _POWERS and made and made[-1][-1:].isdigit():
            made.append(_POWERS[mark])
        elif mark.isdigit():
            made.append(str(unicodedata.digit(mark)))
        else:
            simple = unicodedata.normalize("NFKC", mark)
            made.append(simple if simple.isascii() and simple.strip() else mark)
    return "".join(made)


def _is_wanted(mark: str) -> bool:
    if mark in _AS_ASCII or mark in _READ_SYMBOLS or mark.isalnum():
        return True
    category = unicodedata.category(mark)
    return category[0] == "M" and not 0xFE00 <= ord(mark) <= 0xFE0F and ord(mark) != 0x20E3


def odd_symbols(text: str) -> str:
    """Return the symbols of `text` that no rule reads and that are no pictures."""
    return "".join(
        mark
        for mark in text
        if not _is_wanted(mark) and unicodedata.category(mark)[0] in _OTHER_SYMBOLS and not _is_picture(mark)
    )


def _is_picture(mark: str) -> bool:
    return unicodedata.category(mark) in ("So", "Sk")
