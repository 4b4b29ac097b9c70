"""Whether what a candidate sums up agrees with what the patient has told.

Each claim of the summary is held against the text that it is about: by amounts, sides, people, medicines, times of the
day, parts of the body, and by what one of them denies. A claim that says only what the text says not is no fault.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from pipelines.endpointing.numerals import DIGITS, TEENS, TENS

CORRECTED_LINE = "Not quite. {said}"
# What was never told is not told by correcting it either.
WRONG_LINE = "No, that's not quite right."

# What stands for a number in front of a unit: "a week", "once a week".
_ONE = {"a": "1", "an": "1", "once": "1", "twice": "2"}
_TIMES = {"once": "1 time", "twice": "2 times"}
_VALUES = {word: value for value, word in enumerate((*DIGITS, *TEENS))}
_VALUES |= {word: 10 * value for value, word in enumerate(TENS) if word}
_TENS, _SMALL = ("|".join(word for word in words if word) for words in (TENS, (*TEENS, *DIGITS)))
_WORDS = re.compile(
    rf"\b(?:(?P<hundreds>a|{'|'.join(DIGITS[1:])}) hundred(?: and)?\b ?)?"
    rf"(?:\b(?P<tens>{_TENS})(?:[- ](?P<one>{'|'.join(DIGITS[1:])}))?\b|\b(?P<small>{_SMALL})\b)?"
)
_UNITS = (
    "second minute hour day night week month year tablet puff time cigarette cup glass pound kilo stone degree"
).split()
_AMOUNT = re.compile(rf"\b(\d+|an?)(?: or (?:so|\w+))?(?: more| whole| full)? ({'|'.join(_UNITS)})s?\b", re.IGNORECASE)
# "Two of my girlfriend's codeine tablets."
_COUNTED = re.compile(r"\b(\d+)(?: [a-z'-]+){0,4}? (tablet|puff|cigarette|cup|glass|coffee|beer|cat|dog)(?:es|s)?\b")
_ORDINALS = "first second third fourth fifth sixth seventh".split()
_WHICH = re.compile(rf"\b({'|'.join(_ORDINALS)}) (night|day|week|month|year)\b")
_MINUTES = {"minute": 1.0, "hour": 60.0, "day": 1440.0, "week": 10080.0, "month": 43800.0, "year": 525600.0}
_LONG = tuple(_MINUTES)
# Times that differ by less are the same: people round them.
ALIKE = 1.5
# How often something happens in a week.
_A_WEEK = {"day": 7.0, "night": 7.0, "week": 1.0, "month": 0.25, "year": 0.02}
_NUMBER = r"once|twice|\d+"
_RATE = re.compile(
    rf"\b({_NUMBER})(?: or ({_NUMBER}))?(?: \w+)?"
    r" (?:(?:a|per|every|each|in a|in the|of the) )(day|night|week|month|year)\b"
)
_RATES = (
    (
        re.compile(r"\b(?:(?:every|each|most) (?:single )?(?:day|night|morning|evening|afternoon)|daily|every ?day)"),
        7.0,
    ),
    (re.compile(r"\bmost (?:days|nights|mornings|evenings)"), 5.0),
    (re.compile(r"\b(?:(?:every|each) week\b|weekly)"), 1.0),
    (re.compile(r"\b(?:(?:on|at|over|every) (?:the )?weekends?|(?:on )?(?:satur|sun)days)\b"), 1.5),
)
# Rates that differ by less are the same: "most days" is "daily" to some.
OFTEN = 2.1
# Numbers of cigarettes are told more exactly than how often something happens.
EXACT, MANY = 1.4, 14.0
# "Twice a week", "a day": how often, not how long.
_EACH = re.compile(
    rf"(?<=\w)(?<!about)(?<!for)(?<!it's)(?<!nearly)(?<!almost) (?:a|an|per|every|each) (?:{'|'.join(_LONG)})\b"
    rf"(?! (?:ago|or|after|before|now|later))",
    re.IGNORECASE,
)
# "That's right", "right now", "all right": no side.
_NO_SIDE = re.compile(
    r"\b(?:that'?s|is (?:that|it|this)|all|am i|get (?:that|it)|got (?:that|it)) right\b|\bright\W*$", re.IGNORECASE
)
# Words of one kind that stand for one thing: of a kind, what the text says and what the claim says must have something
# in common.
_KINDS: tuple[dict[str, str], ...] = tuple(
    {word: names.split("/")[0] for names in kind.split() for word in names.split("/")}
    for kind in (
        "left right",
        "mother/mom/mum/mummy/mommy father/dad/daddy sister brother wife husband son daughter aunt uncle"
        " grandmother/gran grandfather grandad neighbour/neighbor colleague boss friend roommate",
        "aspirin ibuprofen paracetamol/acetaminophen/tylenol codeine morphine penicillin metformin insulin"
        " steroid/steroids antibiotics/antibiotic antihistamine/antihistamines thyroxine",
        "morning/mornings afternoon/afternoons evening/evenings night/nights",
        "spring summer autumn/fall winter",
        "monday tuesday wednesday thursday friday saturday sunday weekend/weekends",
        "gained/gain lost/lose",
        "bigger smaller",
        "better worse",
        "alone together",
    )
)
_PARTS = frozenset(
    "head neck throat jaw ear ears eye eyes nose mouth lip tongue shoulder arm elbow wrist hand finger fingers "
    "thumb chest back belly tummy stomach hip groin thigh knee leg shin calf ankle foot feet heel toe toes tail "
    "paw paws skin".split()
)
_DENIED = re.compile(r"\b(?:not|never|no|nobody|nothing|without|\w+n't)\s+((?:\w+\W*){1,4})", re.IGNORECASE)
# So many letters at its beginning tell a word from another.
_STEM = 4
# So close behind a "not" stands what it denies.
FIRST = 2


@dataclass(frozen=True, slots=True)
class Stated:
    """A claim, and what was told of the thing that it is about."""

    claim: str
    told: str


def disagreeing(stated: Sequence[Stated], *, known: Set[str] = frozenset()) -> str:
    """Return the first of the told texts that says otherwise than its claim, empty if none does.

    `known` has the words of the card: only parts of the body that are on it nowhere are none of the patient's.
    """
    return next((each.told for each in stated if _contradicts(each.claim, each.told, known)), "")


def _contradicts(claim: str, told: str, known: Set[str]) -> bool:
    own, said = _words(_NO_SIDE.sub("", claim)), _words(told)
    if any(_apart(kind, own, said) for kind in _KINDS):
        return True
    if _PARTS & own - said - known and _PARTS & said:
        return True
    return (
        _other_ordinals(claim, told)
        or _other_amounts(claim, told)
        or _other_rates(claim, told)
        or _denies(claim, told)
        or _denies(told, claim)
    )


def _apart(kind: dict[str, str], own: Set[str], said: Set[str]) -> bool:
    claimed, known = ({kind[word] for word in words if word in kind} for words in (own, said))
    return bool(claimed and known and not claimed & known)


def _other_ordinals(claim: str, told: str) -> bool:
    claimed, known = (dict[str, set[str]](), dict[str, set[str]]())
    for text, found in ((claim, claimed), (told, known)):
        for ordinal, unit in _WHICH.findall(text.lower()):
            found.setdefault(unit, set()).add(ordinal)
    return any(not claimed[unit] & known[unit] for unit in claimed.keys() & known.keys())


def _other_amounts(claim: str, told: str) -> bool:
    claimed, known = _amounts(claim), _amounts(told)
    # Six weeks are a month and a half.
    times, known_times = (_minutes(each) for each in (claimed, known))
    if times and known_times and not any(1 / ALIKE < own / other < ALIKE for own in times for other in known_times):
        return True
    return any(not claimed[unit] & known[unit] for unit in claimed.keys() & known.keys() - _MINUTES.keys())


def _other_rates(claim: str, told: str) -> bool:
    claimed, known = _rates(claim), _rates(told)
    if not claimed or not known:
        return False
    apart = EXACT if min(*claimed, *known) >= MANY else OFTEN
    return not any(1 / apart < own / other < apart for own in claimed for other in known)


def _rates(text: str) -> list[float]:
    """Return how many times a week a text says that something happens."""
    plain = _in_digits(text.lower())
    found = []
    for first, second, unit in _RATE.findall(plain):
        numbers = [float(_ONE.get(each, each)) for each in (first, second) if each]
        if any(numbers):
            found.append(sum(numbers) / len(numbers) * _A_WEEK[unit])
    rest = _RATE.sub(" ", plain)
    return found + [rate for pattern, rate in _RATES if pattern.search(rest)]


def _minutes(amounts: Mapping[str, Set[str]]) -> list[float]:
    found = [int(number) * _MINUTES[unit] for unit in amounts.keys() & _MINUTES.keys() for number in amounts[unit]]
    # Of no days at all nothing is a part.
    return [minutes for minutes in found if minutes]


def _denies(one: str, other: str) -> bool:
    """Tell whether one denies a thing that the other only affirms."""
    # What is denied is the word behind "not"; whether the other denies it too is looked for further on.
    denied = frozenset(
        _stem(word) for part in _DENIED.findall(one) for word in part.split()[:FIRST] if len(word) > _STEM
    )
    too = frozenset(_stem(word) for part in _DENIED.findall(other) for word in part.split())
    return any(word in denied - too for word in map(_stem, _words(other)))


def _amounts(text: str) -> dict[str, set[str]]:
    plain = re.sub(r"\b(once|twice)\b", lambda found: _TIMES[found[1]], _in_digits(text.lower()))
    found: dict[str, set[str]] = {}
    for number, unit in (*_AMOUNT.findall(_EACH.sub(" ", plain)), *_COUNTED.findall(plain)):
        found.setdefault(unit, set()).add(_ONE.get(number, number))
    return found


def _in_digits(text: str) -> str:
    """Return a text, lower case, with its number words as digits: "a hundred and twenty-five" is 125."""
    return _WORDS.sub(_value, text)


def _value(found: re.Match[str]) -> str:
    if not found[0].strip():
        return found[0]
    hundreds = 100 * _VALUES.get(found["hundreds"], 1) if found["hundreds"] else 0
    rest = sum(_VALUES[word] for word in (found["tens"], found["one"], found["small"]) if word)
    # A blank that stood behind "hundred" stays.
    return f"{hundreds + rest}{' ' if found[0].endswith(' ') else ''}"


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower()))


def _stem(word: str) -> str:
    return word.lower()[:_STEM]
