"""What a coach would say first: two things that went well, one to try, and the three measures that matter most.

Rules in the order of how much they help a candidate; the first that fits is what to try. What is said in words is the
page's affair: here are ids. Nothing is a mark: where nothing was measured, nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.assessment.measure import Measure
from pipelines.assessment.tasks import TaskHeard

# Talk of second-language speakers that raters call fluent has few silences inside clauses.
MANY_PAUSES = 8.0
FEW_PAUSES = 4.0
SLOW_WORDS_A_MINUTE = 90.0
FAST_WORDS_A_MINUTE = 190.0
EASY_PACE = (100.0, 170.0)
MANY_FILLERS = 4.0
FEW_OPEN = 0.25
MANY_OPEN = 0.4
MOST_OF_THE_TALK = 0.75
MOST_CUES = 0.6
FEW_CUES = 0.4
WELL = 2
SHOWN_MEASURES = 3

PHRASES: Mapping[str, tuple[str, ...]] = {
    "empathy": ("I can hear how worried you are about this.", "That sounds really hard for you."),
    "checked": (
        "To be sure that I explained it well, could you tell me what you will do at home?",
        "I have said a lot. What questions do you have so far?",
    ),
    "open_questions": ("Could you tell me more about that?", "How has this changed your day-to-day life?"),
    "cues": ("Is there anything else that worries you?", "What else should I know about this?"),
    "patient_cut_off": ("Please go on. I'm listening.", "Take your time."),
    "floor": ("That was a lot from me. What do you think about it?", "How does that sound to you?"),
    "jargon": ("The medical word is oedema. It means swelling.",),
    "signposting": ("First, I'd like to ask some questions. Then I will explain what we can do.",),
    "pauses_inside": ("I would like to explain what happens, and then we can talk about what you can do.",),
    "slow": ("I would like to ask you a few questions about your health.",),
    "fast": ("Let me explain this slowly. Please stop me if anything is not clear.",),
    "fillers": ("Let me think for a moment.",),
}
"""Model phrases for what is to be tried: to be heard and said aloud."""


@dataclass(frozen=True, slots=True)
class Coaching:
    """Ids of what went well, of what to try (empty: nothing stands out), and of the measures to show first."""

    well: tuple[str, ...]
    to_try: str
    measures: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data, with the model phrases for what to try."""
        return {
            "well": list(self.well),
            "try": self.to_try,
            "phrases": list(PHRASES.get(self.to_try, ())),
            "measures": list(self.measures),
        }


_Rule = tuple[str, str, Callable[[float, Mapping[str, float]], bool]]

# (what is said, the measure that it is taken from, when)
_TO_TRY: tuple[_Rule, ...] = (
    ("empathy", "empathy", lambda value, _: value < 1.0),
    ("checked", "checked", lambda value, _: value == 0.0),
    ("patient_cut_off", "floor", lambda _, counts: counts["patient_cut_off"] >= 2),
    ("open_questions", "open_questions", lambda value, _: value < FEW_OPEN),
    ("jargon", "jargon", lambda value, counts: value > counts["explained"]),
    ("cues", "cues", lambda value, _: value < FEW_CUES),
    ("floor", "floor", lambda value, _: value > MOST_OF_THE_TALK),
    ("fast", "speech_rate", lambda value, _: value > FAST_WORDS_A_MINUTE),
    ("pauses_inside", "pauses_inside", lambda value, _: value > MANY_PAUSES),
    ("slow", "speech_rate", lambda value, _: value < SLOW_WORDS_A_MINUTE),
    ("fillers", "fillers", lambda value, _: value > MANY_FILLERS),
    ("signposting", "signposting", lambda value, _: value == 0.0),
    ("checked", "checked", lambda value, _: value < 1.0),
)
_WELL: tuple[_Rule, ...] = (
    ("empathy", "empathy", lambda value, _: value == 1.0),
    ("checked", "checked", lambda value, _: value >= 0.5),
    ("cues", "cues", lambda value, _: value >= MOST_CUES),
    ("open_questions", "open_questions", lambda value, _: value >= MANY_OPEN),
    ("jargon", "jargon", lambda value, counts: 0 < value == counts["explained"]),
    ("signposting", "signposting", lambda value, _: value >= 2),
    ("pauses_inside", "pauses_inside", lambda value, _: value < FEW_PAUSES),
    ("pace", "speech_rate", lambda value, _: EASY_PACE[0] <= value <= EASY_PACE[1]),
    # Of few fillers nothing is said: recognisers leave most of them out.
)
# Where nothing else asks for it, these are shown.
_USUAL = ("open_questions", "speech_rate", "floor", "pauses_inside", "cues")


def coach(measures: Sequence[Measure], tasks: Sequence[TaskHeard]) -> Coaching:
    """Return what to say first of a role-play."""
    by_id = {each.id: each for each in measures}
    tried = next(_fitting(_TO_TRY, by_id), None)
    well = [rule for rule in _fitting(_WELL, by_id) if tried is None or rule[1] != tried[1]]
    # Fluent talk of nothing is no good role-play: tasks come first.
    if tasks and all(task.state == "heard" for task in tasks):
        well.insert(0, ("tasks", "", lambda *_: True))
    well = well[:WELL]
    shown = [rule[1] for rule in (*([tried] if tried else []), *well) if rule[1]]
    shown += [of for of in _USUAL if by_id[of].value is not None]
    first = tuple(dict.fromkeys(shown))[:SHOWN_MEASURES]
    return Coaching(tuple(rule[0] for rule in well), tried[0] if tried else "", first)


def _fitting(rules: Sequence[_Rule], by_id: Mapping[str, Measure]) -> Iterator[_Rule]:
    for rule in rules:
        measure = by_id[rule[1]]
        if measure.value is not None and rule[2](measure.value, measure.counts):
            yield rule
