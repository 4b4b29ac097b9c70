"""From a model's tokens to clauses that can be spoken: cut where they end, cleaned, and stopped when enough is said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from pipelines.patient.guard.markup import spoken_text
from pipelines.tts.clauses import STOP_PAUSE_MS, split_clauses

Stopped = Literal["", "sentences", "line", "repeats"]

_MOST_WORDS = 24
"""What has no mark for so long is cut, so that the voice has something to say."""
_CUT_WORDS = 16
_GRAM, _MOST_GRAMS = 3, 3
_LABEL = re.compile(r"^\s*(?:(?i:patient|assistant|me)|[A-Z][a-z]+ [A-Z][a-z]+)\s*:\s*")
_SENTENCE_END = re.compile(r"[.!?…]+(?=[\"'”’)]*(?:\s|$))")


class ClauseStream:
    """Takes text as it comes and returns clauses once they are whole, each with the pause after it in milliseconds."""

    def __init__(self, *, most_sentences: int, said: Iterable[str] = ()) -> None:
        """Take text for one reply; `said` is what was said before, and is not said again."""
        self.stopped: Stopped = ""
        self._left = most_sentences
        self._text = ""
        self._said: list[str] = []
        self._before = {words for text in said if len((words := _plain(text)).split()) >= _GRAM}
        self._first = True

    @property
    def spoken(self) -> bool:
        """Whether any clause came."""
        return bool(self._said)

    def feed(self, text: str) -> list[tuple[str, int]]:
        """Take more text; return the clauses that are whole now."""
        if self.stopped:
            return []
        self._text += text
        if not self._text.strip():
            return []
        line, ended, _ = self._text.lstrip().partition("\n")
        if ended:
            # What follows a line break is another thought, a list, or somebody else's turn.
            self._text = ""
            made = self._take(split_clauses(_speakable(line, first=self._first)))
            self.stopped = self.stopped or "line"
            return made
        return self._whole()

    def end(self, *, finished: bool) -> list[tuple[str, int]]:
        """The model is done: return what is left; an unfinished sentence is kept back if the model was cut short."""
        rest, self._text = _speakable(self._text, first=self._first), ""
        if self.stopped or not rest:
            return []
        return self._take(split_clauses(rest)) if finished else []

    def _whole(self) -> list[tuple[str, int]]:
        """Return the clauses behind which more has come already."""
        body, blank, last = self._text.rpartition(" ")
        if not blank or _open(body):
            return []
        clauses = split_clauses(f"{body} {last}".strip())
        if len(clauses) > 1:
            done = clauses[:-1]
            self._text = clauses[-1][0] + ("" if last else " ")
        else:
            words = self._text.split()
            if self._runs_on(words):
                self.stopped, self._text = "repeats", ""
                return []
            if len(words) <= _MOST_WORDS:
                return []
            done, self._text = [(" ".join(words[:_CUT_WORDS]), 0)], " ".join(words[_CUT_WORDS:])
        cleaned = [
            (_speakable(text, first=self._first and index == 0), pause) for index, (text, pause) in enumerate(done)
        ]
        return self._take([(text, pause) for text, pause in cleaned if text])

    def _take(self, clauses: list[tuple[str, int]]) -> list[tuple[str, int]]:
        taken = []
        for text, pause_ms in clauses:
            words = _plain(text)
            if not words or self.stopped:
                continue
            if words in self._said or words in self._before or self._runs_on(text.split()):
                self.stopped = "repeats"
                break
            self._said.append(words)
            self._first = False
            taken.append((text, pause_ms))
            if pause_ms >= STOP_PAUSE_MS:
                self._left -= len(_SENTENCE_END.findall(text)) or 1
                if self._left <= 0:
                    self.stopped = "sentences"
        return taken

    def _runs_on(self, words: list[str]) -> bool:
        """Return whether the same few words come again and again."""
        all_words = " ".join([*self._said, _plain(" ".join(words))]).split()
        grams = Counter(zip(*(all_words[start:] for start in range(_GRAM)), strict=False))
        return any(count >= _MOST_GRAMS for count in grams.values())


def _open(text: str) -> bool:
    """Return whether a stage direction has begun that has not ended."""
    return text.count("*") % 2 == 1 or text.count("(") > text.count(")") or text.count("[") > text.count("]")


def _speakable(text: str, *, first: bool) -> str:
    """Return a text without what nobody says, a speaker's name before the first words among it."""
    return spoken_text(_LABEL.sub("", text) if first else text).text.strip('"“” ')


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.lower().replace("’", "'")))
