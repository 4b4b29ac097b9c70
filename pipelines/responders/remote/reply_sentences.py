"""Cuts an answer into sentences as it comes, free of what nobody can say, and without what was said before."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rapidfuzz import fuzz

from pipelines.patient.guard.markup import spoken_text
from pipelines.tts.clauses import split_clauses

# Text without a mark is cut there: the voice can't wait for ever.
MOST_WORDS = 40
# Two sentences with so much in common, of 100, are one and the same.
SAME = 90

_END = re.compile(r"[.!?…]+[\"'”’)\]]*\s")
# What is left before the first word where a stage direction was.
_LOOSE = " .,;:!?…"
_THINKING = re.compile(r"<(think|thinking|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)


class SentenceCutter:
    """Takes an answer in any pieces and returns its sentences, each when it is whole.

    `eager`: the first clause is returned before its sentence is whole, since somebody waits for it.
    """

    def __init__(self, *, eager: bool = False) -> None:
        self._raw = ""
        self._eager = eager

    def feed(self, text: str) -> list[str]:
        """Return the sentences that these characters complete."""
        self._raw += text
        lowered = self._raw.lower()
        if "<think" in lowered or "<reason" in lowered:
            if not re.search(r"</(think|thinking|reasoning)>", lowered):
                return []
            self._raw = _THINKING.sub("", self._raw)
        elif self._raw.lstrip().startswith("<") and len(self._raw.lstrip()) < len("<reasoning>"):
            return []  # it may become a mark of thinking
        found: list[str] = []
        while (end := self._next_end()) is not None:
            sentence, self._raw = self._raw[:end], self._raw[end:]
            if plain := speakable(sentence):
                found.append(plain)
                self._eager = False
        return found + self._first_clause()

    def _first_clause(self) -> list[str]:
        """Return the answer's first clause, once it is clear where it ends."""
        # The last word may be cut, and a mark of stage directions or markup may still be open.
        words = self._raw.rpartition(" ")[0]
        if not self._eager or set("*[(<_#`") & set(words):
            return []
        first, *others = split_clauses(words)[:2] or [("", 0)]
        if not others or first[0] not in self._raw or not speakable(first[0]):
            return []
        self._eager = False
        self._raw = self._raw[self._raw.index(first[0]) + len(first[0]) :].lstrip()
        return [speakable(first[0])]

    def flush(self) -> list[str]:
        """Return what is left at the end of the answer, as a sentence."""
        rest, self._raw = speakable(_THINKING.sub("", self._raw)), ""
        return [rest] if rest else []

    def _next_end(self) -> int | None:
        """Return where the first sentence ends, if that is known by now."""
        paragraph = self._raw.find("\n\n", len(self._raw) - len(self._raw.lstrip()))
        for match in _END.finditer(self._raw):
            if 0 <= paragraph < match.start():
                return paragraph
            head, following = self._raw[: match.end()].rstrip(), self._raw[match.end() :].lstrip()
            # What follows a full stop tells whether it ended a sentence; of the other marks it is known.
            if not following and head.endswith("."):
                break
            if not head.endswith(".") or _ends(head, following):
                return match.end()
        if paragraph >= 0:
            return paragraph
        words = list(re.finditer(r"\S+\s", self._raw))
        return words[MOST_WORDS - 1].end() if len(words) > MOST_WORDS else None


def _ends(head: str, following: str) -> bool:
    """Return whether the full stop at the end of `head` ends a sentence, and is not that of an abbreviation."""
    last_words = " ".join(head.split()[-2:])
    # Long enough to be cut after.
    return len(split_clauses(f"Considered here {last_words} {_first_letter(following)}")) > 1


def _first_letter(text: str) -> str:
    return next((mark for mark in text if mark.isalnum()), "X")


def speakable(text: str) -> str:
    """Return a sentence without what nobody says; empty if no word is left."""
    return spoken_text(text).text.lstrip(_LOOSE)


def is_said(sentence: str, said: Sequence[str], *, nearly: bool) -> bool:
    """Return whether a sentence was said before, word for word, or `nearly` so."""
    plain = _plain(sentence)
    return any(plain == before or (nearly and fuzz.ratio(plain, before) >= SAME) for before in map(_plain, said))


def without_said(sentence: str, said: Sequence[str]) -> str:
    """Return what of a sentence was not said, if its beginning was said as a clause of its own."""
    plain = _plain(sentence)
    for before in said:
        if not before.endswith((".", "!", "?", "…")) and plain.startswith(f"{_plain(before)} "):
            return " ".join(sentence.split()[len(before.split()) :])
    return sentence


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s]", "", text.lower()).split())
