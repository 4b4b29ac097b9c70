"""Whether a figure is under way: "one forty over", "my number is eight oh four", "you should take five".

What makes a figure whole depends on what it is of, and that stands before it. A reading wants "over ninety", a
telephone number all its digits, a date of birth its year, a dose or a time its unit. A figure of which nothing is known
is whole.
"""

from __future__ import annotations

import re

from pipelines.endpointing.spoken_figures import SpokenFigure, last_figure, tied_to

_SO_FAR = 16  # words of a figure and of what it is of
_MONTHS = frozenset("january february march april may june july august september october november december".split())
_ORDINALS = frozenset(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth thirtieth".split()
)
_TIES = frozenset("over in of times by".split())  # "140 over 90", "one in five", "fifteen out of thirty"
_RANGES = frozenset("to or and".split())

# ------------------------------------------------------------------ what stands before a figure

_NEAR = 7  # what a figure is of stands at most so many words before it
_LINKS = frozenset("is was are were it's that's to of at on than be been".split())
_NEARLY = frozenset("about around roughly approximately nearly almost".split())
_NEARLY_PAIRS = frozenset({"at least", "at most", "up to", "more than", "less than"})
_MERELY = frozenset("only just maybe perhaps exactly between".split())

_BEFORE_UNIT = frozenset(
    "take takes taking give gives gave drink drinks eat use inject swallow need needs weigh weighs lose lost gain "
    "gained measured for every each in within another next last past".split()
)
"""A number right after one of these has its unit still to come: "take five", "every four", "the last three"."""

_GIVEN_TO = re.compile(r"\b(give|gives|gave|giving|prescribe|prescribed) (you|him|her|them|me|us)$")
_BEING = frozenset("is was are were of".split())
_BEFORE_TIME = frozenset("at by until till before after since".split())
_PERSONS = frozenset("i'm am you're she's he's they're".split())
_RATED = frozenset("pain hurt hurts scale score scored rate worse".split())  # "more than five" of ten
_READINGS = frozenset("pressure reading readings".split())
_MEASURES = frozenset("dose dosage weight height sugar glucose level temperature".split())
_DIALLED = frozenset("number phone telephone mobile call ring extension reference".split())
_PLACES = frozenset("room ward bed floor door bay".split())
_CODES = frozenset("code pin".split())
_THINGS_COUNTED = re.compile(r"\bnumber of (?!the |my |our |your |this |his |her )")

# ------------------------------------------------------------------ what the other asked

_NUMBER_ASKED = re.compile(r"(?<!room )(?<!ward )\b(phone|telephone|number)\b(?! of)")
_COUNT_ASKED = re.compile(r"\bhow (many|old)\b|\bwhat (time|age)\b|\bwhich\b|\bwhere\b")

# ------------------------------------------------------------------ what makes it whole

# Numbers of emergency services, after which nobody goes on.
_EMERGENCY = frozenset({"999", "111", "112", "911", "995", "000"})
# A telephone number has so many digits; without a zero before it, it may be shorter. A code or a door's is shorter.
_LONG_NUMBER, _SHORT_NUMBER, _CODE, _DOOR = 10, 7, 4, 3
_CENTURIES = frozenset({"19", "20"})  # "the tenth of May, nineteen"
_POSTCODE = re.compile(r"[a-z]{1,2}[0-9][a-z0-9]?[0-9][a-z]{2}|[0-9]{5}")


def figure_under_way(words: list[str], after: str = "") -> bool:
    """Return whether the words, lower case, end inside a figure; `after` is what the other said last."""
    tail, after = words[-_SO_FAR:], after.lower()
    figure = last_figure(tail)
    if _is_joined(tail, figure) or _is_birth_without_year(tail, figure) or _is_part_of_postcode(tail):
        return True
    if figure is None or tied_to(tail, figure, _TIES) is not None:
        return False
    return _lacks_digits(tail, figure, after) or _lacks_unit(tail, figure, after)


def _is_joined(words: list[str], figure: SpokenFigure | None) -> bool:
    """Return whether the last word joins a figure to what follows: "two point", "140 over", "the tenth of"."""
    if figure is not None:
        return figure.joint
    last, before = words[-1:], words[:-1]
    return (last == ["over"] and last_figure(before) is not None) or (
        last == ["of"] and not _ORDINALS.isdisjoint(before[-1:])
    )


