"""The patient's side: replies and drafts from the asking to the last word that was heard."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipelines.conversation.candidate_turn import Turn
from pipelines.conversation.commands import (
    Adopt,
    CloseReply,
    Command,
    Discard,
    Hold,
    Record,
    ReleaseReply,
    Resume,
    Speak,
    StopReply,
)
from pipelines.conversation.heard import Reply
from pipelines.conversation.memory import Memory
from pipelines.engines import CardTakesOver, Clause, GuardDecision, Interpretation, ReplyPart, RespondKind
from pipelines.events import (
    CardTookOver,
    ClauseGuarded,
    DraftMade,
    ReplyHeld,
    ReplyProposed,
    ReplyResumed,
    ReplyStarted,
)
from pipelines.patient.disclosure import Disclose

# Speech that goes on this soon after the patient began to answer was not over: the candidate was cut off.
CUT_OFF_MS = 1_000.0


@dataclass(slots=True)
class Replies:
    """One reply at a time, and one draft of the next; each method that changes them returns what is to be done."""

    memory: Memory
    disclose: Disclose
    reply: Reply | None = None
    draft: Reply | None = None
    patient_until_ms: float | None = None  # media time of the patient's last audio
    # Media time at which the reply's audio would have begun, were there no holds.
    play_began_ms: float = 0.0
    _began_ms: float = 0.0
    _heard_ms: float = 0.0  # of the patient in replies that are over
    _count: int = 0

    def count_from(self, replies: int) -> None:
        """Count on from the replies of an earlier server."""
        self._count = replies

    # -------------------------------------------------------------- what is under way

    def current(self, number: int) -> Reply | None:
        """Return the reply under way, if that is its number."""
        return self.reply if self.reply is not None and self.reply.number == number else None

    def drafted(self, number: int) -> Reply | None:
        """Return the draft, if that is its number."""
        return self.draft if self.draft is not None and self.draft.number == number else None

    def find(self, number: int) -> Reply | None:
        """Return the reply or the draft of that number."""
        return self.current(number) or self.drafted(number)

    @property
    def heard_ms(self) -> float:
        """How much of the patient was heard so far."""
        return self._heard_ms + (self.reply.played_ms if self.reply is not None else 0.0)

    def quiet_ms(self, now_ms: float) -> float:
        """Return for how long nothing of the patient was heard, infinity if nothing ever was."""
        return math.inf if self.patient_until_ms is None else now_ms - self.patient_until_ms

    def has_just_begun(self, now_ms: float) -> bool:
        """Return whether whoever speaks now had not finished when the patient began."""
        return now_ms - self._began_ms <= CUT_OFF_MS

    # -------------------------------------------------------------- asking for one

    def begin(self, kind: RespondKind, now_ms: float, *, last_turn: int) -> None:
        """Begin a reply to all that waits for one, or of the patient's own accord."""
        self.reply = self._new(self.memory, kind, now_ms, last_turn)

    def ask(self, heard: Interpretation) -> list[Command]:
        """Ask for the reply that was begun, to words that were taken for what was `heard`."""
        reply = self.reply
        if reply is None or reply.release is not None:
            return []
        return [self._request(self.memory, reply, heard, draft=False)]

    def ask_draft(
        self, turn: Turn, heard: Interpretation, now_ms: float, *, silent_ms: float, last_turn: int
    ) -> list[Command]:
        """Ask for a reply to a turn that may not be over yet."""
        memory = self.memory.with_turn(turn)
        turn.count_draft()
        self.draft = self._new(memory, RespondKind.REPLY, now_ms, last_turn)
        made = DraftMade(turn.number, self.draft.revision, silent_ms)
        return [self._request(memory, self.draft, heard, draft=True), Record(made)]

    def _new(self, memory: Memory, kind: RespondKind, now_ms: float, last_turn: int) -> Reply:
        self._count += 1
        return memory.new_reply(self._count, kind, now_ms=now_ms, last_turn=last_turn)

    def _request(self, memory: Memory, reply: Reply, heard: Interpretation, *, draft: bool) -> Command:
        release = self.disclose(memory.moment(reply, heard))
        reply.allow(release)
        return memory.request(reply, release, draft=draft)

    def adopt(self, draft: Reply, now_ms: float) -> list[Command]:
        """The draft answers what was said: it is the reply, and what was kept back of it is to be spoken."""
        self.reply, self.draft = draft, None
        draft.ask(now_ms)
        rest = [Speak(draft.number, index, clause) for index, clause in enumerate(draft.clauses) if index]
        end = self._end_proposal(draft) if draft.end is not None else []
        return [Adopt(draft.number), *rest, *end]

    def discard(self, reason: str) -> list[Command]:
        """Nobody will hear the draft."""
        draft, self.draft = self.draft, None
        return [Discard(draft.number, draft.turn, draft.revision, reason)] if draft is not None else []

    # -------------------------------------------------------------- it is made

    def add_part(self, reply: Reply, part: ReplyPart, now_ms: float) -> list[Command]:
        """Take a part of a proposal; of a draft only the first clause is spoken, the others wait for the turn's end."""
        draft = reply is self.draft
        if not draft:
            reply.touch(now_ms)
        if isinstance(part, GuardDecision | CardTakesOver):
            return [Record(_guarded(reply, part))]
        if isinstance(part, Clause):
            reply.propose(part)
            index = len(reply.clauses) - 1
            return [Speak(reply.number, index, part)] if index == 0 or not draft else []
        reply.close(part)
        return [] if draft else self._end_proposal(reply)

    @staticmethod
    def _end_proposal(reply: Reply) -> list[Command]:
        close: list[Command] = [CloseReply(reply.number)] if reply.clauses else []
        if (told := reply.release) is None:
            return close
        proposed = ReplyProposed(reply.turn, reply.number, told.act.value, reply.cues(), told.reason, told.score)
        return [Record(proposed), *close]

    # -------------------------------------------------------------- it is spoken, and ends

    def release(self, reply: Reply, now_ms: float) -> list[Command]:
        """Let the reply be heard."""
        reply.start(now_ms)
        self._began_ms = self.play_began_ms = now_ms
        self.memory.answered(reply)
        return [Record(ReplyStarted(reply.number, reply.turn)), ReleaseReply(reply.number)]

    def play(self, played_ms: float, now_ms: float, *, on_hold: bool) -> None:
        """Note how much was heard by now."""
        reply = self.reply
        if reply is not None and reply.started:
            reply.play(played_ms, now_ms)
            if not on_hold:
                self.play_began_ms = now_ms - played_ms

    def hold(self) -> list[Command]:
        """Pause the reply's audio: somebody may be taking the floor."""
        reply = self.reply
        return [Hold(reply.number), *self.break_off(reply.played_ms)] if reply is not None else []

    def resume(self, now_ms: float, *, held: bool) -> list[Command]:
        """Nobody took the floor: go on from the word where the audio was paused, if it was."""
        reply = self.reply
        if reply is None:
            return []
        reply.touch(now_ms)
        return _go_on(reply, reply.resume_ms(reply.played_ms)) if held else []

    def break_off(self, played_ms: float) -> list[Command]:
        """Record that the reply's audio has stopped there, for now."""
        reply = self.reply
        return [Record(ReplyHeld(reply.number, played_ms))] if reply is not None and reply.started else []

    def take_up(self, played_ms: float, now_ms: float, *, on_hold: bool) -> list[Command]:
        """Go on after the connection was lost, with the word that broke off; not while the audio is paused."""
        reply = self.reply
        if reply is None or not reply.started:
            return []
        reply.play_from(played_ms, now_ms)
        return [] if on_hold else _go_on(reply, reply.repeat_ms(played_ms))

    def stop(self, reply: Reply, status: str, now_ms: float, *, heard_ms: float) -> list[Command]:
        """Cancel the reply; what was heard of it counts."""
        stop = self.stop_making(reply)
        if reply.started:
            return [*stop, *self.finish(reply, status, heard_ms, now_ms, estimated=True)]
        self.reply = None
        return stop

    @staticmethod
    def stop_making(reply: Reply) -> list[Command]:
        """Cancel what is being made for a reply, if anything is."""
        return [StopReply(reply.number)] if reply.release is not None else []

    def finish(self, reply: Reply, status: str, played_ms: float, now_ms: float, *, estimated: bool) -> list[Command]:
        """The reply is over: keep what was heard of it."""
        events = self.memory.finish(reply, status, played_ms, estimated=estimated)
        self._heard_ms += played_ms
        if played_ms:
            self.patient_until_ms = now_ms
        self.reply = None
        return [Record(event) for event in events]


def _guarded(reply: Reply, part: GuardDecision | CardTakesOver) -> ClauseGuarded | CardTookOver:
    if isinstance(part, CardTakesOver):
        return CardTookOver(reply.turn, reply.number, part.reason, part.detail)
    scores, took_ms = dict(part.scores), round(part.took_ms, 3)
    return ClauseGuarded(
        reply.turn, reply.number, part.action, part.text, part.spoken, part.reasons, scores, part.rules, took_ms
    )


def _go_on(reply: Reply, from_ms: float) -> list[Command]:
    return [Record(ReplyResumed(reply.number, from_ms)), Resume(reply.number, from_ms)]
