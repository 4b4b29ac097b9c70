"""How the floor passes from one to the other: the candidate is heard over the patient, a reply is over, all is over."""

from __future__ import annotations

from pipelines.conversation.commands import End, Hold, Resume, StopReply
from pipelines.conversation.floor import Claim, judge
from pipelines.conversation.heard import Reply
from pipelines.conversation.holding import Holding
from pipelines.conversation.states import State, Trigger
from pipelines.conversation.turns import CandidateTurns
from pipelines.engines import RespondKind
from pipelines.events import Problem, ReplyHeld, ReplyResumed, TurnCommitted

# Speech that goes on this soon after the patient began to answer was not over: the candidate was cut off.
CUT_OFF_MS = 1_000.0


class FloorExchange(CandidateTurns):
    """Both sides together: what one's sound means for the other's."""

    # -------------------------------------------------------------- the candidate is heard over the patient

    def _hold(self, onset_ms: float) -> None:
        reply = self._reply
        self._go(Trigger.VOICE)
        held = self.interruptible and not self.guarded
        self._holding = Holding(onset_ms, held=held, played_from_ms=self._play_began_ms)
        if reply is not None and held:
            self._pause_sound(reply)

    def _pause_sound(self, reply: Reply) -> None:
        self._out.append(Hold(reply.number))
        self._record(ReplyHeld(reply.number, reply.played_ms))

    def _claim(self) -> Claim:
        holding, turn, reply = self._holding, self._turn, self._reply
        if holding is None or turn is None or reply is None:
            return Claim.UNDECIDED
        evidence = holding.evidence(turn, reply, self._now_ms, echo=self._echo.echo, guarded=self.guarded)
        claim = judge(evidence, self.settings.floor)
        return Claim.UNDECIDED if claim is Claim.YIELD and not self.interruptible else claim

    def _judge_floor(self) -> None:
        if self._away:
            return
        match self._claim():
            case Claim.UNDECIDED:
                pass
            case Claim.YIELD:
                self._yield()
            case kept:
                if kept is Claim.ECHO:
                    self._echo.found(going_on=self._turn is not None and self._turn.pause is None)
                elif self._echo.echo is False:
                    self._echo.denied()
                self._drop_turn(kept.value)
                self._keep_floor()

    def _keep_floor(self) -> None:
        """Nobody took the floor: the patient goes on from the word where it stopped."""
        holding, reply = self._holding, self._reply
        self._holding = None
        self._go(Trigger.FLOOR_KEPT)
        if holding is not None and holding.held and reply is not None:
            from_ms = reply.resume_ms(reply.played_ms)
            self._record(ReplyResumed(reply.number, from_ms))
            self._out.append(Resume(reply.number, from_ms))
        if reply is not None:
            reply.moved_at_ms = self._now_ms

    def _yield(self) -> None:
        """The candidate takes the floor: the patient stops, and history keeps what was heard."""
        reply = self._reply
        if self._now_ms - self._reply_began_ms <= CUT_OFF_MS:
            self.weighing.policy.answered_too_early()
        self._echo.denied()
        self._record_started()  # first: stock clients stop their playback at this
        if reply is not None:
            self._stop(reply, "interrupted", heard_ms=reply.played_ms)
        self._to_candidate(Trigger.FLOOR_TAKEN)

    # -------------------------------------------------------------- the floor goes back to the candidate

    def _played_out(self, reply: Reply, played_ms: float, estimated: bool) -> None:
        if self.state is State.HOLDING and (self._echo.echo or self._claim() not in (Claim.UNDECIDED, Claim.YIELD)):
            self._keep_floor()
        self._finish_reply(reply, "completed", played_ms, estimated=estimated)
        self._reply_over(reply, Trigger.PLAYED_OUT)

    def _reply_over(self, reply: Reply, trigger: Trigger) -> None:
        self._to_candidate(trigger)
        self._after_reply(reply)

    def _to_candidate(self, trigger: Trigger) -> None:
        """The patient is silent from here on: a turn that began over its speech goes on as any other."""
        if self.state is State.HOLDING and self._turn is None:
            self._go(Trigger.FLOOR_KEPT)
        self._holding = None
        self._go(trigger)
        turn = self._turn
        if self.state is State.HEARING and turn is not None:
            if trigger is not Trigger.FLOOR_TAKEN:
                self._record_started()
            if turn.pause is not None:
                self._go(Trigger.PAUSE)
                self._estimate(turn, turn.pause)

    def _after_reply(self, reply: Reply) -> None:
        if reply.closing:
            self._end("time_limit")
        elif self.state is State.LISTENING:
            if self._closing_due:
                self._respond(RespondKind.CLOSING)
            else:
                self._listen()

    def _fail(self, reply: Reply, message: str) -> None:
        self._out.append(StopReply(reply.number))
        self._record(Problem("reply.failed", message))
        self._finish_reply(reply, "failed", reply.played_ms, estimated=True)
        self._reply_over(reply, Trigger.NO_REPLY)

    def _cancel(self, reply: Reply, heard_ms: float) -> None:
        self._stop(reply, "cancelled", heard_ms=heard_ms)
        self._reply_over(reply, Trigger.NO_REPLY)

    # -------------------------------------------------------------- the end

    def _end(self, reason: str) -> None:
        self._discard("ended")
        if self._reply is not None:
            self._stop(self._reply, "cancelled", heard_ms=self._reply.played_ms)
        turn, self._turn = self._turn, None
        if turn is not None and turn.text():  # kept, though nobody will answer it
            self._record(
                TurnCommitted(turn.number, turn.text(), turn.from_ms, self._now_ms, confidences=turn.confidences())
            )
        self._go(Trigger.END)
        self._out.append(End(reason))
