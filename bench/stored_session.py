"""A stored role-play through today's build: the candidate's track is played again, and what comes of it is compared."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from audio.frames import WIRE_HZ, Pcm
from audio.resample import StreamResampler
from bench.replay.plan import Plan, PlannedTurn
from bench.replay.run import replay_here
from common.errors import CardError, StorageError
from common.seal import Seal
from pipelines.engine_choices import choose_engines
from pipelines.events import (
    AnswersTimed,
    Audience,
    CueHeard,
    CueUnheard,
    SegmentHeard,
    SessionSetup,
    TurnCommitted,
    TurnLatency,
)
from pipelines.lanes.answer_times import PastAnswers, past_answers
from pipelines.log.session_log import LogEntry
from pipelines.log.stored_events import StoredLog
from pipelines.models.model_digest import model_digests
from pipelines.models.model_folders import ModelPlace
from pipelines.patient.card_library import CardLibrary
from pipelines.stt.wer import word_errors
from server.measures import percentile
from server.records.candidate_track import candidate_track
from server.records.recordings import Recordings
from server.settings.tree import Settings

# Turns whose ends lie no further apart begin and end at the same time.
SAME_MS = 60.0
# A computation of a log that does not tell what one took.
USUAL_COST_MS = 80.0
# Between these a replay comes out the same; what took longer was waiting for others.
LEAST_COST_MS, MOST_COST_MS = 20.0, 250.0


@dataclass(frozen=True, slots=True)
class SaidTurn:
    """A turn of the candidate: what was understood, from when to when, and how long the answer took."""

    text: str
    from_ms: float
    to_ms: float
    voice_to_voice_ms: float | None


@dataclass(frozen=True, slots=True)
class Course:
    """What came of a role-play: its turns, and the cues that were heard, in order."""

    turns: tuple[SaidTurn, ...]
    cues: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class StoredSession:
    """A role-play that is over: what it was made from, the candidate's track at 24 kHz, and what came of it."""

    name: str
    setup: SessionSetup
    track: Pcm
    course: Course
    typed: int
    # What a final text took then, in the median.
    cost_ms: float = USUAL_COST_MS
    # When each answer of an engine came; nothing in a log from before that was noted.
    answers: PastAnswers = field(default_factory=PastAnswers)


@dataclass(frozen=True, slots=True)
class SessionComparison:
    """A stored role-play against its replay; `changed` has what is not as it was: (name, then, now)."""

    name: str
    changed: tuple[tuple[str, Any, Any], ...]
    before: Course
    after: Course
    differing: tuple[tuple[str, str], ...]
    word_errors: int
    words: int
    moved_ms: tuple[float, ...]
    typed: int

    @property
    def same_text(self) -> bool:
        """Whether the same words were understood in the same turns."""
        return not self.differing and len(self.before.turns) == len(self.after.turns)

    @property
    def same_cues(self) -> bool:
        """Whether the same cues were heard, in the same order."""
        return self.before.cues == self.after.cues

    @property
    def same_times(self) -> bool:
        """Whether all turns begin and end when they did."""
        return all(moved <= SAME_MS for moved in self.moved_ms)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "name": self.name,
            "changed": [{"what": what, "before": before, "now": now} for what, before, now in self.changed],
            "same": {"text": self.same_text, "cues": self.same_cues, "times": self.same_times},
            "turns": {"before": len(self.before.turns), "now": len(self.after.turns), "typed": self.typed},
            "words": {"before": self.words, "differing": self.word_errors},
            "differing": [{"before": before, "now": now} for before, now in self.differing],
            "cues": {"before": list(self.before.cues), "now": list(self.after.cues)},
            "moved_ms_p95": percentile(self.moved_ms, 0.95),
            "voice_to_voice_ms_p50": {
                "before": percentile(_waits(self.before), 0.5),
                "now": percentile(_waits(self.after), 0.5),
            },
            "replayed": asdict(self.after),
        }


def _waits(course: Course) -> list[float]:
    return [turn.voice_to_voice_ms for turn in course.turns if turn.voice_to_voice_ms is not None]


def load_session(folder: Path, seal: Seal | None, recordings: Recordings | None = None) -> StoredSession:
    """Read a session's folder; raises StorageError where its words or its sound are not there (any more)."""
    entries = list(StoredLog(folder, seal).records(Audience.DEVELOPER))
    setup = next((entry.event for entry in entries if isinstance(entry.event, SessionSetup)), None)
    if setup is None:
        raise StorageError(f"{folder.name} can't be replayed: its log does not say how it was set up, or was erased")
    track = candidate_track(recordings or Recordings(), folder, seal)
    if track is None:
        raise StorageError(f"{folder.name} can't be replayed: its recording is not there")
    samples = track.samples
    if track.rate_hz != WIRE_HZ:
        samples = StreamResampler(track.rate_hz, WIRE_HZ).process(samples)
    typed = sum(isinstance(entry.event, TurnCommitted) and entry.event.typed for entry in entries)
    took = [entry.event.latency_ms for entry in entries if isinstance(entry.event, SegmentHeard)]
    cost_ms = min(max(percentile(took, 0.5) or USUAL_COST_MS, LEAST_COST_MS), MOST_COST_MS)
    timed = [(entry.event.readings, entry.event.jobs) for entry in entries if isinstance(entry.event, AnswersTimed)]
    return StoredSession(folder.name, setup, samples, course_of(entries), typed, cost_ms, past_answers(timed))


