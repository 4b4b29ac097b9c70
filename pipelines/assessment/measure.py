"""A measure: a number with its unit, and the stretches of the recording that it was taken from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Unmeasured = Literal["", "too_little", "unsure", "no_words", "not_due"]
"""Why a measure has no value.

`too_little` was said; the recogniser was `unsure` of too many words; it told `no_words` with their times; or what the
measure is about was `not_due`: no worry was told, nothing was explained.
"""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A stretch of the recording in milliseconds, what was said there, and what it shows (`kind`)."""

    from_ms: float
    to_ms: float
    text: str
    kind: str

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"from_ms": round(self.from_ms), "to_ms": round(self.to_ms), "text": self.text, "kind": self.kind}


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of a role-play; `id` is a key of `DEFINITIONS`, `value` None where `unmeasured` says why.

    `counts` are the numbers that the value was made from.
    """

    id: str
    value: float | None
    counts: Mapping[str, float] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    unmeasured: Unmeasured = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data, with its definition, its limits and its unit."""
        defined = DEFINITIONS[self.id]
        return {
            "id": self.id,
            "value": None if self.value is None else round(self.value, 3),
            "unit": defined.unit,
            "unmeasured": self.unmeasured,
            "counts": {name: round(number, 3) for name, number in self.counts.items()},
            "definition": defined.text,
            "limits": defined.limits,
            "evidence": [each.as_json() for each in self.evidence],
        }


def not_measured(of: str, why: Unmeasured, **counts: float) -> Measure:
    """Return a measure that has no value, and why."""
    return Measure(of, None, counts, unmeasured=why)


@dataclass(frozen=True, slots=True)
class Definition:
    """What a measure is: what is counted, in which unit, and what it can't tell."""

    unit: str
    text: str
    limits: str


DEFINITIONS: dict[str, Definition] = {
    "speech_rate": Definition(
        "words/min",
        "Words of the candidate's turns, divided by the length of these turns with their pauses. Fillers count.",
        "A word that was misheard counts as it was written. Turns of fewer than three words are left out.",
    ),
    "articulation_rate": Definition(
        "syllables/s",
        "Syllables of the candidate's words, divided by the time of the turns without pauses of 250 ms and more.",
        "Syllables come from a dictionary, or from the letters of words that it lacks, not from the sound.",
    ),
    "pauses_inside": Definition(
        "per 100 words",
        "Silences of 250 ms and more inside a clause: neither after a full stop, comma or question mark, nor before a "
        "word that begins a clause (and, but, because, if, ...).",
        "Where a clause ends is read from the recogniser's text. A pause that ends a turn is not one of these.",
    ),
    "pause_length": Definition(
        "ms",
        "The mean length of the silences inside clauses.",
        "As for their number. A few pauses make an unsteady mean.",
    ),
    "fillers": Definition(
        "per 100 words",
        "Sounds like um, uh and er, as the recogniser wrote them.",
        "Recognisers leave most of them out: the number is a lower bound.",
    ),
    "repairs": Definition(
        "per 100 words",
        "Words said twice in a row, words broken off, and phrases that correct what was just said (I mean, sorry, no).",
        "Recognisers tidy up what they hear: the number is a lower bound.",
    ),
    "lexical_range": Definition(
        "share",
        "Of each 50 words in a row, the share that are different words; the mean over the whole role-play.",
        "It says how varied the words are, not how well they fit. Other talk has other values.",
    ),
    "jargon": Definition(
        "times",
        "Words of the trade that most patients do not know, each counted once; and how many were explained.",
        "A list and word endings decide. Words that the patient used first are left out.",
    ),
    "open_questions": Definition(
        "share",
        "Of the questions that ask the patient for information, the share that leave the answer open (tell me about, "
        "how, why, what is it like). Questions for yes or no, a number, a time or a choice are closed.",
        "The form of the question is read from its words. Both kinds are needed.",
    ),
    "empathy": Definition(
        "share",
        "Of the worries and feelings that the patient told, the share after which the candidate, in one of the next "
        "two turns, said something that shows understanding, or reassured.",
        "What is not recognised as such is not counted. Tone of voice is not measured.",
    ),
    "checked": Definition(
        "share",
        "Of the turns that explain or advise, the share that check whether they were understood, or are followed by "
        "a check in the next turn (does that make sense, what will you do at home).",
        "A check in unusual words may be missed.",
    ),
    "signposting": Definition(
        "times",
        "Phrases that tell the patient what comes next or sum up (first I'd like to ask, let me explain, to sum up).",
        "Only the wording is seen; the order of the talk can be clear without it.",
    ),
    "cues": Definition(
        "share",
        "Of what the patient had to tell, the share that the candidate heard.",
        "Heard means that the patient said it and was not cut off.",
    ),
    "floor": Definition(
        "share",
        "The candidate's share of the time in which somebody spoke.",
        "There is no right share: it depends on the card.",
    ),
}
"""Every measure by its id."""
