"""The heart, told what happens and asked what it wants done: no loop, no clock, no engine."""

from __future__ import annotations

from typing import TypeVar, get_args

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pipelines.conversation import commands as c
from pipelines.conversation import signals as s
from pipelines.conversation.core import Conversation
from pipelines.conversation.floor import LATE_TEXT_MS
from pipelines.conversation.handlers import listening
from pipelines.conversation.settings import ConversationSettings, DraftSettings
from pipelines.conversation.states import IllegalMove, State, on, when
from pipelines.conversation.table import TABLE
from pipelines.engines import Clause, Interpretation, ReplyEnd, RespondKind, Word
from pipelines.events import (
    CueHeard,
    CueUnheard,
    Event,
    ReplyFinished,
    ReplyStarted,
    SpeechStarted,
    SpeechStopped,
    TurnCommitted,
    TurnIgnored,
)
from pipelines.intent.acts import Act

SETTINGS = ConversationSettings(fixed_wait_ms=900, drafts=DraftSettings(enabled=False))
T = TypeVar("T")
E = TypeVar("E", bound=Event)


class Table:
    """A conversation and a media clock: each step says what was commanded."""

    def __init__(self, *, patient_opens: bool = False) -> None:
        self.core = Conversation(SETTINGS, patient_opens=patient_opens)
        self.now_ms = 0.0
        self.done: list[c.Command] = []
        self.tell(s.Begin())

    def stands(self, state: State) -> bool:
        return self.core.state is state

    def tell(self, signal: s.Signal) -> list[c.Command]:
        commands = self.core.receive_signal(signal, self.now_ms)
        self.done += commands
        for asked in [x for x in commands if isinstance(x, c.Interpret)]:
            commands += self.tell(s.Interpreted(asked.number, Interpretation(Act.STATEMENT)))
        return commands

    def wait(self, ms: float, played_ms: float = 0.0, missing: bool = False) -> list[c.Command]:
        commands: list[c.Command] = []
        for _ in range(round(ms / 20)):
            self.now_ms += 20
            commands += self.tell(s.Tick(played_ms, 20.0 if missing else 0.0))
        return commands

    def speak(self, ms: float) -> None:
        self.tell(s.VoiceStarted(self.now_ms))
        self.wait(ms)

    def pause(self) -> None:
        since_ms = self.now_ms
        self.wait(200)
        self.tell(s.VoicePaused(since_ms))

    def understand(self, text: str, *, final: bool = True) -> list[c.Command]:
        segment = [x.segment for x in self.done if isinstance(x, c.OpenSegment)][-1]
        return self.tell(s.Understood(segment, text, (), len(text.split()), final))

    def say(self, text: str) -> None:
        """A whole candidate's turn, up to its commit."""
        self.speak(1000)
        self.pause()
        self.wait(240)
        self.understand(text)
        self.wait(600)

    def answer(self, *clauses: Clause) -> int:
        reply = self.of(c.Respond)[-1].reply
        for clause in clauses:
            self.tell(s.Proposed(reply, clause))
        self.tell(s.Proposed(reply, ReplyEnd()))
        at_ms = 0
        for index, clause in enumerate(clauses):
            words = tuple(
                Word(text, at_ms + 200 * i, at_ms + 200 * (i + 1)) for i, text in enumerate(clause.text.split())
            )
            at_ms += 200 * len(words)
            self.tell(s.WordsTimed(reply, index, words))
        self.tell(s.Prepared(reply))
        return reply

    def of(self, kind: type[T]) -> list[T]:
        return [x for x in self.done if isinstance(x, kind)]

    def events(self, kind: type[E]) -> list[E]:
        return [x.event for x in self.done if isinstance(x, c.Record) and isinstance(x.event, kind)]


# ------------------------------------------------------------------ the table


def test_every_state_can_be_reached_and_left() -> None:
    reached = {State.LISTENING}
    while (wider := reached | {to for (at, _), rule in TABLE.items() if at in reached for to in rule.to}) != reached:
        reached = wider
    assert reached == set(State)
    assert {at for (at, _), rule in TABLE.items() if rule.to} == set(State) - {State.ENDED}


@pytest.mark.parametrize("signal", get_args(s.Signal))
def test_every_signal_means_something(signal: type) -> None:
    noted = {s.VoiceHinted, s.VoiceDenied, s.EchoCancelled, s.TurnDetectionSet}  # whatever the state
    assert any(known is signal for _, known in TABLE) or signal in noted


def test_one_state_has_one_row_for_a_signal() -> None:
    row = on(s.Begin, listening.begin)
    with pytest.raises(ValueError, match="listening has two rows for Begin"):
        when(State.LISTENING, row, row)


