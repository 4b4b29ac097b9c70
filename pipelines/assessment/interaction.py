"""How the candidate leads the talk: questions, worries met, explanations checked, signposts, cues, and the floor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipelines.assessment.act_sentences import ASKS_FOR, CARES, CHECKS, EXPLAINS, Sentence
from pipelines.assessment.measure import Evidence, Measure, not_measured
from pipelines.assessment.measure_wording import is_open, is_signpost, only_announces
from pipelines.assessment.spoken import SpokenRecord
from pipelines.intent.acts import Act
from pipelines.log.recorded_turns import RecordedTurn
from pipelines.patient.card import Card

ENOUGH_QUESTIONS = 3
# An explanation has so many words; fewer are an aside.
EXPLANATION_WORDS = 12
# A turn that is answered as a check, and has so many words, has explained something first.
CHECKED_WORDS = 20
# A worry is met at once, or in the turn after.
MET_WITHIN = 2
ENOUGH_TALK_MS = 20_000.0

WORRIED = re.compile(
    r"\b(?:afraid|alarmed|anxious|tears|tearful|concerned|frightened|frustrated|hurt|sad|scared|stressed|uneasy|upset"
    r"|worried|troubled|torn|worn out)\b"
)
"""Emotions of a cue, as cards name them, that ask for understanding."""


def interaction(spoken: SpokenRecord, sentences: Sequence[Sentence], card: Card) -> tuple[Measure, ...]:
    """Return the measures of how the candidate leads the talk."""
    return (
        _questions(spoken, sentences),
        _empathy(spoken, sentences, card),
        _checked(spoken, sentences),
        _signposting(spoken, sentences),
        _cues(spoken, card),
        _floor(spoken),
    )


def _questions(spoken: SpokenRecord, sentences: Sequence[Sentence]) -> Measure:
    asked = [sentence for sentence in sentences if sentence.act in ASKS_FOR and not only_announces(sentence.text)]
    if spoken.is_unsure and asked:
        return not_measured("open_questions", "unsure", questions=len(asked))
    if len(asked) < ENOUGH_QUESTIONS:
        return not_measured("open_questions", "too_little", questions=len(asked))
    shown = tuple(sentence.shows("open" if _leaves_open(sentence) else "closed") for sentence in asked)
    opened = sum(each.kind == "open" for each in shown)
    return Measure("open_questions", opened / len(asked), {"open": opened, "closed": len(asked) - opened}, shown)


def _leaves_open(sentence: Sentence) -> bool:
    return sentence.act in (Act.OPEN, Act.INVITATION) or is_open(sentence.text)


def _empathy(spoken: SpokenRecord, sentences: Sequence[Sentence], card: Card) -> Measure:
    worries = list(_worries(spoken, card))
    if not worries:
        return not_measured("empathy", "not_due", worries=0)
    shown: list[Evidence] = []
    met = 0
    for place, worry, topic in worries:
        answers = [sentence for sentence in _soon_after(spoken, sentences, place) if sentence.act in CARES]
        met += bool(answers)
        shown.append(Evidence(worry.from_ms, worry.to_ms, topic, "met" if answers else "not met"))
        shown += [sentence.shows("understanding") for sentence in answers[:1]]
    if spoken.is_unsure and met < len(worries):
        return not_measured("empathy", "unsure", worries=len(worries), met=met)
    return Measure("empathy", met / len(worries), {"worries": len(worries), "met": met}, tuple(shown))


def _worries(spoken: SpokenRecord, card: Card) -> Iterator[tuple[int, RecordedTurn, str]]:
    """Yield each worry where it was told first: its place among the turns, the patient's turn, and its topic."""
    topics = {cue.id: cue.topic for cue in card.cues if WORRIED.search(cue.emotion)}
    for place, turn in enumerate(spoken.turns):
        if turn.role == "patient":
            first = [cue for cue in turn.cues if spoken.told.get(cue) == turn.number]
            yield from ((place, turn, topics[cue]) for cue in first if cue in topics)


