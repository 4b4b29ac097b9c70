"""Rules for amounts: doses and other units, ranges, fractions, blood pressure, money."""

from __future__ import annotations

import re

from pipelines.tts.spoken import figures, units
from pipelines.tts.spoken.pieces import PiecePlace

_COINS = {"£": ("pound", "pounds", "pence"), "$": ("dollar", "dollars", "cents"), "€": ("euro", "euros", "cents")}
_VOLUMES = frozenset(("ml", "mls", "l", "dl", "h", "hr", "hrs", "min", "dose"))
_TIMES = frozenset(("h", "hr", "min"))
_COUNTED_FORMS = frozenset(("tab", "tabs", "cap", "caps"))
_LARGE = {"k": "thousand", "m": "million", "bn": "billion"}
_BACK_WORDS = frozenset(("times", "hundred", "thousand", "million", "billion"))
_SYSTOLIC = range(60, 300)
_DIASTOLIC = range(20, 200)
_VOWEL_SOUND = re.compile(r"[aeio]|hour|u(?!nit|s)", re.IGNORECASE)
_NOUNLESS = frozenset(
    "a an the of in at on for per each every and or but to with by from after before twice once then now when if as so"
    " daily is was it i my".split()
)


def pressure(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read 120/80; None for what can't be a blood pressure or follows the name of a medicine."""
    upper, lower = int(found[1]), int(found[2])
    if upper not in _SYSTOLIC or lower not in _DIASTOLIC or lower >= upper:
        return None
    return f"{figures.pairs(upper)} over {figures.pairs(lower)}"


def upper_pressure(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read the 120 of "120 over 80"."""
    number = int(found[0])
    over = place.after().lower() == "over" and place.after(2).isdecimal()
    return figures.pairs(number) if over and number in _SYSTOLIC else None


def strength(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read the 30/500 of a medicine with two parts, which its name goes before."""
    if not place.before().lower().startswith("co-"):
        return None
    return f"{figures.number(found[1])}, {figures.number(found[2])}"


def span(found: re.Match[str], place: PiecePlace) -> str:
    """Read 3/7, 2/52 and 1/12 as days, weeks and months, as prescriptions have them."""
    name = {"7": "day", "52": "week", "12": "month"}[found[2]]
    return f"{figures.number(found[1])} {name}{'' if found[1] == '1' else 's'}"


def fraction(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read 1/2, 1 1/2, 2½ and 7/10, with the article that what follows needs."""
    whole, above, below = found["whole"], int(found["above"]), int(found["below"])
    name = figures.fraction(above, below)
    if whole or re.fullmatch(r"\d+", place.before()):
        if name is None:
            return None
        part = name if name.startswith("a ") or above > 1 else f"a {name}"
        behind = f" {units.unit(found['unit'], one=False)}" if units.is_unit(found["unit"]) else ""
        return (f"{figures.number(whole)} and {part}" if whole else f"and {part}") + behind
    if below == 10 or (name is None and above <= below):
        return f"{figures.cardinal(above)} out of {figures.cardinal(below)}"
    if name is None:
        return f"{figures.cardinal(above)} over {figures.cardinal(below)}"
    return (
        name
        + _of_what(name, found["unit"] or place.after())
        + (" " + units.unit(found["unit"], one=True) if found["unit"] and units.is_unit(found["unit"]) else "")
    )


def _of_what(name: str, following: str) -> str:
    noun = units.unit(following, one=True) if units.is_unit(following) else following
    if not noun.isalpha() or not noun.islower() or noun in _NOUNLESS or (noun[-1] == "s" and noun != "glass"):
        return ""
    article = "an" if _VOWEL_SOUND.match(noun) else "a"
    return f" {article}" if name == "half" else f" of {article}"


def glued_unit(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read 100mcg, 10-20mg, 5mg/kg and, which describes what follows, 24-hr and 5-mg."""
    amount, name = found["amount"], found["unit"]
    if not units.is_unit(name):
        return None
    one = bool(found["dash"]) or units.is_one(amount) or units.describes(place.before().lower(), place.after())
    # Written together, a time before a noun describes it: a 24hr tape.
    one = one or (name in _TIMES and units.describes("a", place.after()))
    return f"{_amount(amount)} {units.unit(name, one=one)}"


def concentration(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read 250mg/5ml, 72kg/158lb, which says it twice, and 30mg/500mg tablets, which have two parts."""
    if not (units.is_unit(found["unit"]) and units.is_unit(found["other"])):
        return None
    describes = units.describes(place.before().lower(), place.after())
    first = f"{_amount(found['amount'])} {units.unit(found['unit'], one=describes or units.is_one(found['amount']))}"
    second = f"{figures.number(found['in'])} {units.unit(found['other'], one=describes or units.is_one(found['in']))}"
    if found["other"].lower() in _VOLUMES:
        return f"{first} per {second}"
    return f"{first}, {second}" if found["other"] == found["unit"] else f"{first} or {second}"


def comma_dose(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read 1,5mg with its comma as a point."""
    return place.read(f"{found[1]}.{found[2]}{found[3]}", place) if units.is_unit(found[3]) else None


def temperature(found: re.Match[str], place: PiecePlace) -> str:
    """Read 98.6F."""
    return f"{figures.number(found[1])} degrees {'Celsius' if found[2] == 'C' else 'Fahrenheit'}"


def unit_per(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read the mL/min/1.73m2 behind a figure."""
    if not (units.is_unit(found[1]) and units.is_unit(found[3])):
        return None
    return f"{place.read(found[1], place)} per {figures.number(found[2])} {units.unit(found[3], one=False)}"


def price(found: re.Match[str], place: PiecePlace) -> str:
    """Read £104.90/yr."""
    known = units.is_unit("mg/" + found[2])
    return f"{place.read(found[1], place)} {units.per(found[2]) if known else 'per ' + place.read(found[2], place)}"


def dilution(found: re.Match[str], place: PiecePlace) -> str:
    """Read 1:1000."""
    return f"one in {figures.number(found[1])}"


def so_often(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read 2-3x/week."""
    if found[2] and not units.is_unit("mg/" + found[2]):
        return None
    return f"{_amount(found[1])} times" + (f" {units.per(found[2])}" if found[2] else "")


def a_day(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read 3/day and 20/min."""
    if not units.is_unit("mg/" + found[2]):
        return None
    return f"{figures.number(found[1])} {units.per(found[2])}"


def rate(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read puffs/day and drops/min."""
    if not units.is_unit("mg/" + found[2]) or units.is_unit(found[0]):
        return None
    return f"{place.read(found[1], place)} {units.per(found[2])}"


def _amount(text: str) -> str:
    first, dash, second = text.partition("-")
    if dash and second:
        return f"{figures.number(first)} to {figures.number(second)}"
    return figures.number(first)


def unit(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read a unit that is a word of its own: 5 mg, mmol/L; None where it isn't meant as one."""
    name = found[0]
    if not units.is_unit(name) or units.is_word_before(name, place.after()):
        return None
    amount = place.before()
    behind = units.is_figure(amount) or (name.lower() in _COUNTED_FORMS and amount[:1].isdigit())
    if not behind and (units.needs_figure(name) or name.lower() in ("unit", "units")):
        return None
    if name.lower() in ("unit", "units"):
        return name
    if not behind:
        return units.unit(name, one=amount.lower() in ("a", "an", "per", "each", "every"))
    one = units.is_one(amount) and not re.fullmatch(r"\d+", place.before(2))
    return units.unit(name, one=one or units.describes(place.before(2).lower(), place.after()))


def spread(found: re.Match[str], place: PiecePlace) -> str:
    """Read a range: 10-15, 2-3, 1998-2004, 9am-5pm."""
    first, second = found[1], found[2]
    if re.fullmatch(r"\d{4}", first) and re.fullmatch(r"\d{2}|\d{4}", second) and figures.is_year(int(first)):
        last = figures.year(int(second)) if len(second) == 4 else figures.cardinal(int(second))
        return f"{figures.year(int(first))} to {last}"
    if part := re.fullmatch(r"(\d)/(\d)", first):
        said = figures.fraction(int(part[1]), int(part[2])) or place.read(first, place)
        return f"{said} to {place.read(second, place)}"
    if first[0] in _COINS and second[0].isdigit():
        return f"{place.read(first[1:], place)} to {place.read(first[0] + second, place)}"
    return f"{place.read(first, place)} to {place.read(second, place)}"


def money(found: re.Match[str], place: PiecePlace) -> str:
    """Read £9.90, $20 and £5k."""
    one, many, small = _COINS[found["coin"]]
    whole, _, part = found["sum"].replace(",", "").partition(".")
    if found["large"]:
        return f"{figures.number(found['sum'])} {_LARGE[found['large'].lower()]} {many}"
    if place.after().lower() in _BACK_WORDS:
        return figures.number(found["sum"])
    name = one if int(whole or "0") == 1 else many
    if len(part) != 2:
        return f"{figures.number(found['sum'])} {many if part else name}"
    if not int(whole or "0"):
        return f"{figures.cardinal(int(part))} {small}"
    return f"{figures.number(whole)} {name}" + (f" {figures.cardinal(int(part))}" if int(part) else "")


def millions(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read the "million" of "£2 million", which takes the name of the coin."""
    coin = place.before()[:1]
    return f"{found[0]} {_COINS[coin][1]}" if coin in _COINS else None


def pence(found: re.Match[str], place: PiecePlace) -> str:
    """Read 50p."""
    return f"{figures.number(found[1])} {'penny' if found[1] == '1' else 'pence'}"


def times(found: re.Match[str], place: PiecePlace) -> str:
    """Read x2, 2x and 4x4."""
    first, second = found[1], found[2] or found[3]
    words = ([figures.number(first)] if first else []) + ["times"] + ([figures.number(second)] if second else [])
    return " ".join(words)
