"""Rules for dates, years, decades and times of day, in the British order."""

from __future__ import annotations

import re

from pipelines.tts.spoken import figures, units
from pipelines.tts.spoken.pieces import PiecePlace

MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december")  # fmt: skip
_SHORT_MONTHS = {"sept": "September"} | {name[:3]: name.capitalize() for name in MONTHS}
_DAYS = {"mon": "Monday", "tue": "Tuesday", "tues": "Tuesday", "wed": "Wednesday", "weds": "Wednesday",
         "thu": "Thursday", "thur": "Thursday", "thurs": "Thursday", "fri": "Friday"}  # fmt: skip
_WEEKEND = {"sat": "Saturday", "sun": "Sunday"}
SHORTENED = frozenset((*_SHORT_MONTHS, *_DAYS, *_WEEKEND))
_HALVES = {"am": "eigh M", "pm": "P M"}
_YEAR_BEFORE = frozenset("in since from of until till by during before after around about year circa to and".split())
# Behind a number of four digits these are counted, so that it is no year.
_COUNTED = frozenset(
    "calories steps people tablets patients pounds dollars euros metres miles hours days times words copies cases men"
    " women children units of".split()
)
_DATE_BEFORE = frozenset(("on", "since", "dated", "until", "by"))
_AT = frozenset(("at", "until", "till"))
_THIS_CENTURY = 50


def day_month_year(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read 3/4/2025 as the third of April, and 4/13/2025, which has no other sense, as the thirteenth."""
    day, month, year = int(found["day"]), int(found["month"]), int(found["year"])
    if month > 12:
        day, month = month, day
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return None
    if len(found["year"]) == 2:
        year += 2000 if year < _THIS_CENTURY else 1900
    return f"the {figures.ordinal(day)} of {MONTHS[month - 1].capitalize()} {figures.year(year)}"


def day_and_month(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read 3/4 as a day where the word before asks for one; else it is a fraction or months."""
    day, month = int(found[1]), int(found[2])
    if place.before().lower() not in _DATE_BEFORE or not (1 <= day <= 31 and 1 <= month <= 12):
        return None
    return f"the {figures.ordinal(day)} of {MONTHS[month - 1].capitalize()}"


def day_of_month(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read the day of "12 May", "12th of May", "May 12th" and "May 12"; None beside no month."""
    before, after = place.before(), place.after()
    of_month = after.lower() == "of" and _is_month(place.after(2))
    behind_month = before[:1].isupper() and _is_month(before) and not units.is_unit(after)
    days = [int(day) for day in re.findall(r"\d+", found[0])]
    if not (of_month or behind_month or _is_month(after)) or not all(1 <= day <= 31 for day in days):
        return None
    the = "" if before.lower() == "the" else "the "
    return the + " to the ".join(figures.ordinal(day) for day in days) + (" of" if _is_month(after) else "")


def month(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read a shortened month beside a figure."""
    beside = (place.before(), place.after(), place.before(2) if place.before().lower() == "of" else "")
    return _SHORT_MONTHS.get(found[0].lower()) if any(piece.lstrip("'")[:1].isdigit() for piece in beside) else None


def weekday(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read Mon, Tues and Mon-Fri; Sat and Sun are words as well, so they need another day beside them."""
    first, second = found[1].lower(), (found[2] or "").lower()
    if second:
        known = _DAYS | _WEEKEND
        return f"{known[first]} to {known[second]}" if first in known and second in known else None
    if first in _WEEKEND:
        beside = place.before().lower(), place.before(2).lower(), place.after().lower(), place.after(2).lower()
        return _WEEKEND[first] if any(word in _DAYS | _WEEKEND for word in beside) else None
    return _DAYS.get(first)


def weekdays(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read Mon/Wed/Fri."""
    days = [(_DAYS | _WEEKEND).get(name.lower(), "") for name in found[0].split("/")]
    return ", ".join(days) if all(days) else None


def year(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read 1998 as a year; None where it counts something or is too early for a year that stands alone."""
    number = int(found[0])
    if not figures.is_year(number) or units.is_unit(place.after()) or place.after().lower() in _COUNTED:
        return None
    if number >= 1900 or place.before().lower() in _YEAR_BEFORE - {"of", "to", "and"}:
        return figures.year(number)
    return None


def short_year(found: re.Match[str], place: PiecePlace) -> str:
    """Read the '09 of "in '09"."""
    return figures.pairs(1000 + int(found[1])).removeprefix("ten ") if found[1][0] == "0" else figures.number(found[1])


def decade(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read 1990s, 70s and '70s."""
    number = int(found[1])
    if number % 10 or (len(found[1]) == 4 and not figures.is_year(number)):
        return None
    words = figures.year(number) if number > 99 else figures.cardinal(number)
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def time(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read 8:30, 14:00, 8.30 pm and 10am; None for what can't be a time."""
    hour, minutes, half = int(found["hour"]), int(found["minutes"] or 0), _half(found["half"] or "")
    if hour > 24 or minutes > 59 or (half and hour > 12):
        return None
    said_half = half or _half(place.after())
    if (
        not half
        and found["mark"] == "."
        and not said_half
        and place.before().lower() not in _AT
        and place.after().lower() not in _AT
    ):
        return None
    if not found["mark"] and not half:
        return None
    if found["mark"] == "." and units.is_unit(place.after()):
        return None
    behind = f" {_HALVES[half]}" if half else ""
    if not said_half and (hour > 12 or hour == 0):
        if hour % 24 == 0 and not minutes:
            return "midnight"
        behind = f" {_HALVES['pm' if 12 < hour < 24 else 'am']}"
    words = figures.cardinal((hour - 1) % 12 + 1)
    if minutes:
        return f"{words} {'oh ' if minutes < 10 else ''}{figures.cardinal(minutes)}{behind}"
    return words + behind if behind or said_half else f"{words} o'clock"


def half_of_day(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read the am and pm behind a time."""
    return _HALVES[_half(found[0])] if place.before()[:1].isdigit() or "." in found[0] else None


def _half(text: str) -> str:
    plain = text.lower().replace(".", "")
    return plain if plain in _HALVES else ""


def _is_month(text: str) -> bool:
    return text.lower() in MONTHS or text.lower() in _SHORT_MONTHS
