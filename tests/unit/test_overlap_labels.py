"""What words over the patient's speech are: each label with its words, and what it does to the floor."""

from __future__ import annotations

import pytest

from pipelines.conversation.overlap_labels import (
    NOTHING_KNOWN,
    RULES,
    Asked,
    Context,
    Floor,
    Label,
    LabelRule,
    rule_for,
)
from pipelines.endpointing.features import words_of

NAMES = frozenset({"mary", "brown"})
ANYWHERE = Context(names=NAMES)
ASKED = Context(Asked(last=True), names=NAMES)
GOES_ON = Context(Asked(last=False), names=NAMES)
LEAVE = Context(Asked(last=False, leave=True), names=NAMES)
FIRST = Context(first_words=True, names=NAMES)
YOUNG = Context(just_begun=True, names=NAMES)
TAKING = (Floor.TAKES, Floor.TAKES_AT_ONCE)


def labelled(text: str, context: Context = ANYWHERE) -> LabelRule:
    """Return the row for a text."""
    rule = rule_for(words_of(text), context)
    assert rule is not None
    return rule


def each(texts: str) -> pytest.MarkDecorator:
    """Run a test for each of the texts, which are separated by bars."""
    return pytest.mark.parametrize("text", [text.strip() for text in texts.split("|")])


# ------------------------------------------------------------------ with the patient


@each(
    "mhm | mm-hmm | okay | right | yes | I see | of course | good | uh-huh | yes yes | okay okay | that's right | "
    "yes of course | yes Mr Brown | um | oh"
)
def test_encouraging_words_keep_the_floor_the_patients(text: str) -> None:
    assert (labelled(text).label, labelled(text).floor) == (Label.BACKCHANNEL, Floor.KEEPS)


@each(
    "oh no | oh no no no | no no of course | no of course | no of course not | no problem | no worries | oh dear | "
    "no no not at all | no don't worry | no way | that's fine | I know | oh really | poor you | not good | "
    "oh my god"
)
def test_feeling_with_the_patient_is_no_contradiction(text: str) -> None:
    assert (labelled(text).label, labelled(text).floor) == (Label.BACKCHANNEL, Floor.KEEPS)


@each("go on | please go on | no no please go on | carry on | please continue | no no go ahead | take your time")
def test_whoever_is_told_to_go_on_does(text: str) -> None:
    assert (labelled(text).label, labelled(text).floor) == (Label.BACKCHANNEL, Floor.KEEPS)


# ------------------------------------------------------------------ after a question


@each(
    "yes | no | sure | no, not really | yeah | of course | I think so | maybe | right | not yet | yep | nope | "
    "okay yes | certainly | I don't think so | I'm afraid so | yes please | that's correct | no no don't worry | "
    "it is | oh no | um, yes"
)
def test_an_answer_takes_the_floor_whether_or_not_the_patient_goes_on(text: str) -> None:
    for context in (ASKED, GOES_ON):
        assert (labelled(text, context).label, labelled(text, context).floor) == (Label.ANSWER, Floor.TAKES)


@each("okay | mm-hmm | all right | I see | uh-huh | fine | thank you")
def test_receiving_a_question_is_a_turn_too(text: str) -> None:
    for context in (ASKED, GOES_ON):
        assert (labelled(text, context).label, labelled(text, context).floor) == (Label.ACKNOWLEDGEMENT, Floor.TAKES)


@each("guess | yet | a little | the head")
def test_words_that_are_like_no_answer_are_one_where_nothing_follows(text: str) -> None:
    assert (labelled(text, ASKED).label, labelled(text, ASKED).floor) == (Label.ANSWER, Floor.TAKES)
    assert labelled(text, GOES_ON).floor is Floor.BY_LENGTH


@each("um | uh | hmm | oh | ah | uh um | you")
def test_thinking_aloud_answers_nothing(text: str) -> None:
    assert labelled(text, ASKED).floor not in TAKING


@each("yes | okay | of course | sure, go on | please do")
def test_yes_lets_a_patient_go_on_who_asked_for_leave(text: str) -> None:
    assert (labelled(text, LEAVE).label, labelled(text, LEAVE).floor) == (Label.BACKCHANNEL, Floor.KEEPS)
    assert labelled("no", LEAVE).floor is Floor.TAKES


# ------------------------------------------------------------------ against the patient


@each(
    "no | no no | no no no | not yet | no, that's wrong | that's not right | that's wrong | I mean the left one | "
    "no five | not two | actually it's five | no sorry | not now | it's not that | incorrect | that isn't right | "
    "no the other leg | I meant the right leg | nope"
)
def test_a_correction_takes_the_floor(text: str) -> None:
    assert labelled(text).label is Label.CORRECTION
    assert labelled(text).floor in TAKING
    assert labelled(text, FIRST).floor in TAKING  # during the opening words, too


