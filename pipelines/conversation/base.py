"""What all parts of a conversation share: its state, whose every field is here, and how it is changed and told."""

from __future__ import annotations

from pipelines.conversation.commands import Command, Record
from pipelines.conversation.echo import EchoJudge
from pipelines.conversation.heard import Reply
from pipelines.conversation.holding import Holding
from pipelines.conversation.memory import Memory
from pipelines.conversation.segments import Segments
from pipelines.conversation.settings import ConversationSettings
from pipelines.conversation.states import State, Trigger, next_state
from pipelines.conversation.turn import Pause, Turn
from pipelines.conversation.view import ConversationView
from pipelines.conversation.weighing import Weighing
from pipelines.endpointing.policy import EndpointPolicy
from pipelines.events import Event


class ConversationBase(ConversationView):
    """The state of a conversation; what is recorded and commanded is gathered until the signal was taken."""

    def __init__(
        self, settings: ConversationSettings, *, patient_opens: bool = False, policy: EndpointPolicy | None = None
    ) -> None:
        self.settings = settings
        self.state = State.LISTENING
        self.auto_endpoint = True
        self.auto_respond = True
        self.interruptible = True
        self.echo_cancelled = True
        self.memory = Memory()
        self.wait_ms = 0.0  # that was asked for at the last end of a turn
        self.turns_over = 0  # how often a turn was judged to be over
        self.weighing = Weighing(policy or EndpointPolicy(settings.endpointing), settings.fixed_wait_ms)
        self._patient_opens = patient_opens
        self._now_ms = 0.0
        self._busy = False
        self._loud = False
        self._away = False  # nobody is there: nothing is said, and nothing is judged
        # While sound that may become speech is near, neither is a turn ended nor a reply begun over it.
        self._voice_near = False
        self._turn: Turn | None = None
        self._segments = Segments()
        self._reply: Reply | None = None
        self._draft: Reply | None = None
        self._replies = 0
        self._holding: Holding | None = None
        self._play_began_ms = 0.0  # media time at which the reply's sound would have begun, were there no holds
        self._reply_began_ms = 0.0
        self._patient_ms = 0.0  # heard of the patient in replies that are over
        self._echo = EchoJudge()
        self._listening_since_ms: float | None = None
        self._prompted = False
        self._closing_due = False
        self._out: list[Command] = []

    def _record(self, event: Event) -> None:
        self._out.append(Record(event))

    def _go(self, trigger: Trigger) -> None:
        self.state = next_state(self.state, trigger)

    def _listen(self) -> None:
        self._listening_since_ms = self._now_ms

    def _estimate(self, turn: Turn, pause: Pause) -> None:
        self.weighing.estimate(turn, pause, self.memory)
