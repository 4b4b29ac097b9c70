"""Answers over a question, requests to wait and false starts, in a whole conversation without a loop."""

from __future__ import annotations

import pytest

from pipelines.conversation import signals as s
from pipelines.conversation.candidate_turn import Segment, Turn, TurnPause
from pipelines.conversation.endpointing import Endpointing
from pipelines.conversation.heard import Reply
from pipelines.conversation.machine import TOLD_TO_WAIT_MS
from pipelines.conversation.memory import Memory
from pipelines.conversation.overlap import ANSWER_EARLY_MS, ANSWER_LATE_MS
from pipelines.conversation.states import State
from pipelines.endpointing.policy import EndpointPolicy
from pipelines.endpointing.settings import EndpointSettings
from pipelines.engines import Clause, HistoryItem, ReplyEnd, RespondKind, Word
from tests.unit.conversation_world import WORD_MS
from tests.unit.test_conversation_races import Talk

STATEMENT = "I take two tablets of it in the morning and four more at night."
QUESTION = "Will they have to take my leg off?"
LONG = "My father lost his years ago and I have not slept well since then at all."


def speaking(*clauses: str, talk: Talk | None = None) -> Talk:
    """Return a conversation in which the patient has begun to say these clauses."""
    talk = talk or Talk()
    talk.say("how are you")
    number = talk.asked[-1].reply
    for clause in clauses:
        talk.propose(number, Clause(clause))
    talk.propose(number, ReplyEnd())
    for _ in clauses:
        talk.make_sound(number)
    talk.tick()
    assert stands(talk, State.SPEAKING)
    return talk


def stands(talk: Talk, state: State) -> bool:
    """Return whether the conversation is in that state."""
    return talk.core.state is state


def say_over(talk: Talk, text: str, *, voiced_ms: float = 300.0, heard: str | None = None) -> None:
    """Make a short sound over the patient, understood 100 ms after it is over, and let it be judged."""
    talk.voice_hinted()
    talk.voice_starts()
    talk.wait(voiced_ms)
    talk.voice_pauses()
    segment, number = talk.interims.pop()
    talk.wait(100)
    talk.understood(segment, text if heard is None else heard, final=False, interim=number)
    talk.wait(200)


def until_word(talk: Talk, words: float) -> None:
    """Let the patient speak until so many words of the reply are over."""
    talk.wait(words * WORD_MS - next(r.played_ms for r in talk.replies.values() if r.audible))


def finish_turn(talk: Talk, text: str) -> None:
    """Let the turn that took the floor come to its end."""
    known = len(talk.committed) + len(talk.ignored)
    for _ in range(200):
        for segment, state in list(talk.segments.items()):
            if state == "asked":
                talk.understood(segment, text, final=True)
        talk.tick()
        if len(talk.committed) + len(talk.ignored) > known:
            return
    raise AssertionError("the turn never ended")


# ------------------------------------------------------------------ answers over a question


@pytest.mark.parametrize("text", ["yes", "no", "okay", "sure"])
@pytest.mark.parametrize("clauses", [(QUESTION,), (STATEMENT, QUESTION), (QUESTION, LONG)])
def test_an_answer_over_the_end_of_a_question_is_answered(text: str, clauses: tuple[str, ...]) -> None:
    talk = speaking(*clauses)
    before = len(" ".join(clauses[: clauses.index(QUESTION)]).split())
    until_word(talk, before + len(QUESTION.split()) - 1)
    say_over(talk, text)
    assert stands(talk, State.ENDPOINTING)
    finish_turn(talk, text)
    assert (talk.asked[-1].kind, talk.asked[-1].text) == (RespondKind.REPLY, text)
    assert talk.ignored == []


def test_the_same_word_over_a_statement_encourages() -> None:
    talk = speaking(STATEMENT, QUESTION)
    until_word(talk, 4)
    say_over(talk, "yes")
    assert stands(talk, State.SPEAKING)
    assert talk.ignored == [2]


def test_the_same_word_long_after_the_question_encourages_what_follows() -> None:
    talk = speaking(QUESTION, LONG)
    until_word(talk, len(QUESTION.split()) + ANSWER_LATE_MS / WORD_MS + 1)
    say_over(talk, "yes")
    assert stands(talk, State.SPEAKING)
    assert talk.ignored == [2]


