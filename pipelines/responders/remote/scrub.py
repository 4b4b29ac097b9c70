"""Takes personal data out of what a candidate said, before it leaves: names, numbers, addresses, birthdays.

Rules, no model: they cost microseconds, and what they find can be told. They read transcripts of speech, where a number
may be words ("oh seven seven double nine") and a name follows "my name is". Doses, times and the card's own names stay.
Why no library: docs/decisions/031-scrub-by-rules.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

# So many digits in a row are no dose, age, blood pressure or year.
_LONG_NUMBER = 7

_DIGIT_WORD = r"(?:zero|oh|nought|one|two|three|four|five|six|seven|eight|nine|double|triple)"
_SPOKEN_NUMBER = re.compile(rf"\b{_DIGIT_WORD}(?:[\s,.-]+{_DIGIT_WORD}){{{_LONG_NUMBER - 2},}}\b", re.IGNORECASE)
_NUMBER = re.compile(rf"\+?\(?\d(?:[\s().\-/]{{0,2}}\d){{{_LONG_NUMBER - 1},}}")
_EMAIL = re.compile(r"[\w.+\-]+\s?@\s?[\w\-]+(?:\.[\w\-]+)+", re.IGNORECASE)
_SPOKEN_EMAIL = re.compile(
    r"\b\w+(?: (?:dot|underscore|dash) \w+)* at \w+(?: dot (?:com|org|net|edu|gov|co|ac|nhs|uk|au|nz|ie|in|ca|us))+\b",
    re.IGNORECASE,
)
_LINK = re.compile(r"\b(?:https?://|www\.)\S+", re.IGNORECASE)
# In capitals, as "b12 3mg" is a vitamin and its dose.
_POSTCODE = re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2}\b")
_STREET = re.compile(
    r"\b(?:\d{1,5}[a-z]?|(?i:number|flat|unit|apartment) \w+),?(?:\s[A-Z][\w'’]+){1,3}\s"
    r"(?:(?i:street|road|avenue|lane)|St|Rd|Ave|Drive|Close|Court|Crescent|Terrace|Place|Way|Square|Gardens)\b"
)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_DAY = (
    r"(?:\d{1,2}(?:st|nd|rd|th)?"
    r"|(?:twenty[ -]|thirty[ -])?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)"
    r"|\w+teenth|tenth|eleventh|twelfth|twentieth|thirtieth)"
)
_YEAR = r"(?:nineteen|two thousand|twenty (?:oh|ten|eleven|twelve|\w+teen|twenty))"
# A birthday has a year; "on the third of March" is a date that the role-play may turn on.
_BIRTHDAY = re.compile(
    rf"\b\d{{1,2}}[/.\-]\d{{1,2}}[/.\-](?:19|20)?\d{{2}}\b"
    rf"|\b{_DAY}(?: of)? {_MONTH},? (?:19|20)\d{{2}}\b"
    rf"|\b{_MONTH} (?:the )?{_DAY},? (?:19|20)\d{{2}}\b"
    # In words, only a birthday is told with its year.
    rf"|\b{_DAY}(?: of)? {_MONTH},? {_YEAR}\b[\w\-]*(?: (?:and )?[\w\-]+)?"
    rf"|\b(?:born|birthday|date of birth)\b[^.!?]*?\b{_YEAR}\b[\w\s\-]{{0,25}}",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"\b(?i:(?:nhs|medicare|insurance|passport|licen[cs]e|registration|registered|pin|nmc|gmc|ahpra|hospital|member"
    r"|student|candidate|account|id)(?: (?:number|no|id|card|pin|code))+(?: is|:| was)?)"
    r"\s+([\w\-]*\d[\w\-]*(?:\s[A-Z\d\-]+\b)*|[A-Z]{1,3}(?:\s[A-Z\d\-]+\b)+)"
)
_TITLE = r"(?:Dr|Doctor|Mr|Mrs|Ms|Miss|Mister|Nurse|Sister|Professor|Prof)"
_NAME_PART = r"[A-Z][\w'’\-]+"
_CALLED = re.compile(
    rf"\b(?i:my name is|my name's|my full name is|name's|i am called|i'm called|call me|i am|i'm)\s+"
    rf"((?:{_TITLE}\.?\s+)?{_NAME_PART}(?:\s+{_NAME_PART}){{0,3}})"
    # "This is amoxicillin" names no person.
    rf"|\b(?i:this is)\s+({_NAME_PART}(?:\s+{_NAME_PART})?)(?=,?\s(?:here|speaking|calling|from|your|the|and i)\b)"
)
_CALLED_IN_LOWER_CASE = re.compile(
    r"\b(?:my name is|my name's|my full name is|i am called|i'm called|call me)\s+"
    r"([a-z][\w'’\-]+(?:\s[a-z][\w'’\-]+)?)",
    re.IGNORECASE,
)
_TITLED = re.compile(rf"\b{_TITLE}\.?\s+({_NAME_PART}(?:\s+{_NAME_PART})?)")
_WITH_ME = re.compile(
    rf"\b(?i:my (?:husband|wife|son|daughter|colleague|friend|boss|supervisor|manager|teacher|partner|brother|sister))"
    rf"(?:,|(?i: is| is called|'s name is| named))?\s+({_NAME_PART}(?:\s+{_NAME_PART})?)"
)

# What may follow "I'm" or "call me" in capitals or not, and is no name.
_NO_NAMES = frozenset(
    "a an the and or but so if not no yes your his her their our my back later again when as at by for from in on to "
    "with here there today tomorrow now just very really also sorry afraid glad happy sure going doctor nurse "
    "pharmacist physiotherapist dietitian dentist optometrist podiatrist radiographer vet veterinarian therapist "
    "speech occupational english british australian american french indian i monday tuesday wednesday thursday friday "
    "saturday sunday january february march april may june july august september october november december okay ok "
    "well please what how why who where which that this it he she they we you".split()
)


@dataclass(slots=True)
class Scrubber:
    """Scrubs the texts of one reply and counts what it took out; `keep` holds names of the card, in lower case."""

    keep: frozenset[str] = frozenset()
    found: int = 0
    _names: set[str] = field(default_factory=set)

    def __call__(self, text: str) -> str:
        """Return the text with a word in square brackets for each thing that was taken out."""
        for pattern, word in (
            (_LINK, "link"),
            (_EMAIL, "email"),
            (_SPOKEN_EMAIL, "email"),
            (_BIRTHDAY, "date"),
            (_CODE, "number"),
            (_NUMBER, "number"),
            (_SPOKEN_NUMBER, "number"),
            (_STREET, "address"),
            (_POSTCODE, "address"),
        ):
            text = pattern.sub(self._out(word), text)
        for pattern in (_CALLED, _TITLED, _WITH_ME, _CALLED_IN_LOWER_CASE):
            text = pattern.sub(self._name, text)
        # A name that was told is taken out wherever it stands.
        for name in sorted(self._names, key=len, reverse=True):
            text = re.sub(rf"(?<!\[)\b{re.escape(name)}\b", lambda _: self._count("[name]"), text, flags=re.IGNORECASE)
        return text

    def _count(self, placeholder: str) -> str:
        self.found += 1
        return placeholder

    def _out(self, word: str) -> Callable[[re.Match[str]], str]:
        def replace(match: re.Match[str]) -> str:
            whole = match[0]
            if match.re is _CODE:
                return whole[: match.start(1) - match.start()] + self._count("[number]")
            return self._count(f"[{word}]")

        return replace

    def _name(self, match: re.Match[str]) -> str:
        named = next(group for group in match.groups() if group is not None)
        parts = [part for part in named.split() if part.rstrip(".") not in _TITLES]
        taken: list[str] = []
        for part in parts:
            bare = part.strip(".,'’-").lower()
            if bare in _NO_NAMES or bare in self.keep or bare.removesuffix("'s") in self.keep or len(bare) < 2:
                break
            taken.append(part.strip(".,"))
        if not taken:
            return match[0]
        self._names.update(name for name in taken if len(name) > 2)
        name = r"\s+".join(map(re.escape, taken))
        return re.sub(name, lambda _: self._count("[name]"), match[0], count=1)


_TITLES = frozenset(("Dr", "Doctor", "Mr", "Mrs", "Ms", "Miss", "Mister", "Nurse", "Sister", "Professor", "Prof"))


def words_to_keep(texts: Iterable[str]) -> frozenset[str]:
    """Return the names in the card's own texts, in lower case: they are nobody's personal data."""
    return frozenset(word.lower().removesuffix("'s") for text in texts for word in re.findall(rf"\b{_NAME_PART}", text))
