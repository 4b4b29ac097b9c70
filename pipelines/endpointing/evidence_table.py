"""What a pause's evidence beside the text is worth: one row for each piece, learned from second-language speakers.

A pause inside a turn is one of two things: a *hold* between two sentences, or one *between words*. How a turn sounds
tells the second kind from an end, and says nothing of the first: a sentence sounds finished, whether another follows or
not. Where the words can't end a sentence, the text knows it better than the sound. But some pauses between words look
like holds, as recognisers put full stops where somebody only stopped to think. `hidden` is their share of a hold's
odds, and the pieces multiply that share alone. A piece that is not known, or that has no row, says nothing; nor does a
turn detector that does not know either. The numbers are in `evidence_table.json`: `python -m bench.train_evidence`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from pipelines.endpointing.evidence import PauseEvidence

SHIPPED_TABLE = Path(__file__).with_name("evidence_table.json")

# No probability of the turn detector is surer than that, in either direction.
SUREST = 0.999
# A recogniser that knows nothing of a word gives it some such confidence.
LEAST_CONFIDENCE = 0.05


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """A piece of evidence: `weight` in log odds of going on for each unit above `centre`, where it says nothing.

    It says no more than `most` for going on.
    """

    weight: float
    centre: float
    most: float = math.inf

    def log_odds(self, value: float) -> float:
        """Return what this value is worth."""
        return min(self.weight * (value - self.centre), self.most)


@dataclass(frozen=True, slots=True)
class EvidenceTable:
    """All rows, by the names of `pieces_of`; `source` names the data that they were learned from.

    `hidden` is the share (0..1) of a hold's odds that is really a pause between words.
    """

    source: dict[str, Any]
    rows: dict[str, EvidenceRow]
    hidden: float = 1.0

    def worth(self, pieces: Mapping[str, float], trust: float = 1.0) -> dict[str, float]:
        """Return what each piece that is known adds to the log odds of a hidden pause between words.

        `trust` (0..1) is how much "it sounds unfinished" says of this speaker.
        """
        found = {name: row.log_odds(pieces[name]) for name, row in self.rows.items() if name in pieces}
        if found.get("sound", 0.0) > 0.0:
            found["sound"] *= trust
        return found

    def odds(self, hold: float, inner: float, worth: float) -> float:
        """Return the odds of going on: the text's of either kind, and what all pieces add to the hidden log odds."""
        return hold * (1.0 - self.hidden + self.hidden * math.exp(worth)) + inner

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a table; raises OSError or ValueError when it is none."""
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = {name: EvidenceRow(**row) for name, row in content["rows"].items()}
        return cls(content["source"], rows, content["hidden"])


def pieces_of(evidence: PauseEvidence) -> dict[str, float]:
    """Return each piece of evidence that is known, as the number that a row weighs.

    `sound`: log odds that the turn sounds finished. `pace`: words a second, pauses included. `clarity`: logarithm of
    the recogniser's mean confidence.
    """
    pieces = {
        "sound": None if evidence.finished is None else _logit(evidence.finished),
        "pace": evidence.words_per_s,
        "clarity": None if evidence.confidence is None else math.log(max(evidence.confidence, LEAST_CONFIDENCE)),
    }
    return {name: piece for name, piece in pieces.items() if piece is not None}


def _logit(probability: float) -> float:
    bounded = min(max(probability, 1.0 - SUREST), SUREST)
    return math.log(bounded / (1.0 - bounded))


@cache
def shipped_table() -> EvidenceTable:
    """Return the table that comes with the program, read once."""
    return EvidenceTable.load(SHIPPED_TABLE)
