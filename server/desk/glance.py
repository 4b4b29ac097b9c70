"""A role-play at a glance: what the list of live sessions shows of each, read from its log as examiners may see it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipelines import events as e
from pipelines.events import Audience
from pipelines.log.session_log import LogEntry, SessionLog

# A line of the list: the end of what was said last.
LAST_WORDS = 160


@dataclass(slots=True)
class Glance:
    """What a log has told so far; `read` goes on where it stopped, so that asking often costs little."""

    speaking: str | None = None
    last: tuple[str, str] | None = None  # (role, text)
    turns: int = 0
    cues_told: set[str] = field(default_factory=set)
    sound: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    distress: list[str] = field(default_factory=list)
    began: str | None = None
    _seq: int = 0

    def read(self, log: SessionLog) -> None:
        """Take what the log has had since the last time."""
        until = log.next_seq
        for record in log.read_from(self._seq, Audience.EXAMINER):
            self._take(record)
        self._seq = until

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data; no cue is named."""
        role, text = self.last or (None, "")
        return {
            "began": self.began,
            "speaking": self.speaking,
            "last": None if role is None else {"role": role, "text": text[-LAST_WORDS:]},
            "turns": self.turns,
            "cues_told": len(self.cues_told),
            "sound": self.sound,
            "problems": self.problems,
            "distress": self.distress,
        }

    def _take(self, record: LogEntry) -> None:
        match record.event:
            case e.SessionStarted():
                self.began = record.envelope.wall
            case e.SpeechStarted():
                self.speaking = "candidate"
            case e.TranscriptPartial(text=text):
                self.last = ("candidate", text)
            case e.SpeechStopped() | e.TurnIgnored():
                self._silent("candidate")
            case e.TurnCommitted(text=text):
                self._silent("candidate")
                self.turns += 1
                self.last = ("candidate", text)
            case e.ReplyStarted() | e.ReplyResumed():
                self.speaking = "patient"
            case e.ReplyHeld():
                self._silent("patient")
            case e.ReplyFinished(heard=heard):
                self._silent("patient")
                if heard:
                    self.last = ("patient", heard)
            case e.CueHeard(cue=cue):
                self.cues_told.add(cue)
            case e.CueUnheard(cue=cue):
                self.cues_told.discard(cue)
            case e.SoundAdvice(kind=kind):
                self.sound.append(kind)
            case e.ProblemReported(kind=kind):
                self.problems.append(kind)
            case e.IncidentRaised(what=what):
                self.problems.append(what)
            case e.Problem(code=code):
                self.problems.append(code)
            case e.DistressNoticed(kind=kind):
                self.distress.append(kind)
            case _:
                pass

    def _silent(self, role: str) -> None:
        if self.speaking == role:
            self.speaking = None
