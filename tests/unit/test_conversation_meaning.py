"""What the candidate's words mean is asked once a pause has its text, and moves the wait whatever the reply takes."""

from __future__ import annotations

import pytest

from pipelines.conversation import commands as c
from pipelines.conversation import signals as s
from pipelines.conversation.settings import ConversationSettings, DraftSettings
from pipelines.conversation.states import State
from pipelines.endpointing.evidence import PauseEvidence
from pipelines.endpointing.policy import WaitJudgement
from pipelines.engines import CueMatch, Interpretation, Release, RespondKind
from pipelines.events import Event, ReplyProposed, UtteranceInterpreted
from pipelines.intent.acts import Act
from pipelines.patient.disclosure import Moment, nothing_to_tell
from tests.unit.conversation_world import Waits, World

QUESTION = "how did it happen"
ASKED = Interpretation(Act.CUE, 0.9, (CueMatch("how-it-happened", 0.91234, "how did it happen"),), 0.8, "a match")


class Noting(Waits):
    """A policy that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__(600.0, 1_500.0)
        self.told: list[PauseEvidence] = []

    def judge(self, evidence: PauseEvidence) -> WaitJudgement:
        """Return a wait."""
        self.told.append(evidence)
        return super().judge(evidence)


class Talk(World):
    """A world that keeps what was asked, and answers only when it is told to."""

    def __init__(self, *, drafts: bool = True) -> None:
        self.events: list[Event] = []
        self.moments: list[Moment] = []
        self.asked: list[c.Interpret] = []
        self.responds: list[c.Respond] = []
        self.noting = Noting()
        settings = ConversationSettings(drafts=DraftSettings(enabled=drafts))
        super().__init__(settings, policy=self.noting, disclose=self._disclose)

    def wait(self, ms: float) -> None:
        """Let time pass."""
        for _ in range(round(ms / 20)):
            self.tick()

    def _do(self, command: c.Command) -> None:
        if isinstance(command, c.Interpret):
            self.asked.append(command)
        elif isinstance(command, c.Respond):
            self.responds.append(command)
        super()._do(command)

    def _record(self, event: Event) -> None:
        self.events.append(event)
        super()._record(event)

    def _disclose(self, moment: Moment) -> Release:
        self.moments.append(moment)
        return nothing_to_tell(moment)

    def stands(self, state: State) -> bool:
        """Whether the conversation is there."""
        return self.core.state is state

    def say(self, text: str) -> int:
        """Speak and pause until the words up to the pause are known; return the segment."""
        self.voice_starts()
        self.wait(800)
        self.voice_pauses()
        self.wait(160)
        segment, number = self.interims.pop()
        self.understood(segment, text, final=False, interim=number)
        return segment

    def end(self, segment: int, text: str) -> None:
        """Let the turn come to its end."""
        self.wait(600)
        if self.segments[segment] == "asked":
            self.understood(segment, text, final=True)
        self.wait(200)


@pytest.mark.parametrize("drafts", [True, False])
def test_a_pause_is_interpreted_with_drafts_and_without(drafts: bool) -> None:
    talk = Talk(drafts=drafts)
    talk.say(QUESTION)
    assert [(asked.number, asked.text) for asked in talk.asked] == [(1, QUESTION)]
    assert [evidence.asks for evidence in talk.noting.told] == [None] * len(talk.noting.told)
    talk.interpret(ASKED)
    assert talk.noting.told[-1].asks == ASKED.asks
    assert talk.stands(State.ENDPOINTING)


def test_the_same_words_are_interpreted_once() -> None:
    talk = Talk()
    segment = talk.say(QUESTION)
    talk.interpret(ASKED)
    talk.end(segment, QUESTION)
    assert len(talk.asked) == 1
    assert [respond.kind for respond in talk.responds] == [RespondKind.REPLY]


def test_other_words_at_the_end_are_interpreted_again_and_only_they_count() -> None:
    talk = Talk(drafts=False)
    segment = talk.say(QUESTION)
    talk.end(segment, "how did it all happen")
    assert [asked.text for asked in talk.asked] == [QUESTION, "how did it all happen"]
    assert talk.stands(State.ANSWERING)
    talk.tell(s.Interpreted(1, ASKED))  # too late
    assert talk.responds == []
    talk.tell(s.Interpreted(2, ASKED))
    assert [respond.text for respond in talk.responds] == ["how did it all happen"]


def test_a_reply_may_be_cancelled_before_it_is_known_what_it_answers() -> None:
    talk = Talk(drafts=False)
    talk.end(talk.say(QUESTION), QUESTION)
    assert talk.core.reply_number == 1
    talk.tell(s.CancelAsked(0.0))
    assert (talk.core.state, talk.responds) == (State.LISTENING, [])
    talk.interpret(ASKED)
    assert talk.responds == []


def test_an_answer_that_never_comes_ends_the_wait_with_a_word_to_the_candidate() -> None:
    talk = Talk(drafts=False)
    talk.end(talk.say(QUESTION), QUESTION)
    talk.wait(talk.settings.respond_timeout_ms + 40)
    assert talk.core.state is State.LISTENING
    assert [event.status for event in talk.finished.values()] == ["failed"]


def test_what_could_not_be_interpreted_is_told_as_such() -> None:
    talk = Talk(drafts=False)
    talk.end(talk.say(QUESTION), QUESTION)
    talk.tell(s.Interpreted(1, None))
    assert [moment.interpretation.act for moment in talk.moments] == [Act.UNINTELLIGIBLE]


def test_the_record_has_the_interpretation_and_what_was_released() -> None:
    talk = Talk(drafts=False)
    segment = talk.say(QUESTION)
    talk.interpret(ASKED)
    assert talk.events[-1] == UtteranceInterpreted(1, "cue_question", 0.9, {"how-it-happened": 0.912}, 0.8, "a match")
    talk.end(segment, QUESTION)
    talk.answer_all()
    proposed = next(event for event in talk.events if isinstance(event, ReplyProposed))
    assert (proposed.intent, proposed.turn) == ("cue_question", 1)


def test_a_turn_that_goes_on_is_interpreted_as_a_whole() -> None:
    talk = Talk()
    segment = talk.say("how did it")
    talk.interpret(ASKED)
    talk.voice_starts()
    talk.wait(600)
    talk.voice_pauses()
    talk.wait(160)
    if talk.segments[segment] == "asked":
        talk.understood(segment, "how did it", final=True)
    last = max(talk.segments)
    talk.understood(last, "happen" if last != segment else QUESTION, final=False, interim=talk.interims[-1][1])
    assert talk.asked[-1].text == QUESTION
