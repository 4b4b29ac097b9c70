"""How the candidate speaks: pace, pauses, fillers and repairs.

Pauses of 250 ms and more count, the convention of fluency research (Goldman-Eisler; De Jong & Bosker 2013). Pauses
inside clauses are told apart from those between them: they tell more about fluency (De Jong 2016, Saito et al. 2018).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipelines.assessment.measure import Evidence, Measure, not_measured
from pipelines.assessment.spoken import SpokenPause, SpokenRecord
from pipelines.assessment.syllables import syllables
from pipelines.log.recorded_turns import PlacedWord, RecordedTurn

PAUSE_MS = 250.0
# A shorter turn has no pace: "Yes.", "Good morning."
LEAST_WORDS = 3
# With fewer words in all there is too little to go by.
ENOUGH_WORDS = 50
# So many words beside a pause are shown with it.
SHOWN_WORDS = 3
MOST_SHOWN = 12

FILLERS = frozenset("um umm uh uhm uhh erm er err ehm hmm mm mmm eh".split())
_CLAUSE_ENDS = (".", ",", "?", "!", ";", ":", "…")
_CLAUSE_BEGINS = frozenset(
    "and but or so because if when while that which who where although though since until unless before after as "
    "then whether what how why".split()
)
_BARE = re.compile(r"[^\w'-]+")
_CORRECTIONS = re.compile(
    r"\b(?:i mean|sorry,? i meant?|i meant|or rather|no,? sorry|sorry,? no|no,? wait|let me (?:rephrase|say that again)"
    r"|what i (?:mean|meant) is)\b",
    re.IGNORECASE,
)
# What is said twice on purpose.
_MEANT_TWICE = frozenset("very really no yes that had bye okay ok right well you so many much".split())


def fluency(spoken: SpokenRecord) -> tuple[Measure, ...]:
    """Return pace, pauses, fillers and repairs."""
    turns = [turn for turn in spoken.own if len(turn.words) >= LEAST_WORDS and turn.to_ms > turn.from_ms]
    words = [word for turn in turns for word in turn.words]
    if len(words) < ENOUGH_WORDS:
        of = ("speech_rate", "articulation_rate", "pauses_inside", "pause_length", "fillers", "repairs")
        return tuple(not_measured(each, "too_little", words=len(words)) for each in of)
    return (*_pace(spoken, turns, words), *_pauses(spoken, turns, words), *_disfluencies(spoken, turns, words))


def _pace(spoken: SpokenRecord, turns: Sequence[RecordedTurn], words: Sequence[PlacedWord]) -> Iterator[Measure]:
    whole_ms = sum(turn.to_ms - turn.from_ms for turn in turns)
    silent_ms = sum(pause.length_ms for turn in turns for pause in long_pauses(spoken, turn))
    count = sum(syllables(word.text) for word in words)
    counts = {"words": len(words), "syllables": count, "turns_ms": whole_ms, "silent_ms": silent_ms}
    shown = tuple(Evidence(turn.from_ms, turn.to_ms, turn.text, _at_pace(turn)) for turn in _longest(turns))
    if spoken.is_unsure:
        yield not_measured("speech_rate", "unsure", **counts)
        yield not_measured("articulation_rate", "unsure", **counts)
        return
    yield Measure("speech_rate", words_a_minute(len(words), whole_ms), counts, shown)
    yield Measure("articulation_rate", syllables_a_second(count, whole_ms - silent_ms), counts, shown)


def words_a_minute(words: int, turns_ms: float) -> float:
    """Return the speech rate of so many words in turns of this length, pauses and all."""
    return 60_000.0 * words / turns_ms


def syllables_a_second(count: int, spoken_ms: float) -> float:
    """Return the articulation rate of so many syllables in so much time without pauses."""
    return 1000.0 * count / max(1.0, spoken_ms)


def _at_pace(turn: RecordedTurn) -> str:
    return f"{60_000 * len(turn.words) / (turn.to_ms - turn.from_ms):.0f} words/min"


def _longest(turns: Sequence[RecordedTurn]) -> list[RecordedTurn]:
    """Return the three longest turns, in order."""
    longest = sorted(turns, key=lambda turn: turn.from_ms - turn.to_ms)[:3]
    return sorted(longest, key=lambda turn: turn.from_ms)


def long_pauses(spoken: SpokenRecord, turn: RecordedTurn) -> list[SpokenPause]:
    """Return a turn's pauses of 250 ms and more."""
    return [pause for pause in spoken.pauses.get(turn.number, ()) if pause.length_ms >= PAUSE_MS]


