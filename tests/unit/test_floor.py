"""Who has the floor when the candidate is heard over the patient: evidence in, a claim out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.conversation.floor import CLEAR_MS, ECHO_LAG_MS, LATE_TEXT_MS, Claim, FloorEvidence, FloorSettings, judge
from pipelines.conversation.overlap_labels import Asked, Context
from pipelines.engines import Word

SETTINGS = FloorSettings()
# A patient that was held goes on again after this silence at most, sound device and network included.
RESUMED_BY_MS = 400.0


def timed(text: str, *, from_ms: int = 10_000) -> tuple[Word, ...]:
    """Return the words of a text at 200 ms each."""
    return tuple(
        Word(word, from_ms + 200 * index, from_ms + 200 * index + 180) for index, word in enumerate(text.split())
    )


def going_on(text: str, voiced_ms: float, **known: object) -> FloorEvidence:
    """Return what is known while the sound goes on."""
    evidence = FloorEvidence(voiced_ms, 0.0, text, timed(text), stable=False, playing=())
    return replace(evidence, **known)  # type: ignore[arg-type]


def over(text: str, voiced_ms: float, **known: object) -> FloorEvidence:
    """Return what is known once it is over and its text is whole."""
    evidence = FloorEvidence(voiced_ms, SETTINGS.resume_after_ms, text, timed(text), stable=True, playing=())
    return replace(evidence, **known)  # type: ignore[arg-type]


# ------------------------------------------------------------------ taking the floor


@pytest.mark.parametrize(
    "text",
    ["can i ask", "could you say", "sorry can i", "excuse me", "let me just", "where is", "how long have", "do you",
     "what about", "tell me", "i think we", "wait a", "hold on a", "please stop", "have you told", "i'd like to",
     "right but what", "okay so the", "is there"],
)  # fmt: skip
def test_a_question_or_an_address_takes_the_floor_as_soon_as_it_is_understood(text: str) -> None:
    assert judge(going_on(text, CLEAR_MS), SETTINGS) is Claim.YIELD
    assert judge(going_on(text, CLEAR_MS - 50), SETTINGS) is Claim.UNDECIDED


@pytest.mark.parametrize("text", ["why", "sorry", "pardon", "which leg", "since when", "wait", "stop", "what", "how"])
def test_a_short_question_or_address_takes_the_floor_when_it_is_over(text: str) -> None:
    assert judge(over(text, 300.0), SETTINGS) is Claim.YIELD


@pytest.mark.parametrize(
    "text", ["the tablets", "my colleague", "before", "you blood pressure", "michael", "use the", "no that is not"]
)
def test_words_that_go_on_take_the_floor_within_700_ms(text: str) -> None:
    assert judge(going_on(text, 660.0), SETTINGS) is Claim.YIELD


def test_many_words_take_the_floor_sooner() -> None:
    assert judge(going_on("the tablets will help", 460.0), SETTINGS) is Claim.YIELD
    assert judge(going_on("the tablets", 460.0), SETTINGS) is Claim.UNDECIDED


def test_sound_without_a_word_takes_the_floor_in_the_end() -> None:
    assert judge(going_on("", SETTINGS.unsure_ms - 20), SETTINGS) is Claim.UNDECIDED
    assert judge(going_on("", SETTINGS.unsure_ms), SETTINGS) is Claim.YIELD


def test_an_um_without_end_takes_the_floor_too() -> None:
    assert judge(going_on("um", SETTINGS.backchannel_ms - 20), SETTINGS) is Claim.UNDECIDED
    assert judge(going_on("um", SETTINGS.backchannel_ms), SETTINGS) is Claim.YIELD


# ------------------------------------------------------------------ encouraging


@pytest.mark.parametrize(
    "text",
    ["mm", "mhm", "mm-hmm", "uh-huh", "okay", "right", "i see", "yes", "yeah", "sure", "of course", "all right",
     "alright", "good", "oh", "oh okay", "okay okay", "right i see", "yes yes", "that's right", "i understand", "um"],
)  # fmt: skip
def test_a_backchannel_gives_the_floor_back(text: str) -> None:
    for voiced_ms in (150.0, 500.0, 900.0, 1_300.0):
        assert judge(over(text, voiced_ms), SETTINGS) is Claim.BACKCHANNEL
        assert judge(going_on(text, voiced_ms), SETTINGS) is Claim.UNDECIDED


@pytest.mark.parametrize("text", ["of core", "all raw", "all rye", "ice", "right eyes", "yes you"])
def test_what_sounds_like_a_backchannels_beginning_is_waited_for(text: str) -> None:
    assert judge(going_on(text, SETTINGS.yield_after_ms + 100), SETTINGS) is Claim.UNDECIDED
    assert judge(going_on(text, SETTINGS.unsure_ms), SETTINGS) is Claim.YIELD


@pytest.mark.parametrize("text", ["mom", "would", "the head", "though", "you", "who", "good", "us", "mm i'm", "none"])
def test_short_words_that_are_mostly_misheard_give_it_back(text: str) -> None:
    assert judge(over(text, 350.0), SETTINGS) is Claim.BACKCHANNEL


def test_words_that_were_too_long_for_a_misheard_backchannel_take_it_when_they_are_over() -> None:
    assert judge(over("any fever", SETTINGS.yield_after_ms), SETTINGS) is Claim.YIELD


def test_a_figure_in_digits_takes_the_floor_as_its_words_do() -> None:
    for said in ("20 tablets", "twenty tablets", "140/90", "20."):
        assert judge(over(said, SETTINGS.yield_after_ms), SETTINGS) is Claim.YIELD


def test_a_noise_gives_the_floor_back() -> None:
    assert judge(over("", 400.0), SETTINGS) is Claim.NOISE


def test_the_text_is_waited_for_but_not_for_long() -> None:
    waiting = over("", 300.0, stable=False)
    assert judge(waiting, SETTINGS) is Claim.UNDECIDED
    assert judge(replace(waiting, silent_ms=SETTINGS.give_up_ms), SETTINGS) is Claim.LATE
    assert judge(replace(waiting, silent_ms=LATE_TEXT_MS), SETTINGS) is Claim.NOISE
    assert judge(over("okay", 300.0, silent_ms=SETTINGS.resume_after_ms - 20), SETTINGS) is Claim.UNDECIDED


def test_a_pause_decides_nothing_before_it_is_long_enough() -> None:
    pausing = going_on("the tablets", SETTINGS.yield_after_ms + 200, silent_ms=100.0)
    assert judge(pausing, SETTINGS) is Claim.UNDECIDED


# ------------------------------------------------------------------ the patient's own voice


PATIENT = "it started after my sister came to stay"


def heard_late(by_ms: int, text: str = PATIENT) -> FloorEvidence:
    """Return what is heard when the patient's words come back after so many milliseconds."""
    return over(text, 1_200.0, words=timed(text, from_ms=10_000 + by_ms), playing=timed(PATIENT))


