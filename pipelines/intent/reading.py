"""What a turn is to be answered as: from how likely each act is, and each item of the card."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.intent.acts import TAKEN_IN, Act

# An item of the card that is less likely is not what was asked for; one that is a little likelier may have been.
ASKED_AT = 0.4
# An item that fits so well was asked for.
FITS = 0.6
# An item that fits so well was asked for if no act is more than so likely, and a question at least so.
CERTAIN, DOUBTFUL, PERHAPS = 0.97, 0.5, 0.15
# An act that is so sure is what it is.
SURE_ACT = 0.75
SUMS_UP_AT = 0.5
# After an explanation a question is so much more often one that asks it back.
EXPLAINED = 2.0
# The likeliest of many acts is less likely than one of few.
GREETS_AT = 0.3
# What the patient answers with a reproach, or as if it was not for them, and how much of what is taken in it must be:
# the answer puzzles whoever did not mean it so.
POINTED = frozenset({Act.RUDE, Act.HARMFUL, Act.ASIDE, Act.HOLD})
POINTED_SHARE = 0.4

# A last sentence that is so sure says what the turn is for; behind what asks for nothing it need not be so sure.
ENDS_AT, ENDS_AFTER_TELLING = 0.4, 0.3
OPENS_AT = 0.4
_PLANS = frozenset({Act.ADVICE, Act.PROPOSAL, Act.PERMISSION})
_POINTS_BACK = re.compile(r"\b(?:that|this|it)\b", re.IGNORECASE)
_ASKING = frozenset({Act.CUE, Act.UNSURE, Act.UNKNOWN, Act.INVITATION, Act.OPEN})
_ENDS = frozenset({Act.PROPOSAL, Act.CHECK, Act.PERMISSION, Act.TEACH_BACK})
_OPENS = frozenset({Act.OPEN, Act.CUE, Act.PERMISSION})

Shares = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a turn is taken for, and how surely."""

    act: Act
    confidence: float


def read(
    acts: Sequence[Act],
    likely: Shares,
    items: Shares,
    *,
    told_at: float,
    first: bool,
    explained: bool = True,
    asked_at: float = ASKED_AT,
) -> Reading:
    """Return what a turn is taken for: `likely` is for each of `acts`; an item as likely as `told_at` may be told.

    One less likely than `asked_at` was not asked for.
    `first`: the patient has not been heard yet; `explained`: the candidate has told something that may be asked back.
    """
    shares = dict(zip(acts, map(float, likely), strict=True))
    best = float(items.max()) if len(items) else 0.0
    if explained and Act.TEACH_BACK in shares:
        share = shares[Act.TEACH_BACK]
        shares[Act.TEACH_BACK] = EXPLAINED * share / (1.0 + (EXPLAINED - 1.0) * share)
    if first and shares[Act.GREETING] > GREETS_AT:
        return Reading(Act.GREETING, shares[Act.GREETING])
    taken_in = {act: share for act, share in shares.items() if act in TAKEN_IN}
    rest = {act: share for act, share in shares.items() if act not in TAKEN_IN}
    act = max(rest, key=lambda each: rest[each])
    # Who explains says much that the patient has said too.
    only_explains = act is Act.SUMMARY and rest[act] < SUMS_UP_AT
    total = sum(taken_in.values())
    # "Why did you not come sooner" may be anything by its form, and is one thing by what it asks.
    if best > CERTAIN and max(total, rest[act]) < DOUBTFUL and shares[Act.CUE] > PERHAPS:
        return Reading(Act.CUE, best)
    if total > rest[act] or only_explains:
        fair = {act: share for act, share in taken_in.items() if act not in POINTED or share > total * POINTED_SHARE}
        return Reading(max(fair, key=lambda each: fair[each]), total)
    # A scale of pain is no scale of readiness, and a question that names the patient does not ask for the name.
    asks = act in (Act.READINESS, Act.IDENTITY) and best > FITS and rest[act] < SURE_ACT
    # Where nothing was explained, nothing can be asked back.
    asks = asks or (act is Act.TEACH_BACK and not explained and best >= told_at)
    if act is Act.CUE or asks:
        if best < asked_at:
            return Reading(Act.UNKNOWN, (1.0 - best) * shares[act])
        return Reading(Act.CUE if best >= told_at else Act.UNSURE, best)
    return Reading(act, rest[act])


def read_on(whole: Reading, before: Reading, last: Reading, *, text: str) -> Reading:
    """Return what a turn of several sentences is taken for, by its whole and its last two sentences, each alone.

    Who says what is to be done and asks "How does that sound?" asks for nothing on the card, and who says hello and
    asks what the matter is wants more than a hello. Advice that would do harm does so whatever is asked behind it.
    `text` is the last sentence.
    """
    if Act.HARMFUL in (before.act, last.act) and last.act is not Act.CUE:
        return before if before.act is Act.HARMFUL else last
    if whole.act is Act.GREETING:
        return last if last.act in _OPENS and last.confidence >= OPENS_AT and text.endswith("?") else whole
    if whole.act not in _ASKING:
        return whole
    planned = before.act in _PLANS
    if last.act is Act.INVITATION and _POINTS_BACK.search(text):
        if planned:
            return Reading(Act.PROPOSAL, last.confidence)
        if before.act is Act.EXPLANATION:
            return Reading(Act.CHECK, last.confidence)
    told = before.act in TAKEN_IN or planned or before.act is Act.REQUEST
    sure = last.confidence >= (ENDS_AFTER_TELLING if told else ENDS_AT)
    return last if sure and last.act in _ENDS and (told or last.act is not Act.TEACH_BACK) else whole