def test_an_answer_may_begin_before_the_question_is_over() -> None:
    talk = speaking(QUESTION)
    until_word(talk, len(QUESTION.split()) - 1 - ANSWER_EARLY_MS / WORD_MS + 1)
    say_over(talk, "yes")
    assert stands(talk, State.ENDPOINTING)


def test_a_cough_while_a_question_ends_lets_it_end() -> None:
    talk = speaking(QUESTION)
    until_word(talk, len(QUESTION.split()) - 1)
    say_over(talk, "")
    assert stands(talk, State.SPEAKING)
    talk.wait(2_000)
    assert stands(talk, State.LISTENING)
    assert len(talk.asked) == 1


def test_yes_lets_a_patient_go_on_who_asked_for_leave() -> None:
    talk = speaking("Can I be honest with you?", LONG)
    until_word(talk, 5)
    say_over(talk, "yes")
    assert stands(talk, State.SPEAKING)
    assert talk.ignored == [2]


def test_yes_to_a_fragment_that_goes_on_lets_it_go_on() -> None:
    talk = speaking("The blue one?", "Five or six times a week I think and some days even more.")
    until_word(talk, 3)
    say_over(talk, "yes")
    assert stands(talk, State.SPEAKING)
    assert talk.ignored == [2]


def test_the_echo_of_an_answer_on_guard_takes_nothing() -> None:
    talk = Talk()
    talk.tell(s.EchoCancelled(False))
    speaking(QUESTION, LONG, talk=talk)
    until_word(talk, len(QUESTION.split()) - 1)
    say_over(talk, "yes")
    assert talk.ignored == [2]


# ------------------------------------------------------------------ a reply's questions


def reply_of(*clauses: str, end: bool = True) -> Reply:
    """Return a reply with word times of 200 ms each."""
    reply, at_ms = Reply(1, 1, 1, 0.0, RespondKind.REPLY), 0
    for index, text in enumerate(clauses):
        reply.propose(Clause(text))
        words = tuple(Word(word, at_ms + 200 * i, at_ms + 200 * (i + 1)) for i, word in enumerate(text.split()))
        at_ms += 200 * len(words)
        reply.time_words(index, words, 0.0, last=True)
    if end:
        reply.close(ReplyEnd())
    return reply


def test_a_question_may_stand_in_a_clause_or_run_through_several() -> None:
    (found,) = reply_of("Well, when I feel better,", "I can stop it, right?").questions()
    assert (found.text, found.last_word_ms, found.last) == (
        "Well, when I feel better, I can stop it, right?",
        1800,
        True,
    )
    first, second = reply_of('You said "is it bad?" I do not know. Is it?').questions()
    assert (first.text, first.last, second.text, second.last) == ('You said "is it bad?"', False, "Is it?", True)
    assert reply_of("It hurts. A lot!").questions() == []


def test_nothing_is_known_to_be_the_last_before_the_reply_is_complete() -> None:
    (found,) = reply_of("Is it bad?", end=False).questions()
    assert not found.last


def test_a_question_whose_words_have_no_times_yet_is_not_asked_yet() -> None:
    reply = reply_of("It hurts.", end=False)
    reply.propose(Clause("Is it bad?"))
    assert reply.questions() == []
    reply.time_words(1, (Word("all", 600, 900),), 0.0, last=True)  # an engine that times no single words
    assert [question.last_word_ms for question in reply.questions()] == [600]


# ------------------------------------------------------------------ being asked to wait


def test_a_patient_who_is_asked_to_wait_does_and_does_not_prompt_soon() -> None:
    talk = speaking(STATEMENT)
    until_word(talk, 4)
    say_over(talk, "just a moment", voiced_ms=600)
    assert stands(talk, State.ENDPOINTING)
    finish_turn(talk, "just a moment")
    assert stands(talk, State.LISTENING)
    assert [text for _, text in talk.committed][-1] == "just a moment"
    talk.wait(TOLD_TO_WAIT_MS - 3_000)
    assert len(talk.asked) == 1
    talk.wait(4_000)
    assert talk.asked[-1].kind is RespondKind.SILENCE