def course_of(entries: Iterable[LogEntry]) -> Course:
    """Return what came of a role-play, from its log."""
    said: dict[int, TurnCommitted] = {}
    waits: dict[int, float] = {}
    cues: dict[str, None] = {}
    for entry in entries:
        match entry.event:
            case TurnCommitted(typed=False) as turn:
                said[turn.turn] = turn
            case TurnLatency(turn=turn_number, voice_to_voice_ms=wait_ms):
                waits[turn_number] = wait_ms
            case CueHeard(cue=cue):
                cues[cue] = None
            case CueUnheard(cue=cue):
                cues.pop(cue, None)
            case _:
                pass
    turns = (SaidTurn(turn.text, turn.from_ms, turn.to_ms, waits.get(number)) for number, turn in said.items())
    return Course(tuple(sorted(turns, key=lambda turn: turn.from_ms)), tuple(cues))


def replay_session(
    stored: StoredSession, settings: Settings, cards: CardLibrary, *, measured: bool = False
) -> SessionComparison:
    """Play a stored role-play's candidate to today's engines, settings and card; raises CardError, EngineError.

    Each engine answers when it answered then, so that a busy machine changes nothing; a log that does not tell when has
    each computation cost what one cost then. `measured`: it costs what it takes now.
    """
    if stored.setup.card_id not in cards:
        raise CardError(f"{stored.name} is on the card '{stored.setup.card_id}', which is not here; put it back")
    # The track is played as it is: turns only say when the last of them is over.
    turns = tuple(
        PlannedTurn(np.zeros(0, dtype=np.int16), 0.0, turn.to_ms - turn.from_ms, turn.text, None, turn.from_ms, "")
        for turn in stored.course.turns
    )
    plan = Plan((stored.setup.card_id,), turns, stored.track)
    outcome = replay_here(
        plan,
        stored.setup.card_id,
        settings=settings,
        cards=cards,
        pace="fast",
        as_recorded=True,
        seed=stored.setup.seed,
        steady_ms=None if measured else stored.cost_ms,
        past=None if measured else stored.answers,
    )
    now = _setup_now(stored.setup, settings, cards, outcome.engines)
    return compare(stored, course_of(outcome.logs[-1]), tuple(_changed(_plain(stored.setup), now)))


def compare(stored: StoredSession, after: Course, changed: tuple[tuple[str, Any, Any], ...] = ()) -> SessionComparison:
    """Return a stored role-play against what came of it now: each turn with those that were heard at its time."""
    before = stored.course
    differing: list[tuple[str, str]] = []
    moved: list[float] = []
    errors = words = 0
    for turn in before.turns:
        same = [other for other in after.turns if other.from_ms < turn.to_ms and other.to_ms > turn.from_ms]
        text = " ".join(other.text for other in same)
        wrong, count = word_errors(turn.text, text)
        errors, words = errors + wrong, words + count
        if text != turn.text:
            differing.append((turn.text, text))
        if same:
            moved += [abs(same[0].from_ms - turn.from_ms), abs(same[-1].to_ms - turn.to_ms)]
    return SessionComparison(
        stored.name, changed, before, after, tuple(differing), errors, words, tuple(moved), stored.typed
    )


def _plain(setup: SessionSetup) -> dict[str, Any]:
    """Return what a session was made from, by names."""
    made = {"card": f"{setup.card_id} version {setup.card_version}", "card's text": setup.card_digest}
    made |= {f"engine: {kind}": name for kind, name in setup.engines.items()}
    made |= {f"model: {name}": digest for name, digest in setup.models.items()}
    return made | dict(setup.settings) | ({} if setup.settings else {"settings": setup.settings_digest})


def _setup_now(
    then: SessionSetup, settings: Settings, cards: CardLibrary, engines: Mapping[str, str]
) -> dict[str, Any]:
    card = cards[then.card_id]
    return _plain(
        SessionSetup(
            card_id=card.id,
            card_version=card.version,
            card_digest=cards.digest(card.id),
            engines=dict(engines),
            settings_digest=settings.digest(),
            # Of an older log only the digest of all settings is known.
            settings=settings.shaping() if then.settings else {},
            models=_models_now(settings) if then.models else {},
        )
    )


def _models_now(settings: Settings) -> dict[str, str]:
    """Return the digests of the models that are used today."""
    places = choose_engines(settings.engines, settings.models).places
    return {name: digest for name, place in places.items() if (digest := _digest_now(place)) is not None}


@functools.cache
def _digest_now(place: ModelPlace) -> str | None:
    """Return a model's digest; it is read once, however many role-plays are played."""
    return model_digests({place.id: place}).get(place.id)


def _changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    for name in dict.fromkeys((*then, *now)):
        before, after = then.get(name), now.get(name)
        # What was read back from a log has lists where there were tuples.
        if _as_stored(before) != _as_stored(after):
            yield name, before, after


def _as_stored(value: Any) -> Any:
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