@pytest.mark.parametrize("by_ms", [-100, 0, 150, int(ECHO_LAG_MS)])
def test_the_patients_words_as_they_are_played_are_an_echo(by_ms: int) -> None:
    assert judge(heard_late(by_ms), SETTINGS) is Claim.ECHO
    assert judge(replace(heard_late(by_ms), silent_ms=0.0), SETTINGS) is Claim.UNDECIDED  # it is never yielded to


def test_an_echo_of_which_half_was_misheard_is_still_one() -> None:
    assert judge(heard_late(120, "it darted after my sister gave to stay"), SETTINGS) is Claim.ECHO


@pytest.mark.parametrize("by_ms", [int(ECHO_LAG_MS) + 150, 1_150, 2_500])
def test_the_same_words_later_are_a_candidate_who_repeats_them(by_ms: int) -> None:
    assert judge(heard_late(by_ms), SETTINGS) is Claim.YIELD


def test_a_figure_is_an_echo_of_itself_and_of_no_other() -> None:
    playing = timed("I take 20")
    assert judge(over("20.", 700.0, words=timed("20.", from_ms=10_500), playing=playing), SETTINGS) is Claim.ECHO
    assert judge(over("50.", 700.0, words=timed("50.", from_ms=10_500), playing=playing), SETTINGS) is Claim.YIELD


