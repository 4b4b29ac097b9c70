"""All measures of a role-play, from its log alone."""

from __future__ import annotations

from collections.abc import Iterable

from pipelines.assessment.act_sentences import Sentence, SentenceReader, sentences_of
from pipelines.assessment.fluency import fluency
from pipelines.assessment.interaction import interaction
from pipelines.assessment.lexical_range import vocabulary
from pipelines.assessment.measure import Measure
from pipelines.assessment.spoken import SpokenRecord, spoken_of
from pipelines.log.session_log import LogEntry
from pipelines.patient.card import Card


def measure(spoken: SpokenRecord, card: Card, reader: SentenceReader | None = None) -> tuple[Measure, ...]:
    """Return every measure of `DEFINITIONS`, in order.

    With a `reader`, acts are read sentence by sentence; without one, each turn counts as what it was answered as.
    """
    return measure_sentences(spoken, sentences_of(spoken, reader), card)


def measure_sentences(spoken: SpokenRecord, sentences: tuple[Sentence, ...], card: Card) -> tuple[Measure, ...]:
    """Return every measure of `DEFINITIONS`, in order, for sentences that were read."""
    return (
        *fluency(spoken),
        *vocabulary(spoken, sentences, card.words()),
        *interaction(spoken, sentences, card),
    )


def measure_log(records: Iterable[LogEntry], card: Card, reader: SentenceReader | None = None) -> tuple[Measure, ...]:
    """Return every measure of a session, from its whole log (a developer's audience)."""
    return measure(spoken_of(records, card), card, reader)
