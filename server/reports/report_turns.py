"""A report as it is read: runs of turns, as `interlocutor replay --json` and the latency page write them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

# Eleven days: every sum of such times is a number that JSON can hold.
MOST_MS = 1e9
MOST_DRAFTS = 1_000_000

Ms = Annotated[float, Field(ge=-MOST_MS, le=MOST_MS, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=MOST_DRAFTS)]


class _Read(BaseModel):
    """Older and newer reports have fewer or more fields."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ReadTimeline(_Read):
    """What the figures take from a turn's timeline."""

    wait_ms: Ms | None = None
    speculated: Count = 0
    discarded: Count = 0
    discarded_ms: Ms = 0.0
    reused: bool = False


class ReadWait(_Read):
    """Why a turn was waited for, as far as a later report repeats it."""

    silence_ms: Ms | None = None
    words: str = ""


class ReadTurn(_Read):
    """One turn of a report."""

    source: str = ""
    text: str | None = None
    expect: str | None = None
    cues: tuple[str, ...] = ()
    answers: Count = 0
    cut: bool = False
    voice_to_voice_ms: Ms | None = None
    parts: dict[str, Ms] | None = None
    timeline: ReadTimeline | None = None
    # None in older reports, and where the session's log was not there.
    waits: tuple[ReadWait, ...] | None = None

    @property
    def after_endpoint_ms(self) -> float | None:
        """How long after the end of the turn was noticed the reply was heard."""
        if self.parts is None:
            return None
        return sum(value for name, value in self.parts.items() if name != "endpoint")


Run = tuple[ReadTurn, ...]


class ReadReport(_Read):
    """A report of this version or an earlier one."""

    turns: Run
    runs: tuple[Run, ...] = ()
    about: dict[str, Any] = Field(default_factory=dict)
    machine: dict[str, Any] = Field(default_factory=dict)
    # None where the turns themselves know their cues: a candidate's connection is not told them.
    topics_told: tuple[str, ...] | None = None

    @property
    def all_runs(self) -> tuple[Run, ...]:
        """The runs; reports of one run have it as `turns` only."""
        return self.runs or (self.turns,)


def wrong_field(error: ValidationError) -> str:
    """Return the dotted path of the first field that makes something no report; empty if the whole is none."""
    return ".".join(map(str, error.errors()[0]["loc"]))