def test_what_sounds_like_the_patient_is_an_echo_whatever_was_understood() -> None:
    alike = going_on("can you tell me why", 900.0, echo=True)
    assert judge(alike, SETTINGS) is Claim.ECHO
    assert judge(replace(alike, silent_ms=250.0, stable=True), SETTINGS) is Claim.ECHO
    assert judge(replace(alike, echo=False), SETTINGS) is Claim.YIELD


def test_words_said_into_an_echo_count_without_the_patients() -> None:
    patient = timed(PATIENT)[:2]
    own = timed("can i stop you", from_ms=10_450)
    both = going_on("it started can i stop you", 900.0, words=(*patient, *own), playing=patient)
    assert judge(both, SETTINGS) is Claim.YIELD
    only_okay = over("it okay", 500.0, words=(patient[0], *timed("okay right", from_ms=10_450)), playing=patient)
    assert judge(only_okay, SETTINGS) is Claim.BACKCHANNEL


def test_on_its_guard_the_patient_yields_to_clear_words_alone() -> None:
    assert judge(going_on("the tablets", 1_500.0, guarded=True), SETTINGS) is Claim.UNDECIDED
    assert judge(going_on("", 5_000.0, guarded=True), SETTINGS) is Claim.UNDECIDED
    assert judge(over("the tablets", 1_500.0, guarded=True), SETTINGS) is Claim.BACKCHANNEL
    assert judge(over("why", 300.0, guarded=True), SETTINGS) is Claim.BACKCHANNEL  # one word may be invented
    assert judge(going_on("excuse me", 500.0, guarded=True), SETTINGS) is Claim.YIELD
    assert judge(over("which leg is it", 900.0, guarded=True), SETTINGS) is Claim.YIELD


def test_on_its_guard_it_yields_to_words_that_are_known_to_be_no_echo() -> None:
    words = going_on("the tablets will help with the pain", 1_500.0, guarded=True, echo=False)
    assert judge(words, SETTINGS) is Claim.YIELD
    assert judge(replace(words, echo=None), SETTINGS) is Claim.UNDECIDED
    whole = over("the tablets will help with the pain", 1_500.0, guarded=True, echo=False)
    assert judge(whole, SETTINGS) is Claim.YIELD
    assert judge(replace(whole, echo=None), SETTINGS) is Claim.BACKCHANNEL


# ------------------------------------------------------------------ answers, corrections, requests

ASKED = Context(Asked(last=True))
GOES_ON = Context(Asked(last=False))


@pytest.mark.parametrize("text", ["yes", "no", "okay", "sure", "no not really", "mm-hmm"])
def test_what_encourages_elsewhere_answers_a_question(text: str) -> None:
    assert judge(over(text, 300.0, context=ASKED), SETTINGS) is Claim.YIELD
    assert judge(over(text, 300.0, context=GOES_ON), SETTINGS) is Claim.YIELD
    assert judge(going_on(text, 300.0, context=ASKED), SETTINGS) is Claim.UNDECIDED


def test_a_cough_while_a_question_ends_answers_nothing() -> None:
    assert judge(over("", 400.0, context=ASKED), SETTINGS) is Claim.NOISE
    assert judge(over("hmm", 400.0, context=ASKED), SETTINGS) is Claim.BACKCHANNEL


@pytest.mark.parametrize("text", ["no", "listen", "not yet", "come again", "mr brown", "just a moment", "hello"])
def test_short_words_that_contradict_or_address_take_the_floor_when_they_are_over(text: str) -> None:
    assert judge(over(text, 300.0), SETTINGS) is Claim.YIELD
    assert judge(going_on(text, 300.0), SETTINGS) is Claim.UNDECIDED


