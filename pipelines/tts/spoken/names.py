"""Rules for abbreviations, what stands in Latin on a prescription, symbols and addresses."""

from __future__ import annotations

import re

from pipelines.tts.spoken import figures, letters, units
from pipelines.tts.spoken.pieces import PiecePlace

TITLES = {"Dr": "Doctor", "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Prof": "Professor", "Jr": "Junior",
          "Sr": "Senior", "Rev": "Reverend"}  # fmt: skip
SHORT = {
    "etc": "et cetera", "vs": "versus", "approx": "approximately", "dept": "department", "appt": "appointment",
    "eg": "for example", "ie": "that is", "asap": "as soon as possible", "w/o": "without", "w/": "with",
    "c/o": "care of", "n/a": "not applicable", "and/or": "and or", "tel": "telephone", "avg": "average",
    "wt": "weight", "hx": "history", "rx": "prescription", "dx": "diagnosis", "tx": "treatment", "sx": "symptoms",
    "pls": "please", "thx": "thanks", "incl": "including", "govt": "government", "mth": "month", "b/c": "because",
    "hosp": "hospital", "meds": "meds", "obs": "obs", "temps": "temps", "dob": "date of birth", "vit": "vitamin",
}  # fmt: skip
LATIN = {
    "qds": "four times a day", "qid": "four times a day", "tds": "three times a day", "tid": "three times a day",
    "bd": "twice a day", "bid": "twice a day", "od": "once a day", "prn": "when needed", "nocte": "at night",
    "mane": "in the morning", "po": "by mouth", "ac": "before food", "pc": "after food", "om": "in the morning",
    "on": "at night", "hs": "at bedtime", "pr": "from below", "sc": "under the skin", "qd": "once a day",
    "sl": "under the tongue", "stat": "straight away",
}  # fmt: skip
# Without points these are other words, unless an amount is before them.
_NEEDS_POINTS = frozenset(("bid", "tid", "po", "ac", "pc", "om", "on", "hs", "pr", "sc", "mane", "sl", "stat", "qid"))
_NEEDS_AMOUNT_IN_CAPITALS = frozenset(("OD", "BD", "SC", "AC", "PC", "PR", "PO", "SL"))
_AFTER_AMOUNT = frozenset(("bid", "tid", "po", "sc", "mane", "qid", "sl"))
# A symbol inside a piece.
_INSIDE = {
    "&": "and", "+": "plus", "=": "equals", "@": "at", "/": "or", "<": "less than", ">": "more than", "~": "about",
    "^": "to the", "#": "", "×": "times", "%": "per cent", "£": "pounds", "$": "dollars", "€": "euros", "°": "degrees",
    "±": "plus or minus", "≤": "at most", "≥": "at least", "≈": "about", "—": "-",
}  # fmt: skip
# Alone between spaces.
_SYMBOLS = _INSIDE | {
    "#": "number", "-": "-", "--": "-", "<=": "at most", ">=": "at least", "=>": "so", "->": "to", "&&": "and",
    "+/-": "plus or minus",
}  # fmt: skip
_BEFORE_FIGURES = _SYMBOLS | {"-": "minus", "—": ""}
# Short forms that other rules read beside what they belong to.
TAILS = frozenset(
    "no nos pp tel ext st nd rd th yo bn ish am pm sept ft lb lbs pt pts tsp tbsp hrs hr mins yrs wks dr mr"
    " mrs ms".split()
)
_LETTERS_IN_ADDRESSES = frozenset(("nhs", "uk", "bbc", "eu", "us", "gp", "www"))
_CALLED = frozenset("call called calling calls ring rang ringing dial dialled dialed phone phoned nhs".split())
_SHORT_NUMBERS = frozenset(("999", "111", "112", "911", "101", "119"))