def _pauses(spoken: SpokenRecord, turns: Sequence[RecordedTurn], words: Sequence[PlacedWord]) -> Iterator[Measure]:
    inside: list[tuple[RecordedTurn, SpokenPause]] = []
    between = 0
    for turn in turns:
        for pause in long_pauses(spoken, turn):
            if is_inside_clause(turn, pause):
                inside.append((turn, pause))
            else:
                between += 1
    counts = {"inside": len(inside), "between": between, "words": len(words)}
    if spoken.is_unsure:
        yield not_measured("pauses_inside", "unsure", **counts)
        yield not_measured("pause_length", "unsure", **counts)
        return
    longest = sorted(inside, key=lambda each: -each[1].length_ms)[:MOST_SHOWN]
    shown = tuple(
        Evidence(pause.from_ms, pause.to_ms, _around(turn, pause), f"{pause.length_ms / 1000:.1f} s")
        for turn, pause in sorted(longest, key=lambda each: each[1].from_ms)
    )
    yield Measure("pauses_inside", 100.0 * len(inside) / len(words), counts, shown)
    if not inside:
        yield not_measured("pause_length", "not_due", **counts)
        return
    lengths = [pause.length_ms for _, pause in inside]
    yield Measure("pause_length", sum(lengths) / len(lengths), counts | {"longest_ms": max(lengths)}, shown)


def is_inside_clause(turn: RecordedTurn, pause: SpokenPause) -> bool:
    """Tell whether a pause interrupts a clause, by the words on both sides of it."""
    before, after = _beside(turn, pause)
    if before is None or after is None:
        return False
    return not before.text.endswith(_CLAUSE_ENDS) and bare(after.text) not in _CLAUSE_BEGINS


def _beside(turn: RecordedTurn, pause: SpokenPause) -> tuple[PlacedWord | None, PlacedWord | None]:
    """Return the words before and after a pause; recognisers place words a little early or late."""
    middle_ms = (pause.from_ms + pause.to_ms) / 2
    earlier = [word for word in turn.words if (word.from_ms + word.to_ms) / 2 <= middle_ms]
    later = turn.words[len(earlier) :]
    return earlier[-1] if earlier else None, later[0] if later else None


def _around(turn: RecordedTurn, pause: SpokenPause) -> str:
    middle_ms = (pause.from_ms + pause.to_ms) / 2
    count = sum((word.from_ms + word.to_ms) / 2 <= middle_ms for word in turn.words)
    before = " ".join(word.text for word in turn.words[max(0, count - SHOWN_WORDS) : count])
    after = " ".join(word.text for word in turn.words[count : count + SHOWN_WORDS])
    return f"{before} … {after}"


def _disfluencies(
    spoken: SpokenRecord, turns: Sequence[RecordedTurn], words: Sequence[PlacedWord]
) -> Iterator[Measure]:
    fillers = [Evidence(word.from_ms, word.to_ms, word.text, "filler") for word in words if bare(word.text) in FILLERS]
    repairs = [each for turn in turns for each in _repairs(turn)]
    for of, found in (("fillers", fillers), ("repairs", repairs)):
        counts = {"found": len(found), "words": len(words)}
        if spoken.is_unsure:
            yield not_measured(of, "unsure", **counts)
        else:
            yield Measure(of, 100.0 * len(found) / len(words), counts, tuple(found[:MOST_SHOWN]))


def _repairs(turn: RecordedTurn) -> Iterator[Evidence]:
    words = [word for word in turn.words if bare(word.text) not in FILLERS]
    for place, word in enumerate(words[:-1]):
        same = bare(word.text)
        following = words[place + 1]
        if same and same == bare(following.text) and same not in _MEANT_TWICE and not word.text.endswith((".", "?")):
            yield Evidence(word.from_ms, following.to_ms, f"{word.text} {following.text}", "repeated")
        elif word.text.endswith(("-", "—")):
            yield Evidence(word.from_ms, following.to_ms, f"{word.text} {following.text}", "broken off")
    for found in _CORRECTIONS.finditer(turn.text):
        first = len(turn.text[: found.start()].split())
        placed = turn.words[first : first + len(found.group().split())]
        if placed:
            yield Evidence(placed[0].from_ms, placed[-1].to_ms, found.group(), "corrected")


def bare(text: str) -> str:
    """Return a word in lower case without its marks."""
    return _BARE.sub("", text).lower().strip("-'")