def test_a_handler_that_leads_elsewhere_than_its_row_says_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLE, (State.LISTENING, s.VoiceStarted), on(s.VoiceStarted, listening.begin_turn))
    with pytest.raises(IllegalMove, match="VoiceStarted while listening led to hearing; its row says no other state"):
        Table().speak(20)


# ------------------------------------------------------------------ a turn


def test_a_turn_is_answered_once_after_the_wait() -> None:
    table = Table()
    table.speak(1000)
    table.pause()
    assert table.wait(180) == []
    finish = table.wait(20)
    assert finish == [c.FinishSegment(1)]
    table.understand("how did it happen")
    table.wait(480)
    assert table.of(c.Respond) == []
    table.wait(20)
    (respond,) = table.of(c.Respond)
    assert (respond.kind, respond.text, respond.turn) == (RespondKind.REPLY, "how did it happen", 1)
    assert table.events(SpeechStopped) == [SpeechStopped(1, 1000.0)]
    table.answer(Clause("On the stairs.", "how"))
    assert table.of(c.ReleaseReply) == [c.ReleaseReply(1)]
    table.tell(s.PlayedOut(1, 600.0, True))
    assert table.stands(State.LISTENING)
    assert [item.text for item in table.core.memory.history] == ["how did it happen", "On the stairs."]
    assert table.core.memory.told == ["how"]
    assert len(table.of(c.Respond)) == 1


def test_a_thinking_pause_makes_a_segment_and_no_end() -> None:
    table = Table()
    table.speak(800)
    table.pause()
    table.wait(500)  # 700 ms of silence in all
    table.understand("i would like")
    table.speak(800)
    table.pause()
    table.wait(240)
    table.understand("to see your leg")
    table.wait(600)
    (respond,) = table.of(c.Respond)
    assert respond.text == "i would like to see your leg"
    assert len(table.of(c.OpenSegment)) == 2


def test_a_short_pause_stays_in_the_segment() -> None:
    table = Table()
    table.speak(800)
    table.pause()
    table.speak(800)
    assert len(table.of(c.OpenSegment)) == 1
    assert table.of(c.FinishSegment) == []


def test_the_text_is_waited_for_but_not_for_ever() -> None:
    table = Table()
    table.speak(1000)
    table.pause()
    table.understand("where does it", final=False)
    table.wait(800)
    assert table.stands(State.ANSWERING)
    assert table.of(c.Respond) == []
    table.wait(SETTINGS.recognise_timeout_ms)
    (respond,) = table.of(c.Respond)
    assert respond.text == "where does it"


def test_a_cough_is_no_turn() -> None:
    table = Table()
    table.speak(200)
    table.pause()
    table.wait(300)
    table.understand("")
    table.wait(600)
    assert table.events(TurnIgnored) == [TurnIgnored(1, "noise")]
    assert table.of(c.Respond) == []
    assert table.stands(State.LISTENING)


def test_long_speech_that_was_not_understood_is_answered_all_the_same() -> None:
    table = Table()
    table.say("")
    (respond,) = table.of(c.Respond)
    assert respond.text == ""


def test_missing_sound_is_not_the_candidates_silence() -> None:
    table = Table()
    table.speak(1000)
    table.pause()
    table.wait(1500, missing=True)  # the network, not the candidate
    assert table.stands(State.ENDPOINTING)
    table.wait(3000, missing=True)  # but not for ever
    assert not table.stands(State.ENDPOINTING)


# ------------------------------------------------------------------ going on, interrupting


def test_speech_before_the_patients_first_sound_discards_the_reply_and_is_answered_together() -> None:
    table = Table()
    table.say("does it hurt")
    table.tell(s.Proposed(1, Clause("Yes.")))
    table.speak(600)
    assert c.StopReply(1) in table.done
    assert table.stands(State.HEARING)
    table.pause()
    table.wait(240)
    table.understand("at night")
    table.wait(600)
    assert table.of(c.Respond)[-1].text == "does it hurt at night"
    assert table.events(ReplyStarted) == []


def test_speech_over_the_patient_takes_the_floor_after_a_while() -> None:
    table = Table()
    table.say("tell me")
    reply = table.answer(Clause("My father lost his leg", "worry"), Clause("after a cut that never healed.", "worry"))
    table.tell(s.VoiceStarted(table.now_ms))
    assert c.Hold(reply) in table.done
    table.wait(SETTINGS.floor.unsure_ms - 50, played_ms=1000)
    assert table.stands(State.HOLDING)
    table.wait(60, played_ms=1000)
    assert table.stands(State.HEARING)
    assert c.StopReply(reply) in table.done
    (finished,) = table.events(ReplyFinished)
    assert (finished.status, finished.heard) == ("interrupted", "My father lost his leg")
    assert table.core.memory.told == []  # half the sentence is no telling
    assert [e.turn for e in table.events(SpeechStarted)] == [1, 2]


