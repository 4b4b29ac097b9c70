"""All that can be said of a role-play that is over: measures, tasks, and what a coach would say first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

from audio.frames import Pcm
from pipelines.assessment.act_sentences import sentences_of
from pipelines.assessment.coach import Coaching, coach
from pipelines.assessment.measure import Measure
from pipelines.assessment.measure_set import measure, measure_sentences
from pipelines.assessment.reader import InterpretedSentences
from pipelines.assessment.spoken import spoken_of
from pipelines.assessment.tasks import TaskHeard, tasks_heard
from pipelines.assessment.track_times import timed_by_sound
from pipelines.engines import Interpreter
from pipelines.intent.learned import LearnedInterpreter
from pipelines.log.session_log import LogEntry
from pipelines.patient.card import Card


@dataclass(frozen=True, slots=True)
class Assessment:
    """The measures of a role-play; `tasks` is None where no text encoder is here to tell which were heard."""

    measures: tuple[Measure, ...]
    tasks: tuple[TaskHeard, ...] | None
    coaching: Coaching

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "measures": [each.as_json() for each in self.measures],
            "tasks": None if self.tasks is None else [each.as_json() for each in self.tasks],
            "coaching": self.coaching.as_json(),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """The candidate's side of a recording: int16 (n,)."""

    samples: Pcm
    rate_hz: int


class Assessor:
    """Reads role-plays with an interpreter of its own, made when it is first needed; for worker threads, one by one."""

    def __init__(self, make_interpreter: Callable[[], object]) -> None:
        self._make = make_interpreter
        self._interpreter: Interpreter | None = None
        self._busy = threading.Lock()

    def assess(self, records: Iterable[LogEntry], card: Card, track: Track | None = None) -> Assessment:
        """Return what can be said of a session, from its whole log (a developer's audience).

        With the candidate's `track`, turns and pauses are timed by their sound.
        """
        spoken = spoken_of(records, card)
        if track is not None:
            spoken = timed_by_sound(spoken, track.samples, track.rate_hz)
        with self._busy:
            interpreter = self._loaded()
            if not isinstance(interpreter, LearnedInterpreter) or interpreter.info.demonstration:
                # Without meaning too little can be told of a sentence: each turn counts as what it was answered as.
                measures = measure(spoken, card)
                return Assessment(measures, None, coach(measures, ()))
            sentences = sentences_of(spoken, InterpretedSentences(interpreter, card))
            tasks = tasks_heard(card, spoken, sentences, interpreter.vectoriser)
        measures = measure_sentences(spoken, sentences, card)
        return Assessment(measures, tasks, coach(measures, tasks))

    def _loaded(self) -> Interpreter:
        if self._interpreter is None:
            made = cast("Interpreter", self._make())
            made.warm()
            self._interpreter = made
        return self._interpreter
