"""What a candidate is shown after a role-play: what was said, what was found out, talk share and latency."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pipelines.events import (
    CueHeard,
    CueUnheard,
    Event,
    ReplyFinished,
    ReplyTruncated,
    TurnCommitted,
    TurnLatency,
    UtteranceInterpreted,
)
from pipelines.log.session_log import LogEntry
from pipelines.patient.card import Card
from server.measures import percentile

# A question is about the kind of thing that has so large a share in it; else it is about nothing in particular.
ABOUT = 0.5


@dataclass(frozen=True, slots=True)
class SaidItem:
    """One thing that was said, at media time `at_ms`."""

    role: str
    text: str
    at_ms: float
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Debrief:
    """The summary of one session; cue topics only, never what an untold cue would have told.

    `subjects` has how many turns asked about each kind of thing (symptoms, medication, ...), the most first.
    """

    turns: tuple[SaidItem, ...]
    cues: tuple[tuple[str, bool], ...]
    subjects: tuple[tuple[str, int], ...]
    candidate_ms: float
    patient_ms: float
    voice_to_voice_ms: tuple[float, ...]

    def as_json(self, *, show_cues: bool) -> dict[str, Any]:
        """Return the summary as plain data; in an exam the cues are the examiner's business."""
        talk_ms = self.candidate_ms + self.patient_ms
        return {
            "turns": [
                {"role": t.role, "text": t.text, "at_ms": round(t.at_ms), "interrupted": t.interrupted}
                for t in self.turns
            ],
            "cues": [{"topic": topic, "told": told} for topic, told in self.cues] if show_cues else [],
            "subjects": [{"subject": name, "turns": turns} for name, turns in self.subjects] if show_cues else [],
            "talk": {
                "candidate_ms": round(self.candidate_ms),
                "patient_ms": round(self.patient_ms),
                "candidate_share": round(self.candidate_ms / talk_ms, 3) if talk_ms else None,
            },
            "latency": {
                "p50": percentile(self.voice_to_voice_ms, 0.5),
                "p95": percentile(self.voice_to_voice_ms, 0.95),
            },
        }


def summarise(records: Iterable[LogEntry], card: Card) -> Debrief:
    """Return the summary of a session from its log (examiner's audience or wider)."""
    turns: list[SaidItem] = []
    told: dict[str, None] = {}
    about: dict[int, dict[str, float]] = {}
    candidate_ms = 0.0
    played_ms: dict[int, float] = {}
    latencies: list[float] = []
    places: dict[int, int] = {}  # reply -> its place among the turns
    for record in records:
        event: Event = record.event
        match event:
            case TurnCommitted():
                turns.append(SaidItem("candidate", event.text, event.from_ms, False))
                candidate_ms += max(0.0, event.to_ms - event.from_ms)
            case ReplyFinished(reply=reply, status=status) if event.heard or status == "completed":
                places[reply] = len(turns)
                at_ms = record.envelope.media_ms - event.played_ms
                turns.append(SaidItem("patient", event.heard, at_ms, status != "completed"))
                played_ms[reply] = event.played_ms
            case ReplyTruncated(reply=reply) if reply in places:
                before = turns[places[reply]]
                turns[places[reply]] = SaidItem("patient", event.heard, before.at_ms, True)
                played_ms[reply] = event.played_ms
            # The last reading of a turn is of all of it.
            case UtteranceInterpreted(turn=turn, subjects=subjects):
                about[turn] = subjects
            case CueHeard(cue=cue):
                told[cue] = None
            case CueUnheard(cue=cue):
                told.pop(cue, None)
            case TurnLatency():
                latencies.append(event.voice_to_voice_ms)
            case _:
                pass
    cues = tuple((cue.topic, cue.id in told) for cue in card.cues)
    asked = Counter(name for shares in about.values() for name, share in shares.items() if share >= ABOUT)
    patient_ms = sum(played_ms.values())
    return Debrief(tuple(turns), cues, tuple(asked.most_common()), candidate_ms, patient_ms, tuple(latencies))
