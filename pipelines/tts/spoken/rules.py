"""The rules in the order in which they are tried: the first that has words for a piece reads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from pipelines.tts.spoken import amounts, dates, figures, letters, names, units
from pipelines.tts.spoken.figures import NUMBER
from pipelines.tts.spoken.pieces import PiecePlace

Reader = Callable[["re.Match[str]", PiecePlace], str | None]


@dataclass(frozen=True, slots=True)
class ReadingRule:
    """Pieces of one form, and what reads them; None from the reader leaves a piece to the next rule."""

    form: re.Pattern[str]
    reader: Reader


def _rule(form: str, reader: Reader) -> ReadingRule:
    return ReadingRule(re.compile(form), reader)


_UNIT = r"[A-Za-zμ°%]{1,6}[23]?"
_AMOUNT = rf"{NUMBER}(?:-{NUMBER})?"
_HALF = r"[ap]\.?m\.?|[AP]\.?M\.?"
_CLOCK = rf"(?P<hour>\d{{1,2}})(?:(?P<mark>[:.])(?P<minutes>\d{{2}}))?(?P<half>{_HALF})?"
_LABEL = r"[A-Za-z0-9][A-Za-z0-9-]*"
_ADDRESS = (
    rf"[A-Za-z0-9._+-]+@{_LABEL}(?:\.{_LABEL})+|https?://\S+|www\.\S+"
    rf"|{_LABEL}(?:\.{_LABEL})*\.(?:com|org|net|uk|gov|edu|info|io|eu)(?:/\S*)?"
)


def _number(found: re.Match[str], place: PiecePlace) -> str:
    return figures.number(found[0])


def _points(found: re.Match[str], place: PiecePlace) -> str:
    groups = re.findall(r"\d+", found[0])
    # 1,5 mg is one and a half to whoever writes it so; read as "one, five" it would be another dose.
    whole = "." in found[0] or (len(groups) == 2 and units.is_unit(place.after()))
    return (" point " if whole else ", ").join(figures.number(group) for group in groups)


def _ordinal(found: re.Match[str], place: PiecePlace) -> str | None:
    number = int(found[1].replace(",", "")[-12:])
    # 13st are stones.
    return None if found[2] == "st" and (number % 10 != 1 or number % 100 == 11) else figures.ordinal(number)


def _ordinal_of(found: re.Match[str], place: PiecePlace) -> str:
    return f"{place.read(found[1], place)} {place.read(found[2], place)}"


def _both(found: re.Match[str], place: PiecePlace) -> str:
    return {"24/7": "twenty-four seven", "20/20": "twenty twenty", "50-50": "fifty fifty", "50/50": "fifty fifty"}[
        found[0]
    ]


def _possessive(found: re.Match[str], place: PiecePlace) -> str:
    return place.read(found[1], place) + "'s"


def _small(found: re.Match[str], place: PiecePlace) -> str:
    return found[0].lower()


def _prefixed(found: re.Match[str], place: PiecePlace) -> str:
    return f"{found[1]} {place.read(found[2], place)}"


_IS_ADDRESS = re.compile(_ADDRESS)


def is_address(text: str) -> bool:
    """Return whether `text` is an e-mail or web address."""
    return _IS_ADDRESS.fullmatch(text) is not None


# For pieces with a digit.
WITH_DIGITS: tuple[ReadingRule, ...] = (
    _rule(r"\+?[\d-]{2,24}", names.phone),
    _rule(r"(?:24/7|20/20|50-50|50/50)", _both),
    _rule(r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})", dates.day_month_year),
    _rule(r"(?P<day>\d{1,2})(?P<by>[/.-])(?P<month>\d{1,2})(?P=by)(?P<year>\d{4}|\d\d)", dates.day_month_year),
    _rule(r"(\d{1,4})/(\d{1,4})", amounts.strength),
    _rule(r"(\d{2,3})/(\d{2,3})", amounts.pressure),
    _rule(r"(\d{1,2})/(\d{1,2})", dates.day_and_month),
    _rule(r"(?:[A-Za-zμ]{1,5}/)?c?m[23]", amounts.unit),
    _rule(r"([1-9]|[1-9]\d)/(52|12|7)", amounts.span),
    _rule(r"(?:(?P<whole>\d{1,4})\+)?(?P<above>\d{1,4})/(?P<below>\d{1,4})(?P<unit>[a-zA-Zμ]{0,6})", amounts.fraction),
    _rule(r"\d{2,3}", amounts.upper_pressure),
    _rule(r"\d{1,2}(?:st|nd|rd|th)?(?:-\d{1,2}(?:st|nd|rd|th)?)?", dates.day_of_month),
    _rule(_CLOCK, dates.time),
    _rule(rf"(?P<coin>[£$€])(?P<sum>{NUMBER})(?P<large>k|K|m|M|bn)?", amounts.money),
    _rule(r"(\d+)p", amounts.pence),
    _rule(r"(\d{1,3}(?:,\d{3})*|\d+)(st|nd|rd|th)", _ordinal),
    _rule(r"'?(\d\d|\d{4})'?s", dates.decade),
    _rule(r"'(\d\d)", dates.short_year),
    _rule(r"\d{4}", dates.year),
    _rule(NUMBER, _number),
    _rule(rf"({NUMBER})/([A-Za-z]+)", amounts.a_day),
    _rule(rf"(?P<amount>{_AMOUNT})(?P<dash>-?)(?P<unit>{_UNIT}(?:/[A-Za-zμ]{{1,8}}){{0,2}})", amounts.glued_unit),
    _rule(rf"(\d{{1,3}}),(\d{{1,2}})({_UNIT})", amounts.comma_dose),
    _rule(rf"(?P<amount>{_AMOUNT})(?P<unit>{_UNIT})/(?P<in>{NUMBER})(?P<other>{_UNIT})", amounts.concentration),
    _rule(r"([<>]=|\+/-|[<>~≈±≤≥+#=&@-])(.*\d.*)", names.signed),
    _rule(r"(?:(\d{1,4})[x×](\d{1,4})?|[x×](\d{1,4}))", amounts.times),
    _rule(rf"({_AMOUNT})[x×](?:/([a-z]+))?", amounts.so_often),
    _rule(rf"({_UNIT}(?:/{_UNIT})?)/({NUMBER})({_UNIT})", amounts.unit_per),
    _rule(rf"([£$€]{NUMBER})/([A-Za-z]+)", amounts.price),
    _rule(r"(\d{2,3}\.\d)([CF])", amounts.temperature),
    _rule(r"1:(\d{3,6})", amounts.dilution),
    _rule(r"(\d{1,3}(?:st|nd|rd|th))-([A-Za-z].*)", _ordinal_of),
    _rule(r"q(\d{1,2})h", names.every_hours),
    _rule(r"(\d{1,3})-?y/?-?o", names.years_old),
    _rule(r"([^-]*\d[^-]*)-([£$€]?\.?\d[^-]*)", amounts.spread),
    _rule(_ADDRESS, names.address),
    _rule(r"(.*\d.*)'s", _possessive),
    _rule(r"[\d.,]+", _points),
    _rule(r"([a-z]{2,20})-(\d.*)", _prefixed),
    _rule(r"(?:[A-Z]\d+[/-])+[A-Z]\d+", letters.code),
    _rule(r"(?:[^\W_]+-)*[^\W_]+", letters.code),
    _rule(r"(?s).*", names.parts),
)

# For pieces without one.
WITHOUT_DIGITS: tuple[ReadingRule, ...] = (
    _rule(_ADDRESS, names.address),
    _rule(r"[+-]ve", names.polarity),
    _rule(r"[^\w\s]+", names.symbol),
    _rule(r"[A-Z][a-z]{1,3}", names.title),
    _rule(r"St", names.saint),
    _rule(r"[Nn]os?|pp?|ext|tel", names.numbered),
    _rule(rf"{_HALF}", dates.half_of_day),
    _rule(r"[A-Za-zμ°%]+(?:/[A-Za-zμ]+){0,2}", amounts.unit),
    _rule(r"([a-z]{3,16})/(d|day|wk|week|month|year|yr|night|h|hr|hour|min|minute)", amounts.rate),
    _rule(r"[A-Z]+'[A-Z]+", _small),
    _rule(r"million|billion", amounts.millions),
    _rule(r"[A-Za-z](?:[A-Za-z./]*[A-Za-z])?/?", names.short),
    _rule(r"[A-Za-z](?:[A-Za-z.]*[A-Za-z])?", names.latin),
    _rule(r"[A-Za-z]{3,4}", dates.month),
    _rule(r"([A-Z][a-z]{2,4})(?:-([A-Z][a-z]{2,4}))?", dates.weekday),
    _rule(r"(?:[A-Z][a-z]{2,4}/)+[A-Z][a-z]{2,4}", dates.weekdays),
    _rule(r"[IVX]+", letters.roman),
    _rule(
        r"x|×", lambda found, place: "times" if place.before()[-1:].isdigit() or place.after()[:1].isdigit() else None
    ),
    _rule(r"A", letters.single),
    _rule(
        r"(?P<body>NSAIDs?|BiPAP|Covid|eGFR|mRNA|pH|Ph\.?D|A\+E|[A-Z](?:/[A-Z])+|[A-Z&]{2,}|(?:[A-Za-z]\.)+[A-Za-z])(?P<ending>'?s)?",
        letters.initialism,
    ),
    _rule(r"([<>]=|[<>~≈±≤≥+#=&@])(.+)", names.signed),
    _rule(r"(?s).*[^\w'-].*|.*[^\x00-\x7f_].*|.*_.*", names.parts),
)

# Lower-case words that some rule reads; any other is its own reading.
_READ_WORDS = frozenset(
    (
        *units.NAMES,
        *names.SHORT,
        *names.LATIN,
        *(title.lower() for title in names.TITLES),
        *dates.SHORTENED,
        *names.TAILS,
    )
) | {"million", "billion", "x"}


def is_plain(text: str) -> bool:
    """Return whether `text` is a word in small letters, but for the first, that no rule reads."""
    bare = text.replace("'", "")
    small = bare if bare.islower() else bare.lower()
    if len(bare) < 2 or not bare.isascii() or not bare.isalpha() or small[1:] != bare[1:]:
        return text in ("a", "I")
    return small not in _READ_WORDS and letters.has_vowel(small)


@lru_cache(maxsize=4096)
def matching(text: str) -> tuple[tuple[Reader, re.Match[str]], ...]:
    """Return the readers whose form a piece has, in their order, each with its match."""
    rules = WITH_DIGITS if any(mark.isdigit() for mark in text) else WITHOUT_DIGITS
    return tuple((rule.reader, found) for rule in rules if (found := rule.form.fullmatch(text)) is not None)
