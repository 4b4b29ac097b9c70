"""What others may read of a conversation: whose turn it is, and what a client may ask for now."""

from __future__ import annotations

from pipelines.conversation.echo import TAIL_MS, EchoJudge
from pipelines.conversation.heard import Reply
from pipelines.conversation.holding import Holding
from pipelines.conversation.memory import Memory
from pipelines.conversation.segments import Segments
from pipelines.conversation.states import State
from pipelines.conversation.turn import Turn
from pipelines.conversation.weighing import Weighing

# A patient without echo cancellation at the other end hears itself from its first sound; so long it is on its guard.
GUARD_MS = 3_000.0


class ConversationView:
    """The state of a conversation, without the means to change it."""

    state: State
    echo_cancelled: bool
    memory: Memory
    weighing: Weighing
    _now_ms: float
    _turn: Turn | None
    _segments: Segments
    _reply: Reply | None
    _holding: Holding | None
    _patient_ms: float
    _echo: EchoJudge

    @property
    def can_commit(self) -> bool:
        """Whether there is an unfinished candidate's turn."""
        return self.state in (State.HEARING, State.WEIGHING)

    @property
    def can_reply(self) -> bool:
        """Whether a reply may be asked for now."""
        return self.state is State.LISTENING

    @property
    def reply_number(self) -> int | None:
        """The reply under way."""
        return self._reply.number if self._reply is not None else None

    @property
    def reply_turn(self) -> int:
        """The turn that the last reply answers."""
        reply = self._reply or self.memory.last_reply
        return reply.turn if reply is not None else 0

    @property
    def turn_number(self) -> int:
        """The last turn that was begun."""
        return self._segments.turns

    @property
    def in_turn(self) -> bool:
        """Whether the candidate has begun a turn that is not over."""
        return self._turn is not None

    @property
    def pause_since_ms(self) -> float | None:
        """Since when the candidate pauses, in media time; None while they speak or have no turn."""
        pause = self._turn.pause if self._turn is not None and self.state is State.WEIGHING else None
        return pause.since_ms if pause is not None else None

    @property
    def guarded(self) -> bool:
        """Whether what is heard may be the patient's own sound, so that only clear words count."""
        patient_ms = self._patient_ms + (self._reply.played_ms if self._reply is not None else 0.0)
        early = not self.echo_cancelled and patient_ms < GUARD_MS
        return early or (self._echo.expected and self._echo.echo is not False)

    @property
    def wants_echo(self) -> bool:
        """Whether it should be measured now how alike the microphone's sound and the patient's are."""
        if self._holding is not None:
            return self._echo.wanted(self._holding.onset_ms, self._now_ms)
        lately = (
            self.state in (State.HEARING, State.WEIGHING) and self.weighing.patient_quiet_ms(self._now_ms) < TAIL_MS
        )
        return self._echo.wanted(self._turn.from_ms if lately and self._turn is not None else None, self._now_ms)