def _is_birth_without_year(words: list[str], figure: SpokenFigure | None) -> bool:
    if "birth" not in words:
        return False
    said = words[words.index("birth") + 1 :]
    named = [word for word in said if word in _MONTHS or word in _ORDINALS]
    if figure is None:
        return bool(named) and said[-1] == named[-1]
    numbers = [number for number in figure.numbers if number != "0"]
    parts = len(named) + len(numbers)
    return not figure.year and (parts < 3 or figure.numbers[-1] in _CENTURIES)


def _is_part_of_postcode(words: list[str]) -> bool:
    at = next((index for index, word in enumerate(words) if word in ("postcode", "zip")), len(words))
    said = [word for word in words[at + 1 :] if word not in _LINKS]
    characters = ""
    while said:
        figure = last_figure(said)
        if figure is None and len(said[-1]) > 2:
            return False
        characters = (figure.digits if figure is not None else said[-1]) + characters
        said = said[: figure.begins if figure is not None else -1]
    return bool(characters) and not _POSTCODE.fullmatch(characters)


def _lacks_digits(words: list[str], figure: SpokenFigure, after: str) -> bool:
    """Return whether a number that is said in parts lacks some: that of a telephone, of a door, a code."""
    before, digits = words[: figure.begins], figure.digits
    letters = 0
    while before and len(before[-1]) == 1 and (letters or before[-1] not in "ai"):
        before, letters = before[:-1], letters + 1
    last, near = before[-1] if before else "", before[-_NEAR:]
    numbered = before[: len(before) - near[::-1].index("number") - 1] if "number" in near else before
    if numbered and numbered[-1] in _PLACES:
        return figure.one_by_one and len(digits) < _DOOR
    if last in _LINKS and not _CODES.isdisjoint(near):
        return len(digits) + letters < _CODE
    short = _DOOR if "extension" in near else _SHORT_NUMBER if digits[0] != "0" else _LONG_NUMBER
    if len(digits) >= short or digits in _EMERGENCY:
        return False
    dialled = not _DIALLED.isdisjoint(near) and not _THINGS_COUNTED.search(" ".join(near))
    if dialled and (last in _LINKS or (last in _DIALLED and len(figure.numbers) > 1)):
        return True
    if _NUMBER_ASKED.search(after) and len(before) <= 2 and len(digits) >= 2:
        return True
    # Nothing else begins with a zero and has several digits, but for a time and a date.
    if digits[0] != "0" or figure.point or figure.year:
        return False
    return (figure.one_by_one and len(digits) >= _DOOR) or len(digits) > _CODE


def _lacks_unit(words: list[str], figure: SpokenFigure, after: str) -> bool:
    """Return whether a number stands where its unit, or the other half of a reading, is still to come."""
    # "One" stands for a thing as often.
    if figure.digits == "1":
        return False
    first = tied_to(words, figure, _RANGES) or figure
    before, nearly = _without_nearly(words[: first.begins])
    last, near = before[-1] if before else "", before[-_NEAR:]
    if last in _LINKS and not figure.point and not (_READINGS | _MEASURES).isdisjoint(near):
        return True
    clock = last == "past" and (before[-2:-1] in (["half"], ["quarter"]) or last_figure(before[:-1]) is not None)
    if _COUNT_ASKED.search(after) or _COUNT_ASKED.search(" ".join(near)) or clock or (last == "in" and figure.year):
        return False
    # Of "the twenty second", and of five hundred milligrams.
    if before[-2:] == ["on", "the"] or (last in _BEING and figure.digits.endswith(("00", "50")) and not figure.year):
        return True
    if last in _BEFORE_UNIT or _GIVEN_TO.search(" ".join(before[-2:])):
        return True
    return nearly and last not in _BEFORE_TIME | _PERSONS and _RATED.isdisjoint(near)


def _without_nearly(before: list[str]) -> tuple[list[str], bool]:
    """Return what stands before a figure without "about", "up to" and the like, and whether it had any."""
    nearly = False
    while before:
        if before[-1] in _NEARLY:
            before, nearly = before[:-1], True
        elif " ".join(before[-2:]) in _NEARLY_PAIRS:
            before, nearly = before[:-2], True
        elif before[-1] in _MERELY:
            before = before[:-1]
        else:
            break
    return before, nearly
