"""What the endpointing is told of a pause: how the conversation's core counts pieces, words and times."""

from __future__ import annotations

import pytest

from pipelines.conversation import commands as c
from pipelines.conversation import signals as s
from pipelines.conversation.candidate_turn import Segment, Turn
from pipelines.conversation.core import Conversation
from pipelines.conversation.settings import ConversationSettings, DraftSettings
from pipelines.endpointing.evidence import PauseEvidence
from pipelines.endpointing.policy import EndpointPolicy, WaitJudgement
from pipelines.endpointing.settings import EndpointSettings
from pipelines.engines import Interpretation
from pipelines.intent.acts import Act


class Noting(EndpointPolicy):
    """Waits for long, and keeps what it was told."""

    def __init__(self) -> None:
        super().__init__(EndpointSettings())
        self.told: list[PauseEvidence] = []

    def judge(self, evidence: PauseEvidence) -> WaitJudgement:
        self.told.append(evidence)
        return WaitJudgement(5_000.0)


class Talk:
    """A candidate who speaks in pieces; each is understood in its pause."""

    def __init__(self) -> None:
        self.policy = Noting()
        settings = ConversationSettings(segment_pause_ms=400, drafts=DraftSettings(enabled=False))
        self.core = Conversation(settings, policy=self.policy)
        self.now_ms = 0.0
        self.segments: list[int] = []
        self.interims: list[tuple[int, int]] = []
        self.tell(s.Begin())

    def tell(self, signal: s.Signal) -> None:
        for command in self.core.receive_signal(signal, self.now_ms):
            match command:
                case c.OpenSegment(segment=segment):
                    self.segments.append(segment)
                case c.AskInterim(segment=segment, number=number):
                    self.interims.append((segment, number))
                case c.Interpret(number=number):
                    self.tell(s.Interpreted(number, Interpretation(Act.STATEMENT)))
                case _:
                    pass

    def wait(self, ms: float) -> None:
        for _ in range(round(ms / 20)):
            self.now_ms += 20
            self.tell(s.Tick(0.0, 0.0))

    def piece(self, ms: float, so_far: str, *, pause_ms: float, final: bool = False) -> PauseEvidence:
        """Speak, then pause; `so_far` is what is understood of the segment. Return what was told last of the pause."""
        self.tell(s.VoiceStarted(self.now_ms))
        self.wait(ms)
        self.tell(s.VoicePaused(self.now_ms))
        self.wait(140)
        segment, number = self.interims[-1]
        words = so_far.split()
        self.tell(s.Understood(segment, so_far, (), len(words), final=False, interim=number))
        self.wait(pause_ms - 140)
        if final:
            self.tell(s.Understood(segment, so_far, (), len(words), final=True))
        return self.policy.told[-1]


def test_words_before_are_those_understood_when_speech_went_on() -> None:
    talk = Talk()
    first = talk.piece(1_600, "have you had any vomiting", pause_ms=300)
    assert (first.text, first.words_before, first.pieces) == ("have you had any vomiting", 0, 1)
    assert first.stable
    second = talk.piece(600, "have you had any vomiting headaches", pause_ms=300)
    assert (second.words_before, second.pieces) == (5, 2)
    assert (second.speech_ms, second.last_piece_ms) == (1_600 + 300 + 600, 600)
    third = talk.piece(500, "have you had any vomiting headaches dizziness", pause_ms=300)
    assert (third.words_before, third.pieces) == (6, 3)
    assert third.last_piece_ms == 500


def test_words_before_count_the_segments_that_are_final_already() -> None:
    talk = Talk()
    talk.piece(1_600, "Have you had, um, any vomiting?", pause_ms=600, final=True)
    assert len(talk.segments) == 1
    second = talk.piece(600, "headaches", pause_ms=300)
    assert len(talk.segments) == 2
    assert second.text == "Have you had, um, any vomiting? headaches"
    assert second.words_before == 6


def test_a_new_turn_begins_with_nothing_before_it() -> None:
    talk = Talk()
    talk.piece(1_600, "have you had any vomiting", pause_ms=6_000, final=True)
    assert not talk.core.in_turn
    reply = talk.core.reply_number
    assert reply is not None
    talk.tell(s.ReplyFailed(reply, "the patient is lost for words"))
    following = talk.piece(600, "headaches", pause_ms=300)
    assert (following.text, following.words_before, following.pieces) == ("headaches", 0, 1)
    assert following.speech_ms == following.last_piece_ms == 600


def test_a_piece_begins_after_the_words_so_far() -> None:
    turn = Turn(1, from_ms=0.0)
    turn.begin_piece(100.0)
    assert (turn.piece_from_ms, turn.words_before) == (100.0, 0)
    turn.segments[1] = Segment(0.0, text="Don't worry - it's fine.", final=True)
    turn.segments[2] = Segment(900.0, text="and now")
    turn.begin_piece(2_000.0)
    assert turn.piece_from_ms == pytest.approx(2_000.0)
    assert turn.words_before == 6  # as the policy counts them: the dash is no word


def test_a_burst_that_turns_out_to_lie_in_the_pause_is_no_piece_of_speech() -> None:
    talk = Talk()
    first = talk.piece(1_600, "this helps the blood to flow back", pause_ms=300)
    silent_since_ms = talk.now_ms - 300
    talk.tell(s.VoiceStarted(talk.now_ms))
    talk.wait(60)
    talk.tell(s.VoicePaused(silent_since_ms))
    talk.wait(140)
    burst = talk.policy.told[-1]
    assert (burst.pieces, burst.last_piece_ms, burst.words_before) == (first.pieces, first.last_piece_ms, 0)
