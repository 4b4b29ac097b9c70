"""The conversation's core under any sequence of signals, legal or out of order: see `World` for what must hold.

500 sequences in the ordinary run, always the same; `scripts/nightly` runs 10,000 different ones and prints how to
reproduce what it finds.
"""

from __future__ import annotations

from hypothesis import HealthCheck, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from pipelines.conversation import signals as s
from pipelines.conversation.settings import ConversationSettings, DraftSettings
from pipelines.conversation.states import State
from pipelines.engines import Clause, Interpretation, ReplyEnd
from pipelines.intent.acts import Act
from tests.nightly import NIGHTLY
from tests.unit.conversation_world import Waits, World

TEXTS = ["", "um", "mhm", "okay", "yes", "where does it hurt", "sorry", "i would like to", "no", "just a moment"]
CLAUSES = [
    Clause("It hurts here.", "here"),
    Clause("My father lost his leg."),
    Clause("After a long illness.", "father"),
    Clause("Is it bad?"),
]
CLIENT = [s.CommitAsked(), s.ClearAsked(), s.ReplyAsked(), s.Typed("do you smoke"), s.EchoCancelled(on=False)]


class AnySequence(RuleBasedStateMachine):
    """One conversation; every rule is something the world may do next."""

    @initialize(
        wait=st.sampled_from([(200.0, 1_500.0), (600.0, 600.0), (2_000.0, 3_000.0)]),
        fixed=st.sampled_from([None, 400.0]),
        opens=st.booleans(),
        drafts=st.booleans(),
        answers=st.sampled_from([True, True, False]),
        listens=st.booleans(),
    )
    def begin(
        self, wait: tuple[float, float], fixed: float | None, opens: bool, drafts: bool, answers: bool, listens: bool
    ) -> None:
        self.answers = answers  # in the end
        conversation = ConversationSettings(fixed_wait_ms=fixed, drafts=DraftSettings(enabled=drafts))
        self.world = World(conversation, patient_opens=opens, listens=listens, policy=Waits(*wait))

    # -------------------------------------------------------------- time and voice

    @rule(
        ms=st.sampled_from([20, 100, 200, 400, 900, 4_000]),
        missing=st.booleans(),
        busy=st.booleans(),
        echo=st.sampled_from([None, 0.0, 0.95]),
    )
    def time_passes(self, ms: int, missing: bool, busy: bool, echo: float | None) -> None:
        for _ in range(ms // 20):
            self.world.tick(missing=missing, busy=busy, echo=echo)

    @rule(jump_ms=st.sampled_from([500.0, 5_000.0, 20_000.0]))
    def time_jumps(self, jump_ms: float) -> None:
        self.world.now_ms += jump_ms
        self.world.tick()

    @rule(sure=st.booleans())
    def voice_goes_on(self, sure: bool) -> None:
        """What a detector may tell next."""
        world = self.world
        if world.near:
            world.voice_starts() if sure else world.voice_denied()
        elif world.speaking:
            world.voice_pauses()
        else:
            world.voice_hinted()

    @rule(which=st.sampled_from(["hint", "deny", "start", "pause"]), back_ms=st.sampled_from([0.0, 80.0, 1_500.0]))
    def voice_out_of_order(self, which: str, back_ms: float) -> None:
        """What no detector tells: twice the same, an end without a beginning, a start from long ago (late audio)."""
        match which:
            case "hint":
                self.world.voice_hinted(back_ms)
            case "deny":
                self.world.voice_denied()
            case "start":
                self.world.voice_starts(back_ms)
            case _:
                self.world.voice_pauses(back_ms)

    @rule(text=st.sampled_from(TEXTS), final=st.booleans(), silent_ms=st.sampled_from([20, 100, 300, 700]))
    def candidate_says(self, text: str, final: bool, silent_ms: int) -> None:
        """A piece of speech as it should be, up to some way into the pause after it: a draft may be under way then."""
        world = self.world
        world.voice_starts()
        self._wait(400)
        world.voice_pauses()
        self._wait(40)
        for segment, number in list(world.interims):
            if world.segments[segment] == "open":
                world.understood(segment, text, final=False, interim=number)
        self._wait(silent_ms)
        for segment, state in list(world.segments.items()):
            if final and state == "asked":
                world.understood(segment, text, final=True)

    @rule(played_ms=st.sampled_from([0, 100, 500, 1_500]))
    def patient_answers(self, played_ms: int) -> None:
        """Everybody does what was asked, and the patient may have spoken for a while."""
        self.world.answer_all()
        self._wait(played_ms)

    # -------------------------------------------------------------- engines

    @precondition(lambda self: self.world.segments)
    @rule(back=st.integers(0, 2), text=st.sampled_from(TEXTS), final=st.booleans(), interim=st.booleans())
    def recogniser_answers(self, back: int, text: str, final: bool, interim: bool) -> None:
        """In time, late, twice, or for a segment that was dropped."""
        world = self.world
        numbers = list(world.segments)
        segment = numbers[max(0, len(numbers) - 1 - back)]
        if final and world.segments[segment] == "open":
            return  # nobody asked
        number = next((n for seg, n in reversed(world.interims) if seg == segment), None) if interim else None
        world.understood(segment, text, final=final, interim=number)

    @precondition(lambda self: self.world.questions)
    @rule(back=st.integers(0, 2), probability=st.sampled_from([0.0, 0.4, 1.0]))
    def detector_answers(self, back: int, probability: float) -> None:
        """In time, late, twice, or for a pause that is over."""
        number = self.world.questions[max(0, len(self.world.questions) - 1 - back)]
        self.world.tell(s.EndOfTurnHeard(number, probability))

    @precondition(lambda self: self.world.meanings)
    @rule(asks=st.sampled_from([None, 0.0, 0.9]), also_late=st.booleans())
    def interpreter_answers(self, asks: float | None, also_late: bool) -> None:
        """In time, late, twice, or not at all."""
        number = self.world.meanings[0]
        self.world.interpret(None if asks is None else Interpretation(Act.CUE, asks=asks))
        if also_late:
            self.world.tell(s.Interpreted(number, None))

    @precondition(lambda self: self.world.replies)
    @rule(back=st.integers(0, 2), clause=st.sampled_from(CLAUSES), end=st.booleans())
    def mind_goes_on(self, back: int, clause: Clause, end: bool) -> None:
        """Also for a reply that is over: its answer was under way."""
        number = self._reply(back)
        if not self.world.replies[number].proposal_ended:
            self.world.propose(number, ReplyEnd() if end else clause)

    @precondition(lambda self: self.world.replies)
    @rule(back=st.integers(0, 2))
    def voice_is_made(self, back: int) -> None:
        number = self._reply(back)
        if self.world.replies[number].to_speak:
            self.world.make_sound(number)

    @precondition(lambda self: self.world.replies)
    @rule(back=st.integers(0, 2), really=st.sampled_from([False, False, True]))
    def engine_fails(self, back: int, really: bool) -> None:
        number = self._reply(back)
        if really:
            self.world.tell(s.ReplyFailed(number, "no"))

    # -------------------------------------------------------------- playout and client

    @precondition(lambda self: self.world.replies)
    @rule(back=st.integers(0, 2), what=st.sampled_from(["prepared", "played_out", "clause"]))
    def news_of_a_reply_that_is_over(self, back: int, what: str) -> None:
        number = self._reply(back)
        reply = self.world.replies[number]
        if not reply.over:
            return
        match what:
            case "prepared":
                self.world.tell(s.Prepared(number))
            case "played_out":
                self.world.tell(s.PlayedOut(number, reply.sound_ms, estimated=False))
            case _:
                self.world.tell(s.ClauseStarted(number, 0, 0.0))

    @precondition(lambda self: self.world.replies)
    @rule(back=st.integers(0, 2), share=st.sampled_from([0.0, 0.3, 1.0]))
    def client_truncates(self, back: int, share: float) -> None:
        number = self._reply(back)
        self.world.tell(s.Truncated(number, share * self.world.replies[number].played_ms))

    @rule(signal=st.sampled_from(CLIENT))
    def client_asks(self, signal: s.Signal) -> None:
        self.world.tell(signal)

    @rule()
    def client_cancels(self) -> None:
        number = self.world.core.reply_number
        # One that waits for what its turn means has not been asked for yet.
        reply = self.world.replies.get(number) if number is not None else None
        played_ms = reply.played_ms if reply is not None else 0.0
        self.world.tell(s.CancelAsked(played_ms))

    @rule(endpoint=st.booleans(), respond=st.booleans(), interruptible=st.booleans())
    def client_sets_turn_detection(self, endpoint: bool, respond: bool, interruptible: bool) -> None:
        self.world.detect(auto_endpoint=endpoint, auto_respond=respond, interruptible=interruptible)

    # -------------------------------------------------------------- session time

    @rule(really=st.sampled_from([False] * 9 + [True]))
    def time_is_up(self, really: bool) -> None:
        if really:
            self.world.tell(s.TimeUp())

    @rule(really=st.sampled_from([False] * 39 + [True]))
    def session_ends(self, really: bool) -> None:
        """Whatever media time says, the end is the end."""
        if really:
            self.world.tell(s.EndAsked("disconnected"))
            assert self.world.core.state is State.ENDED
            assert self.world.ends == 1

    def teardown(self) -> None:
        """From wherever it stands, a fair continuation comes to rest."""
        if hasattr(self, "world") and self.world.sound:
            self.world.rest(answers=self.answers)

    def _wait(self, ms: int) -> None:
        for _ in range(ms // 20):
            self.world.tick()

    def _reply(self, back: int) -> int:
        numbers = list(self.world.replies)
        return numbers[max(0, len(numbers) - 1 - back)]


TestAnySequence = AnySequence.TestCase
TestAnySequence.settings = settings(
    max_examples=10_000 if NIGHTLY else 500,
    stateful_step_count=60 if NIGHTLY else 40,
    derandomize=not NIGHTLY,
    print_blob=NIGHTLY,
    deadline=None,
    database=None,
    verbosity=Verbosity.normal,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
