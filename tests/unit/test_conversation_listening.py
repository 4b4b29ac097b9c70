"""A pause is judged by how the turn sounds, too: asked in time, answered in time, or done without."""

from __future__ import annotations

import math
from typing import Any

import pytest

from pipelines.conversation import commands as c
from pipelines.conversation import signals as s
from pipelines.conversation.core import Conversation
from pipelines.conversation.endpointing import ANSWER_WITHIN_MS, LISTEN_AT_MS
from pipelines.conversation.settings import ConversationSettings, DraftSettings
from pipelines.conversation.states import State
from pipelines.endpointing.evidence import PauseEvidence
from pipelines.endpointing.evidence_table import EvidenceRow, EvidenceTable, pieces_of, shipped_table
from pipelines.endpointing.habits import EndSounds
from pipelines.endpointing.policy import EndpointPolicy, WaitJudgement
from pipelines.endpointing.settings import EndpointSettings
from pipelines.events import EndOfTurnAnswered, EndOfTurnAsked, PauseJudged, SpeechResumed

SAID = "It began about three weeks ago."
SETTINGS = ConversationSettings(drafts=DraftSettings(enabled=False))
FIRST_MS = LISTEN_AT_MS[0]


class Talk:
    """A candidate who says one thing and pauses; the recogniser has understood it by 120 ms of silence."""

    def __init__(
        self,
        *,
        listens: bool = True,
        fixed_wait_ms: float | None = None,
        text: str = SAID,
        policy: EndpointPolicy | None = None,
    ) -> None:
        settings = SETTINGS.model_copy(update={"fixed_wait_ms": fixed_wait_ms})
        self.core = Conversation(settings, listens=listens, policy=policy)
        self.now_ms = 0.0
        self.text = text
        self.questions: list[tuple[float, c.AskEndOfTurn]] = []
        self.why: list[PauseJudged] = []
        self.told: list[EndOfTurnAsked | EndOfTurnAnswered | SpeechResumed] = []
        self.over_at_ms: float | None = None
        self.tell(s.Begin())
        self.speak()

    def speak(self) -> None:
        self.tell(s.VoiceStarted(self.now_ms))
        self.pass_time(1_800)
        self.since_ms = self.now_ms
        self.over_at_ms = None
        self.tell(s.VoicePaused(self.now_ms))

    def tell(self, signal: s.Signal) -> None:
        for command in self.core.receive_signal(signal, self.now_ms):
            match command:
                case c.AskInterim(segment=segment, number=number):
                    words = len(self.text.split())
                    self.tell(s.Understood(segment, self.text, (), words, final=False, interim=number))
                case c.AskEndOfTurn():
                    self.questions.append((self.silent_ms, command))
                case c.Record(event=PauseJudged() as judged):
                    self.why.append(judged)
                case c.Record(event=EndOfTurnAsked() | EndOfTurnAnswered() | SpeechResumed() as told):
                    self.told.append(told)
                case _:
                    pass
        if self.core.state is State.ANSWERING and self.over_at_ms is None:
            self.over_at_ms = self.silent_ms

    @property
    def silent_ms(self) -> float:
        return self.now_ms - self.since_ms

    since_ms = 0.0

    def pass_time(self, ms: float) -> None:
        for _ in range(round(ms / 20)):
            self.now_ms += 20
            self.tell(s.Tick())

    def answer(self, probability: float, *, question: int = -1) -> None:
        self.tell(s.EndOfTurnHeard(self.questions[question][1].number, probability))

    def wait_until_over(self) -> float:
        self.pass_time(8_000)
        assert self.over_at_ms is not None
        return self.over_at_ms


def test_it_is_asked_once_before_the_shortest_wait() -> None:
    talk = Talk()
    talk.pass_time(FIRST_MS)
    ((silent_ms, question),) = talk.questions
    assert FIRST_MS <= silent_ms < FIRST_MS + 20
    assert question.from_ms == 0.0
    assert silent_ms + 60 <= EndpointSettings().floor_ms


def test_what_sounds_finished_is_answered_sooner_than_what_does_not() -> None:
    waits = []
    for probability in (0.98, 0.5, 0.02):
        policy = EndpointPolicy(EndpointSettings())
        policy.ended(0.98)
        talk = Talk(policy=policy)
        talk.pass_time(200)
        talk.answer(probability)
        waits.append(talk.wait_until_over())
    assert waits[0] < waits[1] < waits[2]


def test_an_answer_that_never_comes_holds_a_clear_end_up_only_for_a_moment() -> None:
    text = "How long have you had this pain?"
    with_answer, without, deaf = Talk(text=text), Talk(text=text), Talk(listens=False, text=text)
    with_answer.pass_time(200)
    with_answer.answer(0.99)
    assert with_answer.wait_until_over() == deaf.wait_until_over() == EndpointSettings().floor_ms
    assert without.wait_until_over() <= FIRST_MS + ANSWER_WITHIN_MS + 20


