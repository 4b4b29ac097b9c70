"""The patient's own voice in the microphone: it goes on, people are still heard, and no single error lasts."""

from __future__ import annotations

from pipelines.conversation import signals as s
from pipelines.conversation.echo_judge import EVERY_MS, EXPECTED, FIRST_MS, TAIL_MS, EchoJudge
from pipelines.conversation.states import State
from pipelines.engines import Clause, ReplyEnd
from tests.unit.test_conversation_races import Talk

ALIKE, UNLIKE = 0.9, 0.1
LONG = "It began three weeks ago when I fell down the stairs at home in the dark and could not get up again."


def speaking(talk: Talk | None = None) -> Talk:
    """Return a conversation in which the patient has spoken for half a second."""
    talk = talk or Talk()
    talk.say("how did it happen")
    number = talk.asked[-1].reply
    talk.propose(number, Clause(LONG))
    talk.propose(number, ReplyEnd())
    talk.make_sound(number)
    talk.wait(500)
    assert talk.core.state is State.SPEAKING
    return talk


def sound(talk: Talk, *likenesses: float | None) -> None:
    """Begin a sound; then its likenesses, as often as they are measured."""
    talk.voice_hinted()
    talk.tick()
    talk.voice_starts()
    measured(talk, *likenesses)


def measured(talk: Talk, *likenesses: float | None) -> None:
    """Let time pass; tell each likeness when it is asked for."""
    for likeness in likenesses:
        waited_ms = 0
        while not talk.core.wants_echo:
            talk.tick()
            waited_ms += 20
            assert waited_ms <= FIRST_MS + EVERY_MS, "nobody asks how alike they are"
        talk.tick(echo=likeness)


def is_held(talk: Talk) -> bool:
    """Whether the patient fell silent."""
    return talk.replies[1].held


def echo(talk: Talk) -> None:
    """Have a whole echo come and go."""
    sound(talk, ALIKE, ALIKE)
    talk.voice_pauses()
    talk.wait(100)
    assert talk.core.state is State.SPEAKING


def test_an_echo_resumes_the_patient_before_any_word_of_it_is_understood() -> None:
    talk = speaking()
    sound(talk, ALIKE)
    assert talk.core.state is State.HOLDING
    began_ms = talk.now_ms
    measured(talk, ALIKE)
    assert talk.now_ms - began_ms <= EVERY_MS + 20
    assert (talk.core.state, talk.ignored) == (State.SPEAKING, [2])


def test_one_likeness_alone_decides_nothing() -> None:
    talk = speaking()
    sound(talk, ALIKE, UNLIKE, ALIKE, UNLIKE)
    assert talk.core.state is State.HOLDING


def test_a_voice_that_was_told_from_an_echo_is_not_judged_again() -> None:
    talk = speaking()
    sound(talk, UNLIKE, UNLIKE)
    assert not talk.core.wants_echo
    talk.wait(400)
    assert not talk.core.wants_echo
    talk.tick(echo=ALIKE)
    talk.tick(echo=ALIKE)
    assert talk.core.state is State.HOLDING


def test_after_one_echo_the_patient_still_falls_silent_at_once() -> None:
    talk = speaking()
    echo(talk)
    talk.voice_hinted()
    assert talk.core.state is State.HOLDING
    assert is_held(talk)


def test_where_echoes_come_the_patient_waits_until_a_sound_is_known_to_be_none() -> None:
    talk = speaking()
    for _ in range(EXPECTED):
        echo(talk)
    sound(talk, UNLIKE)
    assert not is_held(talk)
    measured(talk, UNLIKE)
    assert is_held(talk)


def test_people_who_are_heard_undo_what_echoes_have_taught() -> None:
    talk = speaking()
    for _ in range(EXPECTED):
        echo(talk)
    sound(talk, UNLIKE, UNLIKE)
    talk.voice_pauses()
    talk.answer_all()
    talk.wait(400)
    assert talk.core.state is State.SPEAKING
    talk.voice_hinted()
    assert is_held(talk)


def test_somebody_who_begins_to_speak_into_an_echo_is_heard() -> None:
    talk = speaking()
    sound(talk, ALIKE, ALIKE, ALIKE, UNLIKE)
    assert not is_held(talk)
    measured(talk, UNLIKE)
    assert is_held(talk)
    assert list(talk.segments.values()) == ["final", "dropped", "open"]


def ended(talk: Talk) -> None:
    """Have the patient's reply heard to its end."""
    while talk.core.state is not State.LISTENING:
        talk.tick()


def test_the_echo_of_the_last_words_is_no_turn() -> None:
    talk = speaking()
    ended(talk)
    talk.wait(100)
    talk.voice_starts()
    assert talk.core.state is State.HEARING
    measured(talk, ALIKE, ALIKE)
    assert (talk.core.state, talk.ignored) == (State.LISTENING, [2])
    talk.voice_pauses()
    talk.wait(3_000)
    assert len(talk.asked) == 1


def test_whoever_speaks_on_after_the_last_echo_is_heard() -> None:
    talk = speaking()
    ended(talk)
    talk.voice_starts()
    measured(talk, ALIKE, ALIKE)
    talk.wait(TAIL_MS + 20)
    assert talk.core.state is State.HEARING


def test_nothing_is_measured_long_after_the_patient_spoke() -> None:
    talk = speaking()
    ended(talk)
    talk.wait(TAIL_MS)
    talk.voice_starts()
    for _ in range(50):
        talk.tick()
        assert not talk.core.wants_echo


def test_a_stuck_echo_ends_with_the_session() -> None:
    talk = speaking()
    sound(talk, ALIKE, ALIKE)
    talk.tell(s.EndAsked("ended"))
    assert talk.core.state is State.ENDED


def test_a_judge_forgets_nothing_but_the_sound() -> None:
    judge = EchoJudge()
    for _ in range(10):
        judge.found(going_on=False)
    assert judge.expected
    judge.begin()
    assert judge.expected
    judge.denied()
    judge.denied()
    assert not judge.expected
