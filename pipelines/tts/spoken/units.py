"""Units of measurement, and whether one of them is meant or many."""

from __future__ import annotations

import re

from pipelines.tts.spoken.figures import NUMBER_WORDS

# Singular and plural; "" as plural means the same with an s.
_UNITS = {
    "mg": "milligram", "mgs": "milligram", "mcg": "microgram", "μg": "microgram", "ug": "microgram",
    "ng": "nanogram", "pg": "picogram", "kg": "kilogram", "kgs": "kilogram", "g": "gram", "gm": "gram", "gms": "gram",
    "ml": "millilitre", "mls": "millilitre", "dl": "decilitre", "cl": "centilitre", "l": "litre", "μl": "microlitre",
    "mm": "millimetre", "cm": "centimetre", "m": "metre", "km": "kilometre", "μm": "micrometre", "nm": "nanometre",
    "m2": "square metre", "m3": "cubic metre", "cm2": "square centimetre", "cm3": "cubic centimetre",
    "mol": "mole", "mmol": "millimole", "mmols": "millimole", "μmol": "micromole", "umol": "micromole",
    "nmol": "nanomole", "pmol": "picomole", "meq": "milliequivalent", "kpa": "kilopascal", "msv": "millisievert",
    "iu": "international unit", "u": "unit", "units": "unit", "unit": "unit", "kcal": "kilocalorie",
    "kcals": "kilocalorie", "cal": "calorie", "kj": "kilojoule", "hz": "hertz=", "db": "decibel",
    "h": "hour", "hr": "hour", "hrs": "hour", "min": "minute", "mins": "minute", "s": "second", "sec": "second",
    "secs": "second", "ms": "millisecond", "wk": "week", "wks": "week", "mth": "month", "mths": "month",
    "yr": "year", "yrs": "year", "tab": "tablet", "tabs": "tablet", "cap": "capsule", "caps": "capsule",
    "amp": "ampoule", "amps": "ampoule", "tsp": "teaspoon", "tsps": "teaspoon", "tbsp": "tablespoon",
    "oz": "ounce", "lb": "pound", "lbs": "pound", "st": "stone=", "pt": "pint", "pts": "pint", "mi": "mile",
    "bpm": "beat per minute", "mph": "mile per hour", "mmhg": "millimetre of mercury", "%": "per cent=",
    "°c": "degree Celsius", "°f": "degree Fahrenheit", "°": "degree", "ft": "foot", "in": "inch", "d": "day",
}  # fmt: skip
NAMES = frozenset(_UNITS)
# These are words or names as well, so only a figure before them makes them units.
_AFTER_FIGURES = frozenset(
    "g gm l m mm nm u h s ms d min sec cal cap caps tab tabs amp amps st pt pts in mi ft mol db hz cl oz lb msv".split()
)
_NO_UNITS = frozenset("GMHSD")
_LENGTHS = frozenset(("", "long", "tall", "wide", "deep", "high", "across", "by", "x", "and", "or"))
_IRREGULAR = {"foot": "feet", "inch": "inches"}
_PER = {"day", "week", "month", "year", "night", "morning", "d", "wk", "yr"}
_WHOLE_WORDS = {
    "puff",
    "dose",
    "tablet",
    "capsule",
    "hour",
    "minute",
    "second",
    "sachet",
    "spoon",
    "pack",
    "unit",
    "beats",
}

# What comes in a strength or a length: a five milligram tablet, a ten minute walk.
_COMES_IN = frozenset(
    "tab tabs cap caps"
    " tablet tablets capsule capsules pill pills dose doses injection injections patch patches puff puffs pen pens"
    " spoon spoonful syringe vial vials ampoule ampoules bottle bottles sachet sachets drops inhaler strength strengths"
    " pack packs".split()
)
_NO_NOUN = frozenset(
    "a an the of in at on for per each every and or but to with by from after before twice once three four daily max"
    " is was were are has had then now when if as so more less total i it they we he she you".split()
)
_ONE = frozenset(("1", "one", "a", "an", "per", "each", "every"))
_ARTICLES = frozenset(("a", "an", "one", "my", "this", "that", "another", "the"))
_FIGURE = re.compile(r"[<>≤≥~±+-]{0,2}(?:\d[\d.,]*(?:[-/+x]\d[\d.,/]*)?|\.\d+)")


def is_unit(text: str) -> bool:
    """Return whether `text` is written as a unit, alone or as mmol/L or mg/kg/day."""
    first, *others = text.split("/")
    return _key(first) in _UNITS and all(
        _key(other) in _UNITS or _key(other) in _PER | _WHOLE_WORDS for other in others
    )


def is_figure(text: str) -> bool:
    """Return whether `text` is an amount: 5, 0.5, 10-15, 1/2 or a number word."""
    return _FIGURE.fullmatch(text) is not None or text.lower() in NUMBER_WORDS


def needs_figure(text: str) -> bool:
    """Return whether this unit is a word or an initialism as well, and a unit only behind a figure."""
    return _key(text.partition("/")[0]) in _AFTER_FIGURES or (text.isupper() and text != "IU")


def is_word_before(text: str, following: str) -> bool:
    """Return whether this is a word even behind a figure: "at 5 in the morning" names no inches."""
    return text.lower() == "in" and following.lower() not in _LENGTHS


def is_one(amount: str) -> bool:
    """Return whether a unit behind this amount is in the singular."""
    return amount.lower() in _ONE or re.fullmatch(r"0?1/\d+|[23]/\d", amount) is not None


def describes(before: str, following: str) -> bool:
    """Return whether an amount between these words describes what follows: a [5 ml] spoon, two [500 mg] tablets."""
    if following in _COMES_IN:
        return True
    return (
        before in _ARTICLES - {"the", "my"}
        and following.isalpha()
        and following.islower()
        and (following not in _NO_NOUN and not is_unit(following))
    )


def unit(text: str, *, one: bool) -> str:
    """Return a unit in words, in the singular for `one`; raises KeyError for what is no unit."""
    first, *others = text.split("/")
    name = _UNITS[_key(first)]
    said = name if one or name.endswith("=") else _plural(name)
    return " ".join([said.removesuffix("="), *map(per, others)])


def per(text: str) -> str:
    """Return what stands behind a slash: "per litre", "a day"; raises KeyError for what is no unit."""
    word = _key(text)
    if word in _PER:
        return "a " + _UNITS.get(word, word)
    return "per " + (word if word in _WHOLE_WORDS else _UNITS[word].removesuffix("="))


def _plural(name: str) -> str:
    # What is counted stands first in "millimetre of mercury", last in "square metre".
    parts = re.fullmatch(r"(.*?)((?: of | per | Celsius| Fahrenheit).*)?", name)
    head, rest = (parts[1], parts[2] or "") if parts else (name, "")
    return _IRREGULAR.get(head, head + "s") + rest


def _key(text: str) -> str:
    # 5 G and 58 M are no grams and no metres.
    return text.lower() if len(text) > 1 or text not in _NO_UNITS else ""