def test_an_answer_that_comes_too_late_or_for_another_pause_changes_nothing() -> None:
    talk = Talk()
    talk.pass_time(200)
    talk.tell(s.VoiceStarted(talk.now_ms))
    talk.pass_time(600)
    talk.since_ms = talk.now_ms
    talk.tell(s.VoicePaused(talk.now_ms))
    talk.pass_time(200)
    assert len(talk.questions) == 2
    before = talk.why[-1]
    talk.answer(0.0, question=0)
    assert talk.why[-1] == before
    talk.answer(0.0, question=1)
    assert talk.why[-1].evidence["sound"] < 0
    talk.answer(1.0, question=1)
    assert talk.why[-1].evidence["sound"] < 0


def test_what_is_still_open_is_listened_to_again() -> None:
    talk = Talk(text="I can understand that you are afraid.")
    talk.pass_time(200)
    talk.answer(0.05)
    talk.pass_time(LISTEN_AT_MS[1] - 200)
    assert len(talk.questions) == 2
    talk.answer(0.9)
    assert sum(talk.why[-1].worth.values()) < sum(talk.why[-2].worth.values())


@pytest.mark.parametrize("options", [{"listens": False}, {"fixed_wait_ms": 900.0}])
def test_nobody_is_asked_where_it_could_change_nothing(options: dict[str, object]) -> None:
    talk = Talk(**options)  # type: ignore[arg-type]
    talk.wait_until_over()
    assert talk.questions == []


def test_the_record_says_why_it_was_waited() -> None:
    talk = Talk()
    talk.pass_time(200)
    talk.answer(0.9)
    told = talk.why[-1]
    assert set(told.worth) == {"text", "sound"}
    assert told.evidence["sound"] == pytest.approx(math.log(9), abs=0.001)
    assert told.evidence["pace"] == pytest.approx(6 / 1.8, abs=0.001)
    assert told.since_ms == 1_800.0
    assert FIRST_MS <= told.silent_ms <= 220
    text_alone = next(judged for judged in talk.why if "sound" not in judged.worth)
    assert text_alone.worth.keys() == {"text"}
    assert (told.ending, told.patience, told.rule) == ("about three weeks ago.", 1.0, "")


def test_the_record_says_when_the_sound_was_asked_and_answered_and_when_speech_went_on() -> None:
    talk = Talk()
    talk.pass_time(200)
    talk.answer(0.9)
    talk.answer(0.8)  # nobody asked twice
    talk.tell(s.VoiceStarted(talk.now_ms + 20))
    asked, answered, resumed = talk.told
    assert asked == EndOfTurnAsked(1, 1_800.0, talk.questions[0][0])
    assert answered == EndOfTurnAnswered(1, 1_800.0, 200.0, 0.9)
    assert resumed == SpeechResumed(1, 1_800.0, 220.0)


def test_what_was_answered_too_early_makes_the_next_waits_longer_and_is_in_the_record() -> None:
    talk = Talk()
    talk.wait_until_over()
    talk.tell(s.VoiceStarted(talk.now_ms))
    talk.pass_time(600)
    talk.tell(s.VoicePaused(talk.now_ms))
    talk.pass_time(200)
    assert talk.why[-1].patience > talk.why[0].patience == 1.0


@pytest.mark.parametrize(
    ("options", "wait_ms", "rule"),
    [({"fixed_wait_ms": 900.0}, 900.0, "fixed"), ({"text": ""}, EndpointSettings().unheard_ms, "unheard")],
)
def test_where_nothing_was_weighed_the_record_names_the_rule(
    options: dict[str, Any], wait_ms: float, rule: str
) -> None:
    talk = Talk(**options)
    talk.pass_time(300)
    (told,) = talk.why
    assert (told.wait_ms, told.rule, told.worth) == (wait_ms, rule, {})


# ---------------------------------------------------------------- the table


TABLE = EvidenceTable(
    {}, {"sound": EvidenceRow(-0.5, 1.0, most=0.8), "clarity": EvidenceRow(-2.0, -0.5), "smile": EvidenceRow(9.0, 0.0)}
)


def evidence(**known: object) -> PauseEvidence:
    return PauseEvidence("I see", stable=True, speech_ms=900.0, last_piece_ms=900.0, **known)  # type: ignore[arg-type]


def test_what_is_not_known_or_has_no_row_says_nothing() -> None:
    assert TABLE.worth(pieces_of(evidence())) == {}
    assert TABLE.worth(pieces_of(evidence(words_per_s=5.0))) == {}
    heard = TABLE.worth(pieces_of(evidence(finished=0.5, confidence=math.exp(-1.0))))
    assert heard == {"sound": pytest.approx(0.5), "clarity": pytest.approx(1.0)}


def test_no_piece_says_more_than_its_most() -> None:
    assert TABLE.worth({"sound": -6.0}) == {"sound": 0.8}
    assert TABLE.worth({"sound": 6.0}) == {"sound": pytest.approx(-2.5)}