def test_a_backchannel_lets_the_patient_go_on() -> None:
    table = Table()
    table.say("tell me")
    reply = table.answer(Clause("It was in the garden."))
    table.tell(s.VoiceStarted(table.now_ms))
    table.wait(300, played_ms=400)
    table.tell(s.VoicePaused(table.now_ms - 100))
    table.understand("okay", final=False)
    assert table.stands(State.HOLDING)
    table.wait(SETTINGS.floor.give_up_ms, played_ms=400)
    assert c.Resume(reply, 400.0) in table.done
    table.wait(LATE_TEXT_MS, played_ms=400)
    assert table.stands(State.SPEAKING)
    assert c.StopReply(reply) not in table.done
    assert table.events(TurnIgnored)[-1] == TurnIgnored(2, "backchannel", "okay")
    # Stock clients would take a second one for an interruption.
    assert len(table.events(SpeechStarted)) == 1


def test_speech_that_outlasts_the_reply_becomes_the_next_turn() -> None:
    table = Table()
    table.say("tell me")
    reply = table.answer(Clause("Yes."))
    table.tell(s.VoiceStarted(table.now_ms))
    table.wait(200, played_ms=200)
    table.tell(s.PlayedOut(reply, 200.0, True))
    assert table.stands(State.HEARING)
    table.pause()
    table.wait(240)
    table.understand("and then")
    table.wait(600)
    assert table.of(c.Respond)[-1].text == "and then"


def test_a_clients_truncation_corrects_what_was_heard_and_told() -> None:
    table = Table()
    table.say("tell me")
    reply = table.answer(Clause("My father lost his leg long ago.", "worry"))
    table.tell(s.PlayedOut(reply, 1400.0, True))
    assert table.core.memory.told == ["worry"]
    table.tell(s.Truncated(reply, 400.0))
    assert table.core.memory.history[-1].text == "My father"
    assert table.core.memory.told == []
    assert table.events(CueHeard)
    assert table.events(CueUnheard)
    table.tell(s.Truncated(reply, 1400.0))  # and a second correction has nothing left to take back
    assert table.core.memory.told == []


# ------------------------------------------------------------------ silence, time, clients


def test_the_patient_prompts_once_in_a_long_silence() -> None:
    table = Table()
    table.wait(SETTINGS.silence_prompt_ms)
    (respond,) = table.of(c.Respond)
    assert respond.kind is RespondKind.SILENCE
    reply = table.answer(Clause("Are you still there?"))
    table.tell(s.PlayedOut(reply, 800.0, True))
    table.wait(60_000)
    assert len(table.of(c.Respond)) == 1


def test_a_patient_with_an_opening_speaks_first() -> None:
    table = Table(patient_opens=True)
    assert table.of(c.Respond)[0].kind is RespondKind.OPENING


def test_time_up_closes_after_the_turn_at_hand() -> None:
    table = Table()
    table.speak(1000)
    table.tell(s.TimeUp())
    assert table.stands(State.HEARING)
    table.pause()
    table.wait(240)
    table.understand("so please rest")
    table.wait(600)
    assert table.of(c.Respond)[-1].kind is RespondKind.CLOSING
    reply = table.answer(Clause("Goodbye."))
    table.tell(s.PlayedOut(reply, 300.0, True))
    assert table.stands(State.ENDED)
    assert table.of(c.End) == [c.End("time_limit")]


def test_the_end_keeps_what_was_said_so_far() -> None:
    table = Table()
    table.speak(1000)
    table.understand("please take the", final=False)
    table.tell(s.EndAsked("disconnected"))
    assert [e.text for e in table.events(TurnCommitted)] == ["please take the"]
    assert table.tell(s.VoiceStarted(table.now_ms)) == []  # nothing happens after the end


def test_a_manual_client_commits_and_asks() -> None:
    table = Table()
    table.tell(s.TurnDetectionSet(auto_endpoint=False, auto_respond=False))
    table.speak(1000)
    table.pause()
    table.wait(5000)
    assert table.stands(State.ENDPOINTING)
    table.understand("hello")
    table.tell(s.CommitAsked())
    assert table.stands(State.LISTENING)
    assert table.of(c.Respond) == []
    table.tell(s.ReplyAsked())
    assert table.of(c.Respond)[-1].text == "hello"


def test_a_cleared_turn_is_forgotten() -> None:
    table = Table()
    table.speak(1000)
    table.tell(s.ClearAsked())
    assert table.stands(State.LISTENING)
    assert table.of(c.DropSegment) == [c.DropSegment(1)]
    assert table.core.memory.history == []


