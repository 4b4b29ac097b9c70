"""What the conversation remembers: what was said and heard, which cues were told, what waits for an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pipelines.conversation.candidate_turn import Turn
from pipelines.conversation.commands import Respond
from pipelines.conversation.heard import Reply
from pipelines.engines import HistoryItem, Interpretation, Release, RespondKind, Word
from pipelines.events import CueHeard, CueUnheard, Event, ReplyFinished, ReplyTruncated
from pipelines.patient.disclosure import Moment


@dataclass(slots=True)
class Memory:
    """The history keeps what the candidate heard; only heard cues count as told."""

    history: list[HistoryItem] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    unanswered: list[Turn] = field(default_factory=list)
    last_reply: Reply | None = None

    def remember(self, history: Sequence[HistoryItem], *, told: Sequence[str], unanswered: Sequence[Turn]) -> None:
        """Take what was said before the server that held this conversation ended."""
        self.history += history
        self.told += told
        self.unanswered += unanswered

    def with_turn(self, turn: Turn) -> Memory:
        """Return a copy in which one turn more waits for an answer."""
        return replace(self, unanswered=[*self.unanswered, turn])

    def question(self) -> str:
        """Return the text of the turns that wait for an answer."""
        return " ".join(turn.text() for turn in self.unanswered if turn.text())

    def patient_spoke(self) -> bool:
        """Return whether anything was heard of the patient."""
        return any(item.role == "patient" for item in self.history)

    def patient_asked(self) -> bool:
        """Return whether the last thing that was heard is a question of the patient's."""
        last = self.history[-1] if self.history else None
        return last is not None and last.role == "patient" and last.text.rstrip("\"'”’)] ").endswith("?")

    def question_words(self) -> tuple[Word, ...]:
        """Return their words."""
        return tuple(word for turn in self.unanswered for word in turn.words())

    def new_reply(self, number: int, kind: RespondKind, *, now_ms: float, last_turn: int) -> Reply:
        """Return a reply to all that waits for an answer, or of the patient's own accord."""
        wanted = kind in (RespondKind.REPLY, RespondKind.CLOSING)
        answered = [turn.number for turn in self.unanswered] if wanted else []
        return Reply(
            number,
            max(answered, default=last_turn),
            number,
            now_ms,
            kind,
            question=self.question() if wanted else "",
            answers=len(answered),
        )

    def moment(self, reply: Reply, interpretation: Interpretation) -> Moment:
        """Return what the rules of telling go by."""
        return Moment(reply.kind, reply.turn, reply.question, interpretation, tuple(self.history), tuple(self.told))

    def request(self, reply: Reply, release: Release, *, draft: bool) -> Respond:
        """Return the command that asks for a reply, with what was said and heard, and what is released."""
        return Respond(
            reply=reply.number,
            turn=reply.turn,
            revision=reply.revision,
            kind=reply.kind,
            text=reply.question,
            history=tuple(self.history),
            release=release,
            draft=draft,
        )

    def answered(self, reply: Reply) -> None:
        """The patient has begun to answer: what the reply answers becomes history, what came later still waits."""
        self.history += [HistoryItem("candidate", turn.text()) for turn in self.unanswered[: reply.answers]]
        self.unanswered = self.unanswered[reply.answers :]
        reply.stabilise()

    def finish(self, reply: Reply, status: str, played_ms: float, *, estimated: bool) -> list[Event]:
        """Keep what was heard of a reply that is over; return what is to be recorded."""
        completed = status == "completed"
        heard = reply.text() if completed else reply.heard_text(played_ms)
        cues = reply.cues() if completed else reply.heard_cues(played_ms)
        self.answered(reply)
        if heard:
            self.history.append(HistoryItem("patient", heard, cues))
        self.last_reply = reply
        events: list[Event] = [ReplyFinished(reply.number, reply.turn, status, heard, played_ms, estimated)]
        for cue in cues:
            events.append(CueHeard(cue, reply.number, reply.turn))
            if cue not in self.told:
                self.told.append(cue)
                reply.newly_told.append(cue)
        return events

    def wait(self, turn: Turn) -> None:
        """Note that a turn waits for an answer."""
        self.unanswered.append(turn)

    def can_correct(self, number: int) -> bool:
        """Return whether the client's word on the last reply still counts: not once the talk has gone on."""
        last = self.last_reply
        return last is not None and last.number == number and bool(self.history) and self.history[-1].role == "patient"

    def correct(self, number: int, heard_ms: float) -> list[Event]:
        """Take the client's word for how much of the last reply was heard; nothing once the talk has gone on."""
        reply = self.last_reply
        if reply is None or not self.can_correct(number):
            return []
        heard, cues = reply.heard_text(heard_ms), reply.heard_cues(heard_ms)
        self.history[-1] = HistoryItem("patient", heard, cues)
        events: list[Event] = [ReplyTruncated(number, heard, heard_ms)]
        for cue in [cue for cue in reply.newly_told if cue not in cues]:
            self.told.remove(cue)
            reply.newly_told.remove(cue)
            events.append(CueUnheard(cue, number, reply.turn))
        return events
