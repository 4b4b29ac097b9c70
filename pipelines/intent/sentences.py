"""A turn's sentences, and where within them something may be asked."""

from __future__ import annotations

import re
from dataclasses import dataclass

# So many characters before an opening are a lead-in ("I would like to know, do you ...").
LEAD_IN = 8
SHORTEST_TAIL = 3  # words
TAILS = 1
# What was said before that has been overtaken.
MOST = 4
_SENTENCE = re.compile(r"[^.?!]+[.?!]*")
_OPENING = re.compile(
    r"\b(?:do|does|did|have|has|are|is|was|were|can|could|would|will) (?:you|your|it|she|he|there|the|any\w*)\b"
    r"|\b(?:what|when|where|which|who|why|how)\b|\b(?:tell|show|describe|explain)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a turn, and the readings in which it may have been meant: the first is the sentence itself.

    The others are its end from the last opening of a question, and, of a turn's last sentence, `context`: it with the
    one before, which may name what "it" is. That tells what is asked for, never whether anything is.
    """

    text: str
    tails: tuple[str, ...] = ()
    context: str = ""

    @property
    def readings(self) -> tuple[str, ...]:
        """All of them."""
        return (self.text, *self.tails, *([self.context] if self.context else []))

    @property
    def told(self) -> bool:
        """Whether it was written as a statement, and has nothing within that opens a question."""
        return self.text.endswith((".", "!")) and _OPENING.search(self.text) is None

    @property
    def words(self) -> int:
        """How many words it has."""
        return len(self.text.split())


def sentences_of(turn: str) -> list[Sentence]:
    """Return the last sentences of a turn that have words, in order."""
    texts = [found.strip(" ,;-") for found in _SENTENCE.findall(turn)]
    texts = [text for text in texts if re.search(r"\w", text)][-MOST:]
    return [
        Sentence(text, _tails(text), f"{texts[-2]} {text}" if number and number == len(texts) - 1 else "")
        for number, text in enumerate(texts)
    ]


def _tails(text: str) -> tuple[str, ...]:
    tails = [text[match.start() :] for match in _OPENING.finditer(text) if match.start() > LEAD_IN]
    return tuple(tail for tail in tails if len(tail.split()) >= SHORTEST_TAIL)[-TAILS:]
