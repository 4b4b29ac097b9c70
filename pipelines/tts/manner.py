"""How a patient's mood sounds: a little quicker or slower, a little louder or quieter, and never so that it is unclear.

A card's mood is written for people: "tired and tense; softens as soon as he is taken seriously". What stands before
the first semicolon is how the patient begins, and there each known word counts once. Words that are not known change
nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipelines.engines import Voice
from pipelines.patient.card import Card

MOST_RATE = 0.08
"""A mood makes nobody more than this share quicker or slower: Whisper reads both ends as well as the middle."""

MOST_DB = 2.0
"""Nor louder or quieter by more: a step that one hears, and that leaves room below the highest peak."""


@dataclass(frozen=True, slots=True)
class VoiceManner:
    """By which share of its pace a voice is quicker (below 0: slower), and by how many dB louder (below 0: quieter)."""

    rate: float = 0.0
    level_db: float = 0.0


# Beginnings of words, each with what it adds. Directions follow Scherer's review of emotion in speech (2003): anger and
# joy are quick and loud, sadness slow and quiet, anxiety quick. The sizes are ours, small on purpose.
_WORDS: tuple[tuple[str, float, float], ...] = (
    ("hurr|rush|hast", 0.06, 0.5),
    ("brisk|impatient", 0.05, 1.0),
    ("chatt|talkative|lively|excit", 0.05, 0.5),
    ("anxious|nervous|worried|frighten|afraid|scared|panick", 0.04, 0.0),
    ("jok|cheer|upbeat", 0.02, 0.5),
    ("short-temper|angr|irrit|annoy|cross|furious|accus", 0.03, 1.5),
    ("loud", 0.0, 1.5),
    ("gruff", -0.02, 0.5),
    ("calm|easygoing|easy-going|relaxed", -0.02, 0.0),
    ("tired|exhaust|weary|sleepy|drows", -0.04, -1.0),
    ("slow|hesita|confus", -0.06, 0.0),
    ("sad|low|down|tear|depress|gloom|resign|flat", -0.05, -1.5),
    ("quiet|soft|shy|withdrawn|subdued|embarrass|asham", -0.03, -1.5),
    ("careful|buttoned-up|reserved|guarded", -0.02, -0.5),
)
_KNOWN = tuple((re.compile(rf"\b(?:{beginnings})[\w-]*"), rate, level_db) for beginnings, rate, level_db in _WORDS)


def manner_of(mood: str) -> VoiceManner:
    """Return how a mood sounds, within MOST_RATE and MOST_DB."""
    begins = mood.partition(";")[0].lower()
    found = [(rate, level_db) for pattern, rate, level_db in _KNOWN if pattern.search(begins)]
    rate, level_db = sum(rate for rate, _ in found), sum(level for _, level in found)
    return VoiceManner(max(-MOST_RATE, min(MOST_RATE, rate)), max(-MOST_DB, min(MOST_DB, level_db)))


def voice_of(card: Card, *, mood: str | None = None) -> Voice:
    """Return the voice of a card's patient, in the card's mood or in another."""
    patient = card.patient
    manner = manner_of(patient.mood if mood is None else mood)
    rate_wpm = round(patient.rate_wpm * (1.0 + manner.rate))
    return Voice(patient.sex, patient.age, patient.accent, rate_wpm, manner.level_db)
