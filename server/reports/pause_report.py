"""The pauses of each turn, out of a session's log: how long they lasted, what was judged meanwhile, what was asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipelines.events import (
    EndOfTurnAnswered,
    EndOfTurnAsked,
    PauseJudged,
    SpeechResumed,
    SpeechStopped,
    TurnTimeline,
)
from pipelines.log.session_log import LogEntry


@dataclass(slots=True)
class Look:
    """The turn detector was asked after so much silence, and answered: both None where it came too late, or never."""

    asked_ms: float
    answered_ms: float | None = None
    finished: float | None = None


@dataclass(slots=True)
class Pause:
    """One pause of a turn: how long it lasted, and what was judged meanwhile; milliseconds of silence.

    `silence_ms` None: the turn ended otherwise, or the log ends within the pause.
    """

    judged: list[PauseJudged] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    silence_ms: float | None = None
    went_on: bool = False


Turns = Mapping[int, Mapping[float, Pause]]
"""Pauses by the number of their turn and the media time of their last voiced sample, in order."""


def pauses_of(log: Iterable[LogEntry]) -> Turns:
    """Return the pauses of every turn in a log of a developer's audience."""
    turns: dict[int, dict[float, Pause]] = {}

    def pause(turn: int, since_ms: float) -> Pause:
        return turns.setdefault(turn, {}).setdefault(since_ms, Pause())

    for record in log:
        match record.event:
            case PauseJudged(turn=turn, since_ms=since_ms) as judged:
                pause(turn, since_ms).judged.append(judged)
            case EndOfTurnAsked(turn=turn, since_ms=since_ms, silent_ms=silent_ms):
                pause(turn, since_ms).looks.append(Look(silent_ms))
            case EndOfTurnAnswered(turn=turn, since_ms=since_ms) as answered if pause(turn, since_ms).looks:
                look = pause(turn, since_ms).looks[-1]
                look.answered_ms, look.finished = answered.silent_ms, answered.finished
            case SpeechResumed(turn=turn, since_ms=since_ms, silent_ms=silent_ms):
                resumed = pause(turn, since_ms)
                resumed.silence_ms, resumed.went_on = silent_ms, True
            case SpeechStopped(turn=turn, at_ms=at_ms):
                # What seemed to go on may have been a noise: then the silence before it counts on.
                taken = pause(turn, at_ms)
                taken.silence_ms, taken.went_on = record.envelope.media_ms - at_ms, False
            case TurnTimeline(turn=turn, endpoint_ms=endpoint_ms) if turn in turns:
                # It knows better: the final text may come a moment after the turn was taken.
                last = list(turns[turn].values())[-1]
                last.silence_ms = last.silence_ms if last.went_on else endpoint_ms
            case _:
                pass
    return turns
