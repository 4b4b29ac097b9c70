"""Reads a clause: each written word with the words that say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pipelines.tts.spoken import figures, letters, names, units
from pipelines.tts.spoken.pieces import Piece, PiecePlace, cut
from pipelines.tts.spoken.rules import is_plain, matching
from pipelines.tts.word_times import Token, tokens

NO_PRONUNCIATIONS: Mapping[str, str] = MappingProxyType({})
# A longer piece is no word of a patient's; its rules would take their time, so it is read by its parts.
_LONGEST_PIECE = 64
_ENDS_SENTENCES = frozenset(("etc", "am", "pm"))


@dataclass(frozen=True, slots=True)
class SaidWord:
    """A word as written, and what to read for it, which is empty where nothing is to be said."""

    word: Token
    spoken: str


def say(text: str, pronunciations: Mapping[str, str] = NO_PRONUNCIATIONS) -> tuple[SaidWord, ...]:
    """Return every written word of `text`, as `tokens` has them, with what a person would say for it.

    Joined with spaces, what is spoken is the sentence to read: no digits, no symbols, only marks that shape its melody.
    `pronunciations` maps words and phrases of any case to respellings that win over every rule. Nothing raises.
    """
    words = tokens(text)
    pieces = cut(text, words)
    spoken: list[list[str]] = [[] for _ in words]
    latest: list[str] = []
    respelled = respellings(pieces, pronunciations)
    for index, piece in enumerate(pieces):
        core = respelled.get(index)
        if core is None:
            core = figures.without_digits(read(piece.core, PiecePlace(pieces, index, read)))
        said = _with_marks(core, pieces, index)
        if piece.opens and latest and latest[-1][-1:].isalnum():
            # What is in brackets is said between two pauses.
            latest[-1] += ","
        if core:
            latest = spoken[piece.word]
            latest.append(said)
        elif latest:
            # A mark that stands alone belongs to what was said before it.
            latest[-1] += said
    return tuple(SaidWord(word, " ".join(" ".join(said).split())) for word, said in zip(words, spoken, strict=True))


def warm() -> None:
    """Load what the first number would wait for, some 20 ms."""
    figures.cardinal(1)


def joined(said: Sequence[SaidWord]) -> str:
    """Return the sentence to read."""
    return " ".join(one.spoken for one in said if one.spoken)


def read(core: str, place: PiecePlace) -> str:
    """Return the words for a piece or a part of one by the first rule that has any; plain words are their own."""
    if is_plain(core):
        return core
    if len(core) > _LONGEST_PIECE:
        return " ".join(read(core[at : at + _LONGEST_PIECE], place) for at in range(0, len(core), _LONGEST_PIECE))
    for reader, found in matching(core):
        if (said := reader(found, place)) is not None:
            return said
    if core.isalpha() and len(core) > 1 and not letters.has_vowel(core) and core.lower() not in letters.SOUNDS:
        return letters.spell(core)
    return core


def respellings(pieces: Sequence[Piece], pronunciations: Mapping[str, str]) -> dict[int, str]:
    """Return the respelling of every piece that a pronunciation covers, the longest phrase first.

    A phrase's respelling is laid along its pieces; where it has fewer words than they, the last pieces say nothing.
    """
    if not pronunciations:
        return {}
    known = {
        tuple(_bare(word) for word in written.split()): said.split()
        for written, said in pronunciations.items()
        if written.strip()
    }
    longest = max(map(len, known), default=0)
    bare = [_bare(piece.core) for piece in pieces]
    found: dict[int, str] = {}
    index = 0
    while index < len(pieces):
        for length in range(min(longest, len(pieces) - index), 0, -1):
            said = known.get(tuple(bare[index : index + length]))
            if said is not None:
                found |= {index + step: " ".join(said[step : step + 1]) for step in range(length)}
                found[index + length - 1] = " ".join(said[length - 1 :])
                index += length - 1
                break
        else:
            owner = known.get((bare[index].removesuffix("'s"),))
            if owner is not None and bare[index].endswith("'s"):
                found[index] = " ".join(owner) + "'s"
        index += 1
    return found


def _bare(word: str) -> str:
    return word.lower().replace("’", "'").strip("\"'.,;:!?()[]")


def _with_marks(core: str, pieces: Sequence[Piece], index: int) -> str:
    tail, last = pieces[index].tail, index + 1 == len(pieces)
    if tail.startswith(".") and not tail.startswith("..") and not last and _stop_of_abbreviation(pieces, index):
        tail = tail[1:]
    marks = tail.replace(")", "" if last else ",").replace("]", "" if last else ",").replace("—", " -")
    if "," in marks and len(marks) > 1:
        marks = marks.replace(",", "") or ","
    return core.rstrip(",") + marks[:3] if marks.strip(" -") else core + marks[:2]


def _stop_of_abbreviation(pieces: Sequence[Piece], index: int) -> bool:
    core, following = pieces[index].core, pieces[index + 1].core
    key = core.lower().replace(".", "")
    if core in names.TITLES or core == "St":
        return True
    if key in ("no", "nos", "p", "pp"):
        return following[:1].isdigit()
    abbreviated = (
        key in names.SHORT
        or key in _ENDS_SENTENCES
        or "." in core
        or (units.is_unit(core) and index > 0 and units.is_figure(pieces[index - 1].core))
    )
    return (abbreviated and not following[:1].isupper()) or (len(core) == 1 and core.isupper() and core != "I")