def test_nothing_is_surer_than_sure() -> None:
    policy = EndpointPolicy(EndpointSettings(), table=TABLE)
    waits = [policy.wait_ms(evidence(finished=finished)) for finished in (0.0, 1.0)]
    assert all(math.isfinite(wait) for wait in waits)
    assert waits[0] > waits[1]


def test_the_shipped_table_says_what_the_sound_is_worth() -> None:
    table = shipped_table()
    assert set(table.rows) == {"sound"}
    # What sounds finished is over sooner; who does not know says nothing.
    assert -1.0 < table.rows["sound"].weight < -0.1
    assert table.worth({"sound": 0.0}) == {"sound": 0.0}
    assert 0.0 < table.hidden < 1.0
    assert table.source["speakers"] == 67


def test_pieces_weigh_hidden_pauses_between_words_and_leave_the_others_to_the_text() -> None:
    table = EvidenceTable({}, {}, hidden=0.25)
    assert table.odds(0.8, 0.4, 0.0) == pytest.approx(1.2)
    assert table.odds(0.8, 0.4, -50.0) == pytest.approx(0.6 + 0.4)
    assert table.odds(0.8, 0.4, math.log(2.0)) == pytest.approx(0.6 + 2.0 * 0.2 + 0.4)


@pytest.mark.parametrize("finished", [0.01, 0.999])
def test_where_the_words_cant_end_a_sentence_the_sound_says_nothing(finished: float) -> None:
    waits = [
        EndpointPolicy(EndpointSettings()).wait_ms(
            PauseEvidence("I would like to", stable=True, speech_ms=1_200.0, last_piece_ms=1_200.0, finished=heard)
        )
        for heard in (None, finished)
    ]
    assert waits[0] == pytest.approx(waits[1], abs=40.0)


def test_a_statement_that_sounds_finished_keeps_the_wait_that_a_hold_asks_for() -> None:
    policy = EndpointPolicy(EndpointSettings())
    said = "I can understand that you are afraid."
    text, sound = (
        policy.judge(PauseEvidence(said, stable=True, speech_ms=2_000.0, last_piece_ms=2_000.0, finished=finished))
        for finished in (None, 0.999)
    )
    assert sum(sound.worth.values()) >= text.worth["text"] + math.log(1.0 - shipped_table().hidden)
    assert 500.0 <= sound.wait_ms <= text.wait_ms
    assert 0.0 <= text.evidence["between"] <= 1.0


# ---------------------------------------------------------------- voices that never sound finished


def judged_as(policy: EndpointPolicy, finished: float | None) -> WaitJudgement:
    said = "I can understand that you are afraid."
    return policy.judge(PauseEvidence(said, stable=True, speech_ms=2_000.0, last_piece_ms=2_000.0, finished=finished))


def test_unfinished_says_nothing_of_a_voice_whose_ends_never_sounded_finished() -> None:
    policy = EndpointPolicy(EndpointSettings())
    alone = judged_as(policy, None).wait_ms
    for _ in range(12):
        assert judged_as(policy, 0.01).wait_ms == alone
        policy.ended(0.01)


def test_once_an_end_sounded_finished_unfinished_counts() -> None:
    policy = EndpointPolicy(EndpointSettings())
    alone = judged_as(policy, None).wait_ms
    policy.ended(0.98)
    assert judged_as(policy, 0.01).wait_ms > alone
    assert judged_as(policy, 0.98).wait_ms <= alone


def test_an_end_that_was_none_and_one_that_nothing_told_of_teach_nothing() -> None:
    policy = EndpointPolicy(EndpointSettings())
    policy.ended(0.98)
    policy.answered_too_early()
    policy.ended(None)
    assert judged_as(policy, 0.01).worth["sound"] == pytest.approx(0.0)


def test_trust_grows_with_finished_ends_and_is_bounded() -> None:
    ends = EndSounds()
    trusts = [ends.trust]
    for finished in (0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1):
        ends.learn(finished)
        trusts.append(ends.trust)
    assert trusts[0] == pytest.approx(0.0)
    assert trusts[1] < trusts[2] == trusts[3] == 1.0
    assert trusts[-1] < 0.3
    assert all(0.0 <= trust <= 1.0 for trust in trusts)


class Noting(EndpointPolicy):
    """Keeps how turns ended."""

    def __init__(self) -> None:
        super().__init__(EndpointSettings())
        self.told: list[float | None] = []

    def ended(self, finished: float | None) -> None:
        super().ended(finished)
        self.told.append(finished)


def test_the_conversation_tells_how_its_turns_ended() -> None:
    policy = Noting()
    talk = Talk(policy=policy)
    talk.pass_time(200)
    talk.answer(0.97)
    assert policy.told == []
    talk.wait_until_over()
    assert policy.told == [0.97]


def test_a_turn_that_nobody_understood_teaches_nothing() -> None:
    policy = Noting()
    talk = Talk(policy=policy, text="")
    talk.pass_time(200)
    talk.answer(0.97)
    talk.wait_until_over()
    assert policy.told == [None]