@each("stop | please stop | stop stop | stop there | that's enough")
def test_a_patient_who_is_stopped_says_nothing_to_it(text: str) -> None:
    assert labelled(text).label is Label.STOP_REQUEST
    assert labelled(text).floor in TAKING
    assert labelled(text).waits


def test_stop_may_be_an_answer() -> None:
    assert not labelled("stop", ASKED).waits
    assert not labelled("wait", ASKED).waits


@each("no wait, stop taking them | stop taking the tablets")
def test_what_is_to_be_stopped_is_another_matter(text: str) -> None:
    assert labelled(text).floor in TAKING
    assert not labelled(text).waits


# ------------------------------------------------------------------ asking for time


@each(
    "hold on | just a moment | one second | hang on | wait a minute | bear with me | give me a second | "
    "hold on please | one moment please | can you wait a moment | sorry hold on | hang on a second | "
    "a moment please | wait | let me just write that down | just a second, let me write that down | "
    "hold on, I need to find your chart | 1 second | could you hold on for a second | "
    "bear with me while I read this"
)
def test_whoever_asks_for_time_is_waited_for(text: str) -> None:
    assert labelled(text).label is Label.HOLD_REQUEST
    assert labelled(text).floor in TAKING
    assert labelled(text).waits


@each(
    "hold on, does it hurt | wait a minute, you said twice | just a moment ago it was fine | "
    "hold on, let me check, do you take aspirin | give me the tablets | the second one"
)
def test_a_question_that_begins_like_it_is_none(text: str) -> None:
    assert not labelled(text).waits


@each("five minutes | a few minutes | 5 minutes | second | a minute")
def test_how_long_something_takes_is_an_answer(text: str) -> None:
    assert not labelled(text, ASKED).waits
    assert labelled("just a moment", ASKED).waits


# ------------------------------------------------------------------ not hearing, greeting, addressing


@each(
    "I can't hear you | sorry? | pardon | you're breaking up | come again | say that again | what did you say | "
    "sorry what | say again | repeat that please | once more please | I can't hear anything | "
    "I didn't catch that | are you there | your voice is breaking up | speak up please | the line is bad | "
    "I beg your pardon | could you repeat that | what"
)
def test_whoever_cannot_hear_takes_the_floor(text: str) -> None:
    assert labelled(text).label is Label.CANNOT_HEAR
    assert labelled(text).floor in TAKING


@each("hello? | good morning | hi | good afternoon | hello there | good morning Mr Brown | hi Mary")
def test_two_who_greet_at_once_both_finish_and_later_a_greeting_takes_the_floor(text: str) -> None:
    assert (labelled(text, FIRST).label, labelled(text, FIRST).floor) == (Label.GREETING, Floor.KEEPS)
    assert (labelled(text).label, labelled(text).floor) == (Label.GREETING, Floor.TAKES)


@each("Mary | Mr Brown | Mrs Brown | Mr Brown please | okay Mr Brown | Mister Brawn | Mrs Bandit | Miss")
def test_the_patients_name_takes_the_floor(text: str) -> None:
    assert (labelled(text).label, labelled(text).floor) == (Label.TURN, Floor.TAKES)


def test_a_name_is_only_the_patients_own() -> None:
    assert rule_for(["mary"], NOTHING_KNOWN) == rule_for(["anything"], NOTHING_KNOWN)


@each("listen | listen please | listen to me | excuse me | can I just say | I think we should | okay but first")
def test_an_address_takes_the_floor(text: str) -> None:
    assert labelled(text).label in (Label.TURN, Label.QUESTION)
    assert labelled(text).floor in TAKING


@each("why | which one | how so | can I ask | where is | how long have you")
def test_a_question_takes_the_floor(text: str) -> None:
    assert labelled(text).label is Label.QUESTION
    assert labelled(text).floor in TAKING


@each("I | I would | I, I | and | can | but the")
def test_who_begins_anew_over_the_patients_first_words_was_not_done(text: str) -> None:
    assert labelled(text, YOUNG).floor in TAKING


@each("you are a | mom | would | the head | who | us")
def test_misheard_backchannels_are_nobodys_beginning(text: str) -> None:
    assert labelled(text, YOUNG).floor not in TAKING


# ------------------------------------------------------------------ the table


def test_every_label_has_a_row() -> None:
    assert {rule.label for rule in RULES} == set(Label)


def test_what_is_not_known_counts_by_its_length() -> None:
    assert (labelled("the tablets").label, labelled("the tablets").floor) == (Label.TURN, Floor.BY_LENGTH)
    assert rule_for([], ASKED) is None


def test_only_what_takes_the_floor_is_waited_for() -> None:
    assert all(rule.floor in TAKING for rule in RULES if rule.waits)
