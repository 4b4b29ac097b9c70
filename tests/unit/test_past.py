"""What a log says of a conversation that was cut off: what was heard counts, what was not is given again."""

from __future__ import annotations

from typing import Any

from pipelines import events as log
from pipelines.conversation import commands as c
from pipelines.conversation import signals as s
from pipelines.conversation.core import Conversation
from pipelines.conversation.settings import ConversationSettings
from pipelines.conversation.states import State
from pipelines.engines import HistoryItem
from pipelines.log.session_log import SessionLog
from pipelines.session.past import Past, read_past


def past_of(*events: log.Event, media_ms: float = 4_000.0) -> Past:
    kept = SessionLog(now_ms=lambda: 0.0, media_ms=lambda: media_ms, salt=lambda: "", wall=lambda: 0.0)
    return read_past([kept.append(event) for event in events])


def turn(number: int, text: str) -> log.TurnCommitted:
    return log.TurnCommitted(number, text, 0.0, 1.0)


def reply(number: int, answers: int, heard: str, **changes: Any) -> log.ReplyFinished:
    return log.ReplyFinished(number, answers, changes.pop("status", "completed"), heard, 900.0, estimated=False)


STARTED = log.SessionStarted("sess_1", "practice", 300)
ANSWERED = (turn(1, "How are you?"), log.ReplyStarted(1, 1), reply(1, 1, "It hurts."), log.CueHeard("pain", 1, 1))


def test_what_was_heard_is_remembered_with_the_cues_that_were_told() -> None:
    past = past_of(STARTED, *ANSWERED)
    assert past.history == [HistoryItem("candidate", "How are you?"), HistoryItem("patient", "It hurts.", ("pain",))]
    assert (past.told, past.unanswered, past.cut_off) == (["pain"], {}, None)
    assert (past.turns, past.replies, past.session_s, past.media_ms) == (1, 1, 300, 4_000.0)


def test_a_reply_that_was_under_way_is_taken_back() -> None:
    past = past_of(STARTED, *ANSWERED, turn(2, "Since when?"), log.DraftMade(2, 2, 200.0), log.ReplyStarted(3, 2))
    assert past.cut_off == (3, 2)
    assert past.unanswered == {2: "Since when?"}
    assert [item.text for item in past.history] == ["How are you?", "It hurts."]
    assert past.replies == 3


def test_a_turn_without_a_reply_still_waits_for_one() -> None:
    past = past_of(STARTED, *ANSWERED, log.SegmentHeard(2, 5, "Since when?", (), 1.0), turn(2, "Since when?"))
    assert (past.unanswered, past.segments) == ({2: "Since when?"}, 5)


def test_corrections_of_what_was_heard_count() -> None:
    past = past_of(STARTED, *ANSWERED, log.ReplyTruncated(1, "It", 300.0), log.CueUnheard("pain", 1, 1))
    assert past.history[-1] == HistoryItem("patient", "It")
    assert past.told == []


def test_a_reply_without_a_sound_has_answered_its_turn() -> None:
    past = past_of(STARTED, turn(1, "Hello?"), reply(1, 1, "", status="failed"))
    assert (past.unanswered, [item.text for item in past.history]) == ({}, ["Hello?"])


def test_the_end_is_the_end() -> None:
    assert past_of(STARTED, log.SessionEnded("ended")).over


def begun(past: Past, *, patient_opens: bool = True) -> tuple[Conversation, list[c.Command]]:
    core = Conversation(ConversationSettings(), patient_opens=patient_opens)
    past.give_to(core)
    return core, core.receive_signal(s.Begin(), past.media_ms)


def test_the_patient_answers_what_was_left_unanswered_and_counts_on() -> None:
    past = past_of(STARTED, *ANSWERED, turn(2, "Since when?"))
    core, commands = begun(past)
    assert core.state is State.ANSWERING
    assert core.reply_number == 2
    (asked,) = [command for command in commands if isinstance(command, c.Interpret)]
    assert asked.text == "Since when?"
    assert core.turn_number == 2


def test_the_patient_does_not_greet_twice() -> None:
    core, commands = begun(past_of(STARTED, log.ReplyStarted(1, 0), reply(1, 0, "Good morning.")))
    assert (core.state, commands) == (State.LISTENING, [])


def test_a_greeting_that_was_cut_off_is_said_again() -> None:
    core, _ = begun(past_of(STARTED, log.ReplyStarted(1, 0)))
    assert (core.state, core.reply_number) == (State.ANSWERING, 2)
