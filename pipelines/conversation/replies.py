"""The patient's side: replies and drafts from the asking to the last word that was heard."""

from __future__ import annotations

from pipelines.conversation.base import ConversationBase
from pipelines.conversation.commands import Adopt, CloseReply, Discard, Release, Speak, StopReply
from pipelines.conversation.heard import Reply
from pipelines.conversation.states import State, Trigger
from pipelines.conversation.turn import Turn
from pipelines.engines import Clause, ReplyEnd, ReplyPart, RespondKind
from pipelines.events import ReplyProposed, ReplyStarted


class PatientReplies(ConversationBase):
    """One reply at a time, and one draft of the next; what follows when a reply is over is for others to say."""

    def _reply_over(self, reply: Reply, trigger: Trigger) -> None:
        """The patient has no more to say."""
        raise NotImplementedError

    def _current(self, number: int) -> Reply | None:
        return self._reply if self._reply is not None and self._reply.number == number else None

    def _drafted(self, number: int) -> Reply | None:
        return self._draft if self._draft is not None and self._draft.number == number else None

    # -------------------------------------------------------------- asking for one

    def _respond(self, kind: RespondKind, drafted: Turn | None = None) -> Reply:
        """Ask for a reply to all that waits for one; `drafted` is a turn that may not be over yet."""
        if self.state is State.LISTENING:
            self._go(Trigger.REPLY_WANTED)
        memory = self.memory.with_turn(drafted) if drafted is not None else self.memory
        self._replies += 1
        reply = memory.new_reply(self._replies, kind, now_ms=self._now_ms, last_turn=self._segments.turns)
        if drafted is not None:
            self._draft = reply
        else:
            self._reply = reply
        self._out.append(memory.request(reply, kind, draft=drafted is not None))
        return reply

    def _adopt(self, draft: Reply) -> None:
        """The draft answers what was said: what is ready of it goes out, what was kept back is asked for."""
        self._reply, self._draft = draft, None
        draft.asked_at_ms = self._now_ms
        self._out.append(Adopt(draft.number))
        for index, clause in enumerate(draft.clauses[1:], start=1):
            self._out.append(Speak(draft.number, index, clause))
        if draft.end is not None:
            self._proposal_ended(draft, draft.end)
        if draft.prepared and self._reply is draft:
            self._release(draft)

    def _discard(self, reason: str) -> None:
        if self._draft is not None:
            draft, self._draft = self._draft, None
            self._out.append(Discard(draft.number, draft.turn, draft.revision, reason))

    # -------------------------------------------------------------- it is made

    def _proposed(self, number: int, part: ReplyPart) -> None:
        reply, draft = self._current(number), self._drafted(number)
        if reply is not None:
            reply.moved_at_ms = self._now_ms
        if draft is not None:
            if isinstance(part, Clause):
                draft.clauses.append(part)
                if len(draft.clauses) == 1:  # the others wait for the turn's end
                    self._out.append(Speak(number, 0, part))
                return
            draft.end = part
            turn = self._turn
            if turn is not None and turn.pause is not None and self.state is State.WEIGHING:
                turn.pause.asks = part.score if part.asked else 0.0
                self._estimate(turn, turn.pause)
        elif reply is not None:
            if isinstance(part, Clause):
                reply.clauses.append(part)
                self._out.append(Speak(number, len(reply.clauses) - 1, part))
                return
            self._proposal_ended(reply, part)

    def _proposal_ended(self, reply: Reply, end: ReplyEnd) -> None:
        reply.end = end
        self._record(ReplyProposed(reply.turn, reply.number, end.intent, reply.cues(), end.reason, end.score))
        if reply.clauses:
            self._out.append(CloseReply(reply.number))
        else:
            self._finish_reply(reply, "completed", 0.0, estimated=True)
            self._reply_over(reply, Trigger.NO_REPLY)

    def _prepared(self, number: int) -> None:
        reply = self._current(number) or self._drafted(number)
        if reply is not None:
            reply.prepared = True
            if reply is self._reply and self.state is State.ANSWERING:
                self._release(reply)

    # -------------------------------------------------------------- it is spoken, and ends

    def _release(self, reply: Reply) -> None:
        if self._voice_near or self._away:
            # The patient never talks over the candidate, nor to nobody; the next tick tries again.
            return
        self._go(Trigger.RELEASED)
        reply.started = True
        self._reply_began_ms = self._play_began_ms = reply.moved_at_ms = self._now_ms
        self.memory.answered(reply)
        self._record(ReplyStarted(reply.number, reply.turn))
        self._out.append(Release(reply.number))

    def _stop(self, reply: Reply, status: str, *, heard_ms: float) -> None:
        self._out.append(StopReply(reply.number))
        if reply.started:
            self._finish_reply(reply, status, heard_ms, estimated=True)
        else:
            self._reply = None

    def _finish_reply(self, reply: Reply, status: str, played_ms: float, *, estimated: bool) -> None:
        for event in self.memory.finish(reply, status, played_ms, estimated=estimated):
            self._record(event)
        self._patient_ms += played_ms
        if played_ms:
            self.weighing.patient_until_ms = self._now_ms
        self._reply = None