@pytest.mark.parametrize("text", ["oh no", "no no of course", "no of course not", "go on", "please go on"])
def test_sympathy_gives_the_floor_back_however_long_it_takes(text: str) -> None:
    assert judge(over(text, 1_400.0), SETTINGS) is Claim.BACKCHANNEL


@pytest.mark.parametrize("text", ["no", "no no", "oh no", "no no of"])
def test_a_no_that_goes_on_may_become_sympathy(text: str) -> None:
    assert judge(going_on(text, SETTINGS.yield_after_ms + 100), SETTINGS) is Claim.UNDECIDED
    assert judge(going_on(text, SETTINGS.backchannel_ms), SETTINGS) is Claim.YIELD


def test_who_greets_while_the_patient_does_is_not_answered() -> None:
    assert judge(over("good morning", 600.0, context=Context(first_words=True)), SETTINGS) is Claim.GREETING


@pytest.mark.parametrize("text", ["no", "yes", "okay", "listen", "just a moment", "say that again"])
def test_on_its_guard_the_patient_takes_its_own_short_words_for_nobodys(text: str) -> None:
    for context in (ASKED, GOES_ON, Context()):
        unknown = over(text, 300.0, guarded=True, context=context)
        assert judge(unknown, SETTINGS) is Claim.BACKCHANNEL
        assert judge(replace(unknown, echo=True), SETTINGS) is Claim.ECHO
    known = over(text, 300.0, guarded=True, context=ASKED, echo=False)
    assert judge(known, SETTINGS) is Claim.YIELD


def test_the_patients_own_yes_or_no_that_comes_back_is_an_echo() -> None:
    for text in ("no", "yes"):
        back = over(text, 300.0, context=ASKED, words=timed(text, from_ms=10_150), playing=timed(text))
        assert judge(back, SETTINGS) is Claim.ECHO


def test_a_candidate_may_answer_with_the_patients_last_word() -> None:
    right = over("right", 300.0, context=ASKED, words=timed("right", from_ms=10_300), playing=timed("right"))
    assert judge(right, SETTINGS) is Claim.ECHO
    assert judge(replace(right, echo=False), SETTINGS) is Claim.YIELD
    assert judge(replace(right, echo=False, guarded=True), SETTINGS) is Claim.NOISE
    assert judge(replace(right, echo=False, echoes=True), SETTINGS) is Claim.NOISE


def test_an_oh_that_meets_the_patients_still_belongs_to_what_follows() -> None:
    words = timed("oh no", from_ms=10_200)
    sympathy = over("oh no", 700.0, words=words, playing=timed("oh right"), echo=False)
    assert judge(sympathy, SETTINGS) is Claim.BACKCHANNEL


# ------------------------------------------------------------------ whatever happens


texts = st.lists(
    st.sampled_from("okay right i see can you the tablets um mm why sorry of core all it it's no but".split()),
    max_size=6,
).map(" ".join)


@given(
    text=texts,
    voiced_ms=st.floats(0, 60_000),
    guarded=st.booleans(),
    echo=st.none() | st.booleans(),
    stable=st.booleans(),
)
def test_what_is_over_is_always_decided_in_time(
    text: str, voiced_ms: float, guarded: bool, echo: bool | None, stable: bool
) -> None:
    known = over(text, voiced_ms, guarded=guarded, echo=echo, stable=stable)
    assert judge(replace(known, silent_ms=SETTINGS.give_up_ms), SETTINGS) is not Claim.UNDECIDED
    assert SETTINGS.give_up_ms < RESUMED_BY_MS


@given(text=texts, voiced_ms=st.floats(0, 5_000))
def test_what_took_the_floor_takes_it_when_it_lasts_longer(text: str, voiced_ms: float) -> None:
    if judge(going_on(text, voiced_ms), SETTINGS) is Claim.YIELD:
        assert judge(going_on(text, voiced_ms + 500), SETTINGS) is Claim.YIELD
    assert judge(going_on(text, voiced_ms), SETTINGS) in (Claim.UNDECIDED, Claim.YIELD)
