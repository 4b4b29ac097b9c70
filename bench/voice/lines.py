"""What patients say: the lines of all cards, each with its patient's voice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from audio.frames import WIRE_HZ, Pcm, silence
from pipelines.engines import SpeakRequest, Synthesiser, Voice, Word
from pipelines.patient.card import Card
from pipelines.patient.wording import spoken_lines
from pipelines.tts.clauses import split_clauses
from pipelines.tts.manner import voice_of


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that the patient of a card may say."""

    card: str
    text: str
    voice: Voice
    pronunciations: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class SpokenLine:
    """A line as it was spoken: int16 (n,) at 24 kHz, pauses between its clauses included, and its words."""

    line: Line
    samples: Pcm
    words: tuple[Word, ...]


def lines_of(cards: Iterable[Card], *, mood: str | None = None) -> list[Line]:
    """Return all lines of the cards: openings, answers, what is said in silence and at the end.

    With a `mood` all patients are in it.
    """
    found: list[Line] = []
    for card in cards:
        voice = voice_of(card, mood=mood)
        texts = dict.fromkeys(text for _, text in spoken_lines(card))
        found += [Line(card.id, text, voice, card.pronunciations) for text in texts]
    return found


def spread(lines: Sequence[Line], count: int) -> list[Line]:
    """Return so many of the lines, evenly spread over all cards."""
    if count >= len(lines):
        return list(lines)
    return [lines[round(index * (len(lines) - 1) / max(1, count - 1))] for index in range(count)]


@dataclass(frozen=True, slots=True, eq=False)
class SpokenClause:
    """A clause as it was spoken, int16 (n,) at 24 kHz, its words from its first sample, and the pause behind it."""

    samples: Pcm
    words: tuple[Word, ...]
    pause_ms: int


def speak_clauses(synthesiser: Synthesiser, line: Line) -> Iterator[SpokenClause]:
    """Yield a line's clauses as a session has them spoken; raises EngineError."""
    for index, (text, pause_ms) in enumerate(split_clauses(line.text)):
        request = SpeakRequest(f"{line.card}/{index}", text, line.voice, line.pronunciations)
        chunks = list(synthesiser.speak(request))
        samples = np.concatenate([silence(0, WIRE_HZ), *(chunk.samples for chunk in chunks)])
        yield SpokenClause(samples, tuple(word for chunk in chunks for word in chunk.words), pause_ms)


def joined(line: Line, clauses: Iterable[SpokenClause]) -> SpokenLine:
    """Return a line of its clauses, a pause after each."""
    parts: list[Pcm] = [silence(0, WIRE_HZ)]
    words: list[Word] = []
    length = 0
    for clause in clauses:
        offset_ms = 1000 * length / WIRE_HZ
        words += [
            Word(word.text, round(offset_ms + word.start_ms), round(offset_ms + word.end_ms)) for word in clause.words
        ]
        parts += [clause.samples, silence(clause.pause_ms, WIRE_HZ)]
        length += len(parts[-2]) + len(parts[-1])
    return SpokenLine(line, np.concatenate(parts), tuple(words))


def speak(synthesiser: Synthesiser, line: Line) -> SpokenLine:
    """Have a line spoken as a session has it: clause by clause, a pause after each; raises EngineError."""
    return joined(line, speak_clauses(synthesiser, line))
