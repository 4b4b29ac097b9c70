"""What the handlers of all states share: the state, the parts, and what holds whatever the state.

The parts know nothing of the state, nor of each other: each owns its fields, changes them itself and returns the
commands that follow. The handlers (`handlers/`, a module for each state or two) bring them together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipelines.conversation import signals as s
from pipelines.conversation.candidate import Candidate
from pipelines.conversation.candidate_turn import Turn
from pipelines.conversation.commands import Command
from pipelines.conversation.endpointing import Endpointing
from pipelines.conversation.meaning import Meaning
from pipelines.conversation.memory import Memory
from pipelines.conversation.overlap import Overlap
from pipelines.conversation.overlap_labels import Asked, Context, Label, rule_for
from pipelines.conversation.replies import Replies
from pipelines.conversation.settings import ConversationSettings
from pipelines.conversation.states import State
from pipelines.endpointing.features import words_of
from pipelines.endpointing.policy import EndpointPolicy
from pipelines.engines import RespondKind
from pipelines.patient.disclosure import NOT_INTERPRETED, Disclose

# A patient who was asked to wait does not ask who is there before this: a chart is read in less.
TOLD_TO_WAIT_MS = 45_000.0


@dataclass(frozen=True, slots=True)
class EchoJudged:
    """The machine tells itself: it was measured how alike the microphone's audio and the patient's are."""


@dataclass(frozen=True, slots=True)
class VoiceInEcho:
    """The machine tells itself: somebody speaks into the patient's echo, which the voice detector can't tell."""

    voiced_from_ms: float


@dataclass(frozen=True, slots=True)
class ReplyOver:
    """The machine tells itself: the patient has no more to say."""

    closing: bool


Told = s.Signal | EchoJudged | VoiceInEcho | ReplyOver


class Machine:
    """One conversation; times in media milliseconds."""

    def __init__(
        self,
        settings: ConversationSettings,
        *,
        patient_opens: bool,
        patient_name: str,
        listens: bool,
        policy: EndpointPolicy | None,
        disclose: Disclose,
    ) -> None:
        endpointing = Endpointing(policy or EndpointPolicy(settings.endpointing), settings.fixed_wait_ms, listens)
        self.state = State.LISTENING
        self.settings = settings
        self.patient_opens = patient_opens
        self.names = frozenset(words_of(patient_name))
        self.memory = Memory()
        self.candidate = Candidate(settings, endpointing)
        self.meaning = Meaning()
        self.replies = Replies(self.memory, disclose)
        self.overlap = Overlap(settings)
        self.detection = s.TurnDetectionSet(fixed_wait_ms=settings.fixed_wait_ms)
        self.tick = s.Tick()  # the last one
        self.now_ms = 0.0
        # While nobody is there, nothing is said and nothing is judged.
        self.away = False
        # While sound that may become speech is near, neither is a turn ended nor a reply begun over it.
        self.voice_near = False
        self.closing_due = False
        self.prompted = False  # since the candidate last said something
        self.told_to_wait = False  # by the last thing that the candidate said
        self.listening_since_ms: float | None = None
        self._commands: list[Command] = []
        self._told: list[Told] = []

    # -------------------------------------------------------------- what holds whatever the state

    def note(self, told: Told, now_ms: float) -> None:
        """Note what a signal tells whatever the state."""
        self.now_ms = max(self.now_ms, now_ms)
        match told:
            case s.Tick():
                self._pass_time(told)
            case s.VoiceHinted():
                self.voice_near = True
            case s.VoiceStarted() | s.VoiceDenied() | VoiceInEcho():
                self.voice_near = False
            case s.VoicePaused():
                self.overlap.echo.over()
            case s.EchoCancelled(on=on):
                self.overlap.cancel_echo(on)
            case s.TurnDetectionSet():
                self.detection = told
                self.candidate.endpointing.fix_wait(told.fixed_wait_ms)
            case s.Lost() | s.Back():
                self.away = isinstance(told, s.Lost)
            case s.TimeUp():
                self.closing_due = True
            case _:
                pass

    def _pass_time(self, tick: s.Tick) -> None:
        self.tick = tick
        if tick.missing_ms:
            self.candidate.excuse(tick.missing_ms, awaited=tick.awaited)
        if tick.missing_ms and tick.awaited:
            self.overlap.excuse(tick.missing_ms)
            if self.listening_since_ms is not None:
                self.listening_since_ms += tick.missing_ms
        self.replies.play(tick.played_ms, self.now_ms, on_hold=self.overlap.on_hold)
        if tick.echo is not None:
            self.overlap.echo.judge_likeness(tick.echo, self.now_ms)

    @property
    def guarded(self) -> bool:
        """Whether what is heard may be the patient's own voice, so that only clear words count."""
        return self.overlap.guarded(self.replies.heard_ms)

    # -------------------------------------------------------------- what handlers do

    def go(self, state: State) -> None:
        """Move on."""
        self.state = state

    def do(self, commands: Iterable[Command]) -> None:
        """Have commands carried out, after those that were gathered before."""
        self._commands += commands

    def tell(self, told: Told) -> None:
        """Have the state's own handler told of it next."""
        self._told.append(told)

    def next_told(self) -> Told | None:
        """Return what a handler has told the machine itself, once."""
        return self._told.pop(0) if self._told else None

    def commands(self) -> list[Command]:
        """Return what was gathered, once."""
        commands, self._commands = self._commands, []
        return commands

    def listen(self) -> None:
        """Nobody speaks."""
        self.go(State.LISTENING)
        self.listening_since_ms = self.now_ms

    def respond(self, kind: RespondKind) -> None:
        """Begin a reply, and ask for it once it is known what it is to answer."""
        self.go(State.ANSWERING)
        if kind is RespondKind.SILENCE:
            self.prompted = True
        self.replies.begin(kind, self.now_ms, last_turn=self.candidate.last_turn)
        heard = self.meaning.of(self.memory.question()) if kind is RespondKind.REPLY else NOT_INTERPRETED
        if heard is not None:
            self.do(self.replies.ask(heard))
        else:
            self.do(self.meaning.ask(self.memory))

    def expect_answer(self, turn: Turn) -> None:
        """The candidate has said something that waits for an answer."""
        self.memory.wait(turn)
        self.prompted = self.told_to_wait = False

    def asks_to_wait(self, turn: Turn) -> bool:
        """Return whether a turn is a request to wait, such as "just a moment", and not to be answered."""
        asked = Asked(last=True) if self.memory.patient_asked() else None
        rule = rule_for(words_of(turn.text()), turn.context or Context(asked, names=self.names))
        # "Stop" that stopped nobody means something else.
        interrupts = turn.context is not None or (rule is not None and rule.label is Label.HOLD_REQUEST)
        return rule is not None and rule.waits and interrupts

    def wait_for_candidate(self) -> None:
        """The patient was asked to wait, and does."""
        self.told_to_wait = True
        self.listen()

    @property
    def patience_ms(self) -> float:
        """After so much silence the patient prompts; 0: never."""
        prompt_ms = self.settings.silence_prompt_ms
        return max(prompt_ms, TOLD_TO_WAIT_MS) if prompt_ms and self.told_to_wait else prompt_ms

    def drop_turn(self, reason: str) -> None:
        """What the candidate was heard to say was none."""
        self.do(self.replies.discard("superseded"))
        self.do(self.candidate.drop(reason))

    def forget_turn(self, reason: str) -> None:
        """It was none: listen on."""
        self.drop_turn(reason)
        self.listen()

    def interpret_pause(self) -> None:
        """Have what was said until the pause at hand interpreted, once its text is known."""
        turn, pause = self.candidate.turn, self.candidate.pause
        if turn is None or pause is None or not pause.stable or not turn.text():
            return
        waiting = self.memory.with_turn(turn)
        if (known := self.meaning.of(waiting.question())) is None:
            self.do(self.meaning.ask(waiting))
        elif pause.asks is None:
            self.candidate.answer_in_pause(known.asks)

    def estimate(self) -> None:
        """Judge anew how long the pause at hand may last."""
        self.do(self.candidate.estimate(self.now_ms, self.memory, self.replies.patient_until_ms))
