"""What a turn of several sentences is to be answered as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.intent.acts import TAKEN_IN, Act
from pipelines.intent.encoder import Vectors
from pipelines.intent.ridge import Matrix
from pipelines.intent.sentences import Sentence

# An item of the card that is less likely is not what was asked for.
TOLD_AT = 0.25
# A question that was followed by so many words has been overtaken by what was said since.
OVERTAKEN_WORDS = 26
# What is said after a question makes it so much less likely, for each word, that it still waits for an answer.
AFTER_WORD = 0.01
ASKS_AT = 0.45
# A sentence that was written as a statement seldom asks for anything.
TOLD_SHARE = 0.6
# A part of a sentence is less sure to be meant by itself than the whole.
PART_SHARE = 0.9
# So much speaks for a question beside what the classifier says of it, once an item of the card fits it well.
FITS = 0.3
# Worth of the other readings beside a question for an item, found on labelled turns.
UNKNOWN_SHARE = 0.35
TAKEN_IN_SHARE = 0.8
FAREWELL_SHARE = 0.8
FIRST_WORDS_SHARE = 0.5
GREETS_AT = 0.3

QUESTIONS = (
    Act.CUE, Act.OPEN, Act.IDENTITY, Act.INVITATION, Act.PERMISSION, Act.PROPOSAL, Act.READINESS, Act.CHECK,
    Act.TEACH_BACK, Act.SUMMARY, Act.REPEAT,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scored:
    """A sentence and what was made of its readings: vectors, acts (readings, acts), items (readings, items)."""

    sentence: Sentence
    vectors: Vectors
    acts: Matrix
    items: Matrix


@dataclass(frozen=True, slots=True)
class Reading:
    """What a turn is taken for, how surely, by which sentence, and how likely each item of the card is."""

    act: Act
    confidence: float
    scored: Scored
    items: Matrix


def read(scored: Sequence[Scored], acts: Sequence[Act], *, first: bool) -> Reading:
    """Return what a turn with at least one sentence is taken for; `first`: the patient has not spoken yet."""
    place = {act: index for index, act in enumerate(acts)}
    asks = [max(_sum(part.acts, place, QUESTIONS)) * (TOLD_SHARE if part.sentence.told else 1.0) for part in scored]
    after, asked = 0, None
    for number in range(len(scored) - 1, -1, -1):
        if asks[number] > ASKS_AT + AFTER_WORD * after and after <= OVERTAKEN_WORDS:
            asked = number
            break
        after += scored[number].sentence.words
    farewell = max(part.acts[0, place[Act.FAREWELL]] for part in scored[-2:])
    greeting = max(part.acts[0, place[Act.GREETING]] for part in scored)
    if asked is None:
        return _taken_in(scored[-1], place, first=first, farewell=farewell, greeting=greeting)
    return _answered(scored[asked], place, first=first, farewell=farewell, greeting=greeting)


def _taken_in(last: Scored, place: dict[Act, int], *, first: bool, farewell: float, greeting: float) -> Reading:
    def taken(act: Act, confidence: float) -> Reading:
        return Reading(act, float(confidence), last, last.items.max(axis=0))

    if farewell > ASKS_AT:
        return taken(Act.FAREWELL, farewell)
    if greeting > (GREETS_AT if first else ASKS_AT):
        return taken(Act.GREETING, greeting)
    act = max(TAKEN_IN & place.keys(), key=lambda each: last.acts[0, place[each]])
    return taken(act, last.acts[0, place[act]])


def _answered(part: Scored, place: dict[Act, int], *, first: bool, farewell: float, greeting: float) -> Reading:
    items = part.items.max(axis=0)
    best = float(items.max()) if len(items) else 0.0
    acts = part.acts[0]
    if len(part.acts) > 1:
        acts = np.maximum(acts, PART_SHARE * part.acts[1:].max(axis=0))

    def likely(act: Act) -> float:
        return float(acts[place[act]])

    asks = (
        likely(Act.CUE)
        + 0.5 * likely(Act.OPEN)
        + 0.3 * sum(likely(act) for act in (Act.INVITATION, Act.IDENTITY, Act.READINESS, Act.SUMMARY))
    )
    options: dict[Act, float] = {act: likely(act) for act in QUESTIONS}
    told = TOLD_SHARE if part.sentence.told else 1.0
    options[Act.CUE] = told * (asks + FITS) * best if best >= TOLD_AT else 0.0
    options[Act.UNKNOWN] = likely(Act.CUE) * (1.0 - best) * UNKNOWN_SHARE
    options[Act.GREETING] = likely(Act.GREETING) + (FIRST_WORDS_SHARE * greeting if first else 0.0)
    options[Act.FAREWELL] = FAREWELL_SHARE * farewell
    telling = max(TAKEN_IN & place.keys(), key=likely)
    options[telling] = TAKEN_IN_SHARE * sum(likely(act) for act in TAKEN_IN & place.keys())
    act = max(options, key=lambda each: options[each])
    confidence = best if act is Act.CUE else options[act] / max(sum(options.values()), 1e-9)
    return Reading(act, confidence, part, items)


def _sum(acts: Matrix, place: dict[Act, int], wanted: Sequence[Act]) -> list[float]:
    columns = [place[act] for act in wanted if act in place]
    sums = acts[:, columns].sum(axis=1)
    return [float(total) * (1.0 if number == 0 else PART_SHARE) for number, total in enumerate(sums)]
