"""What patients say of who they are: name, how it is spelled, what to call them, age, date of birth, address.

Several of these are often asked for in one breath: "Can you confirm your full name and your date of birth?"
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipelines.patient.card import Card

NAME_LINE = "It's {name}."
NAME_CHECK_LINE = "Yes, that's me."
CALLED_LINE = "{name} is fine."
AGE_LINE = "I'm {age}."
BIRTH_FACT, ADDRESS_FACT = "date-of-birth", "address"

_SPELLED = re.compile(r"\bspell", re.IGNORECASE)
_CALLED = re.compile(r"\b(?:call|address) you\b|\b(?:be|are|get) (?:called|addressed)\b", re.IGNORECASE)
_NAME = re.compile(r"\b(?:name|surname)\b|\bwho (?:are you|am i)\b", re.IGNORECASE)
# Nobody asks for the name of a medicine, a street or a doctor here.
_OTHER_NAME = re.compile(
    r"\bname of\b|\b(?:street|drug|medicine|medication|doctor)(?:'s)? name\b|\bmy name\b", re.IGNORECASE
)
_BIRTH = re.compile(r"\b(?:birth|birthday|birthdate|born)\b", re.IGNORECASE)
_AGE = re.compile(r"\bhow old are you\b|\byour age\b", re.IGNORECASE)
_ADDRESS = re.compile(r"\baddress\b(?! you)", re.IGNORECASE)


class Identity:
    """Who the person of a card is, as that person says it."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self._facts = {fact.id: fact.says[0] for fact in card.facts}

    def name(self) -> str:
        """Return the name, said."""
        return NAME_LINE.format(name=self._card.patient.name)

    def age(self) -> str:
        """Return the age, said."""
        return AGE_LINE.format(age=self._card.patient.age)

    def asks_for_age(self, text: str) -> bool:
        """Tell whether a text asks how old the person who speaks is."""
        return _AGE.search(text) is not None

    def answer(self, text: str, *, name: str = "") -> str:
        """Return what answers all that a text asks of who this is; the name, where nothing else is asked.

        `name` is said where a name is asked for that is not the patient's own: a child's, or an animal's.
        """
        return " ".join(self._parts(text, name)) or name or self.name()

    def asks_for_several(self, text: str) -> bool:
        """Tell whether a text asks for more than one of these things."""
        return sum(bool(pattern.search(text)) for pattern in (_NAME, _BIRTH, _AGE, _ADDRESS)) > 1

    def is_asked(self, text: str) -> bool:
        """Tell whether a text asks for anything that is answered here."""
        return next(self._parts(text, ""), "") != ""

    def _parts(self, text: str, name: str) -> Iterator[str]:
        said = self._named(text)
        if _SPELLED.search(text):
            yield f"{', '.join(self._card.patient.name.split()[-1].upper())}."
        elif _CALLED.search(text):
            yield CALLED_LINE.format(name=self._card.patient.name.split()[0])
        elif said == len(self._card.patient.name.split()):
            yield NAME_CHECK_LINE
        elif _NAME.search(_OTHER_NAME.sub("", text)):
            yield name or self.name()
        elif said:
            yield NAME_CHECK_LINE
        if _BIRTH.search(text):
            yield self._facts.get(BIRTH_FACT, self.age())
        elif _AGE.search(text):
            yield self.age()
        if _ADDRESS.search(text) and ADDRESS_FACT in self._facts:
            yield self._facts[ADDRESS_FACT]

    def _named(self, text: str) -> int:
        """Return how many of the patient's names a text has."""
        words = frozenset(re.findall(r"[a-z]+", text.lower()))
        return sum(part.lower() in words for part in self._card.patient.name.split())