def _soon_after(spoken: SpokenRecord, sentences: Sequence[Sentence], place: int) -> list[Sentence]:
    own = [other for other, turn in enumerate(spoken.turns) if other > place and turn.role == "candidate"][:MET_WITHIN]
    return [sentence for sentence in sentences if sentence.place in own]


def _checked(spoken: SpokenRecord, sentences: Sequence[Sentence]) -> Measure:
    by_place: dict[int, list[Sentence]] = {}
    for sentence in sentences:
        by_place.setdefault(sentence.place, []).append(sentence)
    shown: list[Evidence] = []
    explained = checked = 0
    places = sorted(by_place)
    for number, place in enumerate(places):
        here = by_place[place]
        told = [sentence for sentence in here if sentence.act in EXPLAINS]
        told = told or [each for each in here if each.act in CHECKS and len(each.text.split()) >= CHECKED_WORDS]
        if sum(len(sentence.text.split()) for sentence in told) < EXPLANATION_WORDS:
            continue
        explained += 1
        following = by_place[places[number + 1]] if number + 1 < len(places) else []
        checks = [sentence for sentence in (*here, *following) if sentence.act in CHECKS]
        checked += bool(checks)
        shown.append(told[0].shows("checked" if checks else "not checked"))
        shown += [sentence.shows("check") for sentence in checks[:1]]
    if not explained:
        return not_measured("checked", "not_due", explained=0)
    if spoken.is_unsure:
        return not_measured("checked", "unsure", explained=explained)
    return Measure("checked", checked / explained, {"explained": explained, "checked": checked}, tuple(shown))


def _signposting(spoken: SpokenRecord, sentences: Sequence[Sentence]) -> Measure:
    if not sentences:
        return not_measured("signposting", "too_little")
    if spoken.is_unsure:
        return not_measured("signposting", "unsure")
    shown = tuple(
        sentence.shows("summary" if sentence.act == Act.SUMMARY else "signpost")
        for sentence in sentences
        if sentence.act == Act.SUMMARY or is_signpost(sentence.text)
    )
    return Measure("signposting", len(shown), {"found": len(shown)}, shown)


def _cues(spoken: SpokenRecord, card: Card) -> Measure:
    replies = {turn.number: turn for turn in spoken.turns if turn.role == "patient"}
    shown: list[Evidence] = []
    for cue in card.cues:
        told_in = spoken.told.get(cue.id, spoken.begun.get(cue.id))
        turn = replies.get(told_in) if told_in is not None else None
        kind = cue_state(spoken, cue.id)
        shown.append(Evidence(turn.from_ms if turn else 0.0, turn.to_ms if turn else 0.0, cue.topic, kind))
    found = sum(each.kind == "found" for each in shown)
    partly = sum(each.kind == "partly" for each in shown)
    counts = {"found": found, "partly": partly, "missed": len(shown) - found - partly}
    return Measure("cues", found / len(card.cues), counts, tuple(shown))


def cue_state(spoken: SpokenRecord, cue: str) -> str:
    """Return `found`, `partly` (the patient began to tell it and was cut off) or `missed`."""
    return "found" if cue in spoken.told else "partly" if cue in spoken.begun else "missed"


def _floor(spoken: SpokenRecord) -> Measure:
    own_ms = sum(turn.to_ms - turn.from_ms for turn in spoken.own)
    patient_ms = sum(turn.to_ms - turn.from_ms for turn in spoken.turns if turn.role == "patient")
    cut = [turn for turn in spoken.turns if turn.role == "patient" and turn.interrupted]
    counts = {
        "candidate_ms": own_ms,
        "patient_ms": patient_ms,
        "candidate_turns": len(spoken.own),
        "patient_cut_off": len(cut),
    }
    if own_ms + patient_ms < ENOUGH_TALK_MS:
        return not_measured("floor", "too_little", **counts)
    shown = tuple(Evidence(turn.from_ms, turn.to_ms, turn.text, "cut off") for turn in cut)
    return Measure("floor", own_ms / (own_ms + patient_ms), counts, shown)