def test_a_typed_turn_is_answered_when_asked() -> None:
    table = Table()
    table.tell(s.Typed("do you smoke"))
    table.tell(s.ReplyAsked())
    assert table.of(c.Respond)[-1].text == "do you smoke"


def test_a_reply_that_fails_leaves_the_floor_to_the_candidate() -> None:
    table = Table()
    table.say("hello")
    table.tell(s.ReplyFailed(1, "the patient can't answer"))
    assert table.stands(State.LISTENING)
    table.say("hello again")
    assert len(table.of(c.Respond)) == 2


# ------------------------------------------------------------------ whatever happens


class AnyOrder(RuleBasedStateMachine):
    """Signals in any order: no illegal transition, no second voice, nothing told that was not said."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Table()

    @rule(ms=st.sampled_from([20, 200, 700, 1000, 4000]), played_ms=st.integers(0, 3000), missing=st.booleans())
    def time_passes(self, ms: int, played_ms: int, missing: bool) -> None:
        self.table.wait(ms, played_ms, missing)

    @rule()
    def voice(self) -> None:
        self.table.tell(s.VoiceStarted(self.table.now_ms))

    @rule(back_ms=st.integers(0, 1500))
    def silence(self, back_ms: int) -> None:
        self.table.tell(s.VoicePaused(max(0.0, self.table.now_ms - back_ms)))

    @rule(text=st.sampled_from(["", "yes", "where does it hurt"]), final=st.booleans(), back=st.integers(0, 2))
    def understood(self, text: str, final: bool, back: int) -> None:
        opened = self.table.of(c.OpenSegment)
        if len(opened) > back:
            self.table.tell(s.Understood(opened[-1 - back].segment, text, (), 0, final))

    @rule(number=st.integers(1, 40), cue=st.sampled_from([None, "a", "b"]))
    def proposed(self, number: int, cue: str | None) -> None:
        self.table.tell(s.Proposed(number, Clause("It hurts here.", cue)))

    @rule(back=st.integers(0, 1))
    def reply_goes_on(self, back: int) -> None:
        replies = self.table.of(c.Respond)
        if len(replies) > back:
            number = replies[-1 - back].reply
            self.table.tell(s.Proposed(number, Clause("It hurts here.", "a")))
            self.table.tell(s.Prepared(number))
            self.table.tell(s.Proposed(number, ReplyEnd()))

    @rule(back=st.integers(0, 1), signal=st.sampled_from(["out", "fail", "cut", "end"]))
    def reply_ends(self, back: int, signal: str) -> None:
        replies = self.table.of(c.Respond)
        if len(replies) > back:
            number = replies[-1 - back].reply
            started = number in {x.reply for x in self.table.of(c.ReleaseReply)}
            if signal == "out" and started:  # playout can't end what was not released
                self.table.tell(s.PlayedOut(number, 800.0, True))
            elif signal == "fail":
                self.table.tell(s.ReplyFailed(number, "no"))
            elif signal == "cut":
                self.table.tell(s.Truncated(number, 100.0))
            elif signal == "end":
                self.table.tell(s.Proposed(number, ReplyEnd()))

    @rule(signal=st.sampled_from([s.CommitAsked(), s.ClearAsked(), s.ReplyAsked(), s.CancelAsked(0.0), s.TimeUp()]))
    def client(self, signal: s.Signal) -> None:
        self.table.tell(signal)

    @rule(manual=st.booleans())
    def mode(self, manual: bool) -> None:
        fixed_ms = SETTINGS.fixed_wait_ms
        self.table.tell(s.TurnDetectionSet(auto_endpoint=not manual, auto_respond=not manual, fixed_wait_ms=fixed_ms))

    @invariant()
    def the_patient_never_speaks_while_the_floor_is_the_candidates(self) -> None:
        if self.table.core.state in (State.HEARING, State.ENDPOINTING, State.LISTENING):
            assert self.table.core.reply_number is None

    @invariant()
    def nothing_is_told_that_was_not_said(self) -> None:
        said = " ".join(item.text for item in self.table.core.memory.history if item.role == "patient")
        assert not self.table.core.memory.told or "hurts" in said

    @invariant()
    def every_reply_that_started_is_finished_once(self) -> None:
        started = [e.reply for e in self.table.events(ReplyStarted)]
        finished = [e.reply for e in self.table.events(ReplyFinished) if e.reply in started]
        under_way = 1 if self.table.core.state in (State.SPEAKING, State.HOLDING) else 0
        assert len(started) - len(finished) == under_way
        assert len(set(finished)) == len(finished)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = hypothesis_settings(max_examples=60, stateful_step_count=40, deadline=None)