def test_a_cough_does_not_end_the_waiting() -> None:
    talk = speaking(STATEMENT)
    until_word(talk, 4)
    say_over(talk, "hold on", voiced_ms=600)
    finish_turn(talk, "hold on")
    talk.voice_starts()
    talk.wait(200)
    talk.voice_pauses()
    finish_turn(talk, "")
    talk.wait(20_000)
    assert len(talk.asked) == 1


def test_what_is_said_after_the_waiting_is_answered() -> None:
    talk = speaking(STATEMENT)
    until_word(talk, 4)
    say_over(talk, "hold on", voiced_ms=600)
    finish_turn(talk, "hold on")
    talk.say("does it hurt")
    assert talk.asked[-1].text == "hold on does it hurt"
    assert talk.asked[-1].history[-1] == HistoryItem("patient", "I take two tablets")


def test_who_asks_to_wait_in_the_silence_is_waited_for_too() -> None:
    talk = Talk()
    talk.voice_starts()
    talk.wait(800)
    talk.voice_pauses()
    finish_turn(talk, "one moment please")
    assert stands(talk, State.LISTENING)
    talk.wait(20_000)
    assert talk.asked == []


def test_stop_that_stops_nobody_is_answered() -> None:
    talk = Talk()
    talk.voice_starts()
    talk.wait(800)
    talk.voice_pauses()
    finish_turn(talk, "stop")
    assert [command.text for command in talk.asked] == ["stop"]


def test_no_draft_is_made_for_who_asks_to_wait() -> None:
    talk = Talk()
    talk.voice_starts()
    talk.wait(800)
    talk.voice_pauses()
    talk.wait(60)
    talk.understood(1, "one moment please", final=False, interim=talk.interims[0][1])
    finish_turn(talk, "one moment please")
    assert talk.asked == []


# ------------------------------------------------------------------ late text


def test_the_patient_goes_on_while_a_text_is_late_and_stops_when_it_contradicts() -> None:
    talk = speaking(STATEMENT)
    until_word(talk, 4)
    talk.voice_hinted()
    talk.voice_starts()
    talk.wait(300)
    talk.voice_pauses()
    talk.wait(320)
    assert stands(talk, State.HOLDING)
    assert not talk.replies[1].held
    segment, number = talk.interims.pop()
    talk.wait(300)
    talk.understood(segment, "no", final=False, interim=number)
    assert stands(talk, State.ENDPOINTING)
    assert talk.replies[1].over


def test_who_speaks_again_while_a_text_is_late_is_heard_at_once() -> None:
    talk = speaking(STATEMENT)
    until_word(talk, 4)
    talk.voice_hinted()
    talk.voice_starts()
    talk.wait(300)
    talk.voice_pauses()
    talk.wait(320)
    assert not talk.replies[1].held
    talk.voice_starts()
    assert talk.replies[1].held


# ------------------------------------------------------------------ false starts


def waited_ms(text: str) -> float:
    """Return how long a pause after a text may last."""
    turn = Turn(1, 0.0, pieces=2)
    turn.segments[1] = Segment(0.0, text=text, final=True)
    pause = TurnPause(1_200.0, stable=True)
    Endpointing(EndpointPolicy(EndpointSettings()), None).estimate(turn, pause, 0.0, Memory(), -600.0)
    return pause.wait_ms


@pytest.mark.parametrize(
    "text",
    ["I, I would, sorry.", "I would, sorry", "Could you, could you, sorry", "Let me, let me"],
)
def test_who_breaks_off_is_waited_for_as_if_nothing_had_been_broken_off(text: str) -> None:
    assert waited_ms(text) >= 1_800


@pytest.mark.parametrize("text", ["Sorry.", "I'm sorry.", "Could you say that again, sorry?", "Does it, does it hurt?"])
def test_an_apology_or_a_whole_question_is_answered_as_before(text: str) -> None:
    assert waited_ms(text) <= 1_200


def test_who_goes_on_over_the_first_words_of_the_answer_takes_the_floor_back() -> None:
    talk = speaking(STATEMENT)
    talk.wait(300)
    say_over(talk, "can", voiced_ms=200)
    assert stands(talk, State.ENDPOINTING)