def title(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read Dr, Mr and Mrs."""
    return TITLES.get(found[0])


def saint(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read St as saint before a name and as street behind one."""
    if units.is_figure(place.before()):
        return None
    return "Saint" if place.after()[:1].isupper() or not place.before()[:1].isupper() else "Street"


def short(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read e.g., approx and others that every reader knows."""
    return SHORT.get(found[0].lower().replace(".", ""))


def numbered(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read the No and p before a figure."""
    if not place.pieces[place.index + 1 : place.index + 2] or not place.pieces[place.index + 1].core[:1].isdigit():
        return None
    if found[0].lower() in ("p", "pp", "ext", "tel"):
        return {"p": "page", "pp": "pages", "ext": "extension", "tel": "telephone"}[found[0].lower()]
    # "No 5 mg, thanks" refuses a dose.
    if place.tail.startswith(".") or (found[0][0] == "N" and not units.is_unit(place.after(2))):
        return "number" if found[0].lower() == "no" else "numbers"
    return None


def latin(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read b.d., tds and prn as what a pharmacist tells a patient; None where they are other words."""
    text = found[0]
    key = text.lower().replace(".", "")
    said = LATIN.get(key)
    if said is None or "." in text:
        return said
    before = place.before().lower()
    if before in ("a", "an"):
        return None
    behind_amount = (
        units.is_figure(before) or units.is_unit(before) or before.rstrip("s") in ("tablet", "capsule", "puff")
    )
    behind_amount = behind_amount or before[:1].isdigit()
    if text in _NEEDS_AMOUNT_IN_CAPITALS:
        return said if behind_amount else None
    if key in _NEEDS_POINTS:
        return said if key in _AFTER_AMOUNT and behind_amount else None
    return said


def every_hours(found: re.Match[str], place: PiecePlace) -> str:
    """Read q4h and q6h."""
    return f"every {figures.number(found[1])} hours" if found[1] != "1" else "every hour"


def years_old(found: re.Match[str], place: PiecePlace) -> str:
    """Read 58yo and 58y/o."""
    return f"{figures.number(found[1])} year old"


def polarity(found: re.Match[str], place: PiecePlace) -> str:
    """Read +ve and -ve."""
    return "positive" if found[0][0] == "+" else "negative"


def symbol(found: re.Match[str], place: PiecePlace) -> str:
    """Read a symbol that stands alone; a dash between figures is "to"."""
    text, before, after = found[0], place.before(), place.after()
    if text in ("-", "—") and before[:1].isdigit() and after[:1].isdigit():
        # 10 - 15 and 60mg - 120mg are ranges; in "100mcg - 2 tablets" the dash is a pause.
        return "to" if before[-1].isdigit() == after[-1].isdigit() or before[-1].isdigit() else text
    return _SYMBOLS.get(text) or " ".join(_INSIDE[mark] for mark in text[:1] if _INSIDE.get(mark))


def signed(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read <5, ~10 and -3."""
    said = _BEFORE_FIGURES.get(found[1])
    return None if said is None else f"{said} {place.read(found[2], place)}".strip()


def phone(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read the groups of a telephone number digit by digit, with a pause between them; None for other figures."""
    if found[0] in _SHORT_NUMBERS and place.before().lower() in _CALLED:
        return figures.digits(found[0])
    hyphened = found[0].count("-") > 1 and sum(map(str.isdigit, found[0])) > 8
    if not hyphened and not _in_phone_number(place):
        return None
    plus = "plus " if found[0][0] == "+" else ""
    said = plus + ", ".join(figures.digits(group) for group in re.findall(r"\d+", found[0]))
    return said + ("," if _is_group(place.after()) else "")


def _in_phone_number(place: PiecePlace) -> bool:
    steps = 0
    while _is_group(place.before(steps + 1)) and steps < 6:
        steps += 1
    first = place.before(steps) if steps else place.pieces[place.index].core
    started = re.match(r"\+\d{1,3}|0\d{2,}", first) is not None
    total = sum(mark.isdigit() for mark in first)
    return started and (steps > 0 or total >= 7 or _is_group(place.after()))


def _is_group(text: str) -> bool:
    return re.fullmatch(r"\+?\d{2,}", text) is not None


def address(found: re.Match[str], place: PiecePlace) -> str:
    """Read an e-mail or web address: info@nhs.uk is "info at N H S dot U K"."""
    bare = re.sub(r"^(?:https?://|mailto:)", "", found[0], flags=re.IGNORECASE)
    said: list[str] = []
    for part in re.findall(r"\d+|[^\W\d_]+|[@./_-]", bare):
        if part in "@./_-":
            said.append({"@": "at", ".": "dot", "/": "slash", "_": "underscore", "-": "dash"}[part])
        elif part.isdigit():
            said.append(figures.digits(part) if part[0] == "0" else figures.number(part))
        elif part.lower() in _LETTERS_IN_ADDRESSES or not letters.has_vowel(part):
            said.append(letters.spell(part))
        else:
            said.append(part)
    return " ".join(said)


_PARTS = re.compile(r"\d[\d.,]*(?:st|nd|rd|th)\b|\d[\d.,]*\d|\d|[^\W\d_]+(?:'[^\W\d_]+)*|.", re.DOTALL)


def parts(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read what is joined by marks part by part: fine—I think, his/her, β-blocker."""
    if found[0].isalpha() and not any(mark in letters.GREEK for mark in found[0]):
        return None
    said: list[str] = []
    for part in _PARTS.findall(found[0]):
        if part == found[0]:
            return None
        if part[0].isdigit():
            said.append(place.read(part, place))
        elif part.isalpha() and len(part) == 1 and part in letters.GREEK:
            said.append(letters.GREEK[part])
        elif part[0].isalpha():
            said.append(place.read(part, place) if len(part) > 1 else part)
        elif part in _INSIDE:
            said.append(_INSIDE[part])
        elif part in ",;:.?!-" and said:
            said[-1] += part if part != "-" else ""
    return " ".join(word for word in said if word)
