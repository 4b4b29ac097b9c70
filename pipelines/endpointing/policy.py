"""Endpointing: how much silence ends a turn, given what was said and how.

The wait is the one that costs least: waiting costs its length whenever the turn was over, answering costs `patience_s`
whenever the speaker would have gone on later than that. So an end that is clear is answered at the floor, and one that
is not is waited for as long as the speaker's pauses last.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipelines.endpointing.completeness import (
    INNER_CLIP,
    CompletenessModel,
    going_on,
    shipped_model,
)
from pipelines.endpointing.evidence import PauseEvidence
from pipelines.endpointing.evidence_table import EvidenceTable, pieces_of, shipped_table
from pipelines.endpointing.features import is_item, lists_so_far, words_of
from pipelines.endpointing.habits import EndSounds, Habits
from pipelines.endpointing.open_ends import is_open
from pipelines.endpointing.settings import EndpointSettings
from pipelines.endpointing.whole_figures import answers_with_figure, has_unit

STEP_S = 0.02  # of waits that are compared: a frame
# No wait is longer than so many times the ceiling, however long the speaker's own pauses are.
LATEST = 1.5
# Hardly a real end reaches these log odds of being between words: only what is surer counts.
INNER_OFFSET = 2.0
# The slope is steep, as one misheard word makes an end look unfinished, but seldom quite so.
INNER_SLOPE = 3.0
# These are at most the log odds of being between words after a figure that has its unit, or was asked for.
WHOLE_ODDS = 0.0
# So much of what being asked for says counts on words that can't be the end: "is it a sharp" asks already.
ASKED_OF_INNER = 0.6
# These are the odds of going on after a thing of a list that came without "and": a second of waiting or so.
LIST_ODDS = 0.75
# At least so many words come before a thing of a list: a greeting's name is none.
LIST_AFTER = 3
# Patience, and what is waited above the floor, grow by this factor each time the speaker was answered too early.
CAUTION = 1.25
# So many such times count: a breath that was taken for speech must not slow a whole session.
CAUTIONS = 2

Floats = NDArray[np.float64]

Rule = Literal["", "fixed", "unheard"]
"""What decided where nothing was weighed: this silence ends every turn, or no word was understood."""


@dataclass(frozen=True, slots=True)
class WaitJudgement:
    """How long a pause may last, and why: each piece's log odds that the speaker goes on, and how slow they are.

    `evidence` are the pieces as numbers, and `between`: the share of the text's odds that is of a pause between words.
    There are none while the text is not known, or where there is none. `rule` says what decided where nothing was
    weighed. `patience`: what is waited above the floor is so many times as long, whoever speaks.
    """

    wait_ms: float
    worth: dict[str, float] = field(default_factory=dict)
    evidence: dict[str, float] = field(default_factory=dict)
    stretch: float = 1.0
    patience: float = 1.0
    rule: Rule = ""


class EndpointPolicy:
    """One candidate's endpointing; `model` None takes the shipped one. Pure but for the habits that it learns."""

    def __init__(
        self, settings: EndpointSettings, model: CompletenessModel | None = None, table: EvidenceTable | None = None
    ) -> None:
        self.settings = settings
        self._model = model if model is not None else shipped_model()
        self._table = table if table is not None else shipped_table()
        self._habits = Habits()
        self._ends = EndSounds()
        self._cautions = 0

    def wait_ms(self, evidence: PauseEvidence) -> float:
        """Return the silence after which the turn is over, in milliseconds since the last voiced sample."""
        return self.judge(evidence).wait_ms

    def judge(self, evidence: PauseEvidence) -> WaitJudgement:
        """Return that silence, and what each piece of evidence had to say for it."""
        floor_s, ceiling_s, _, usual_stretch = self.settings.waits()
        if not evidence.stable:
            return WaitJudgement(1000.0 * ceiling_s)
        if not evidence.text.strip():
            wait_ms = min(max(self.settings.unheard_ms, 1000.0 * floor_s), 1000.0 * ceiling_s)
            return WaitJudgement(wait_ms, rule="unheard")
        hold, inner = self.parts(evidence)
        pieces = pieces_of(evidence)
        worth = {"text": math.log(hold + inner)}
        known = 0.0
        for name, log_odds in self._table.worth(pieces, self._ends.trust).items():
            known += log_odds
            worth[name] = math.log(self._table.odds(hold, inner, known)) - sum(worth.values())
        stretch = self._habits.stretch
        wait_ms = 1000.0 * self.cheapest_s(math.exp(sum(worth.values())), stretch, self._model)
        asked = {} if evidence.asks is None else {"asks": evidence.asks}
        numbers = {"between": inner / (hold + inner), **pieces, **asked}
        return WaitJudgement(wait_ms, worth, numbers, stretch, self._caution * usual_stretch)

    def cheapest_s(self, odds: float, stretch: float, model: CompletenessModel) -> float:
        """Return the wait in seconds that costs least at these odds of going on, for a speaker that much slower."""
        floor_s, ceiling_s, patience_s, usual_stretch = self.settings.waits()
        caution = self._caution
        waits_s, longer = _pauses(floor_s, ceiling_s, model.pause_s, model.pause_spread, self.settings.short_share)
        cheapest_s = float(waits_s[np.argmin(waits_s + patience_s * caution * odds * longer)])
        # Stretched afterwards: if pauses were made longer in the sum, it would give up on people sooner, not later.
        return min(floor_s + (cheapest_s - floor_s) * stretch * usual_stretch * caution, LATEST * ceiling_s)

    @property
    def _caution(self) -> float:
        return CAUTION ** min(self._cautions, CAUTIONS)

    def odds(self, evidence: PauseEvidence) -> float:
        """Return the odds that the speaker goes on, against the turn being over, by what was said."""
        return sum(self.parts(evidence))

    def parts(self, evidence: PauseEvidence) -> tuple[float, float]:
        """Return these odds of a hold after a whole utterance, and of a pause between words."""
        words, asks = words_of(evidence.text), evidence.asks or 0.0
        inner = self._model.inner_log_odds(evidence.text)
        # The consultations that the model learned from have hardly any pauses in figures, names and the like.
        if is_open(evidence):
            inner = INNER_CLIP
        elif answers_with_figure(words, evidence.after):
            inner, asks = min(inner, WHOLE_ODDS), 1.0
        elif has_unit(words):
            inner = min(inner, WHOLE_ODDS)
        asked = math.log(self.settings.asked_factor) * asks
        hold = math.exp(self._model.hold_log_odds(evidence, inner) + asked)
        between = self.settings.inner_share * math.exp(INNER_SLOPE * (inner - INNER_OFFSET) + ASKED_OF_INNER * asked)
        if self._lists(evidence):
            hold = max(hold, LIST_ODDS - between)
        return hold, between

    def _lists(self, evidence: PauseEvidence) -> bool:
        """Return whether things are listed: two stand side by side, or one was said alone after a possible end."""
        words, before = words_of(evidence.text), evidence.words_before
        if lists_so_far(words) or evidence.asks:
            return lists_so_far(words)
        open_still = not {"and", "or"}.intersection(words[max(before - LIST_AFTER, 0) : before])
        return before >= LIST_AFTER and open_still and is_item(words[before:]) and self._could_end(words[:before])

    def _could_end(self, words: list[str]) -> bool:
        return self._model.inner_log_odds(" ".join(words)) <= INNER_OFFSET

    def resumed(self, pause_ms: float) -> None:
        """The speaker went on after a pause of this length inside a turn."""
        self._habits.learn(pause_ms)

    def ended(self, finished: float | None) -> None:
        """The turn is taken for over; it sounded finished as surely as that (0..1), None if nothing told."""
        self._ends.learn(finished)

    def answered_too_early(self) -> None:
        """The speaker went on after the turn was taken for over."""
        self._cautions += 1
        self._ends.forget_last()


# A session meets few of these: its speaker's pace changes with each pause at most.
@lru_cache(maxsize=512)
def _pauses(floor_s: float, ceiling_s: float, pause_s: float, spread: float, short: float) -> tuple[Floats, Floats]:
    """Return the waits that may be taken, and how many pauses last longer than each, for one pause inside a turn."""
    waits_s = np.minimum(floor_s + STEP_S * np.arange(int((ceiling_s - floor_s) / STEP_S + 1e-6) + 1), ceiling_s)
    longer = [going_on(wait_s, pause_s, spread, short) for wait_s in waits_s.tolist()]
    return waits_s.astype(np.float64), np.array(longer, dtype=np.float64)
