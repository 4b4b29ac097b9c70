"""Names what nobody could read aloud, so that a card's author can write it out or give its pronunciation."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from pipelines.tts.spoken import letters, names, units
from pipelines.tts.spoken.dates import MONTHS
from pipelines.tts.spoken.pieces import Piece, cut, odd_symbols
from pipelines.tts.spoken.rules import is_address
from pipelines.tts.spoken.say import NO_PRONUNCIATIONS, respellings
from pipelines.tts.word_times import tokens

_RUN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_DOTTED = re.compile(r"(?:[^\W\d_]\.){2,}[^\W\d_]?|(?:[^\W\d_]\.)+[^\W\d_]")
_GLUED = re.compile(r"\d([a-z]{2,})\Z")
_ROMAN = re.compile(r"[IVX]+")
# Longer runs of consonants are in no English word.
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{7,}", re.IGNORECASE)


def unreadable(text: str, pronunciations: Mapping[str, str] = NO_PRONUNCIATIONS) -> tuple[str, ...]:
    """Return the pieces of `text` that have no rule and no sound, each once, in their order.

    These are other scripts, words without a vowel, unknown units and abbreviations, and symbols that are left unsaid.
    What `pronunciations` covers can be read. Pictures, tags and control characters are dropped without a word.
    """
    found: dict[str, None] = {}
    for symbols in text.split():
        if odd := odd_symbols(symbols):
            found[odd] = None
    pieces = cut(text, tokens(text))
    respelled = respellings(pieces, pronunciations)
    for index, piece in enumerate(pieces):
        if index not in respelled and not is_address(piece.core) and not _can_read(piece, pieces[index - 1 : index]):
            found[piece.core] = None
    return tuple(found)


def _can_read(piece: Piece, before: list[Piece]) -> bool:
    core = piece.core
    if _is_known(core) or (units.is_unit(core) and before and units.is_figure(before[0].core)):
        return True
    if _DOTTED.fullmatch(core):
        key = core.replace(".", "")
        return key.upper() in letters.INITIALISMS or _is_known(key) or key.lower() in names.TAILS or len(key) == 1
    if (glued := _GLUED.search(core)) and glued[1] not in names.TAILS and not units.is_unit(glued[1]):
        return bool(re.search(r"[A-Z]\w*\d", core))
    return all(_is_readable(run, alone=run == core) for run in _RUN.findall(core))


def _is_known(text: str) -> bool:
    plain = text.lower().replace(".", "")
    return (
        text in names.TITLES
        or plain in names.SHORT
        or plain in names.LATIN
        or plain in letters.SOUNDS
        or plain in MONTHS
        or letters.is_known_initialism(text.removesuffix("'s").removesuffix("s"))
        or letters.is_known_initialism(text.replace(".", ""))
        or (units.is_unit(text) and not units.needs_figure(text))
    )


def _is_readable(run: str, *, alone: bool) -> bool:
    if any(not _is_latin(mark) for mark in run if mark.isalpha()):
        return all(mark in letters.GREEK for mark in run if not _is_latin(mark))
    bare = run.split("'")[0]
    if len(bare) < 2 or _ROMAN.fullmatch(bare) or _is_known(run) or _is_known(bare) or bare.lower() in names.TAILS:
        return True
    if not alone and (units.is_unit(bare) or bare.isupper()):
        return True
    if not letters.has_vowel(bare) or _CONSONANTS.search(bare):
        return False
    return not bare.isupper() or letters.is_stressed(bare)


def _is_latin(mark: str) -> bool:
    return mark.isascii() or unicodedata.name(mark, "").startswith("LATIN")
