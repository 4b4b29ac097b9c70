"""LocalAgreement-2: what two readings in a row agree on is there for good."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelines.stt.agreement import LocalAgreement

WORDS = st.lists(st.sampled_from(["the", "the,", "leg", "leg.", "hurts", "a", "lot?"]), max_size=8)


def reading(agreement: LocalAgreement, text: str) -> tuple[str, str]:
    """Return what is shown after this reading, and what of it is there for good."""
    shown = agreement.read(text.split())
    return " ".join(shown), " ".join(agreement.agreed)


def test_a_word_is_there_for_good_once_two_readings_in_a_row_have_it() -> None:
    agreement = LocalAgreement()
    assert reading(agreement, "how") == ("how", "")
    assert reading(agreement, "how long") == ("how long", "how")
    assert reading(agreement, "how wrong have") == ("how wrong have", "how")
    assert reading(agreement, "how long have you") == ("how long have you", "how")
    assert reading(agreement, "how long have you") == ("how long have you", "how long have you")


def test_agreement_has_no_holes() -> None:
    agreement = LocalAgreement()
    reading(agreement, "so does it hurt")
    assert reading(agreement, "oh does it hurt") == ("oh does it hurt", "")


def test_a_reading_that_goes_back_on_what_was_agreed_is_shown_with_what_was_agreed() -> None:
    agreement = LocalAgreement()
    reading(agreement, "where does it hurt")
    reading(agreement, "where does it hurt")
    assert reading(agreement, "there was it hurting you") == ("where does it hurt you", "where does it hurt")
    assert reading(agreement, "") == ("where does it hurt", "where does it hurt")


def test_the_mark_after_the_last_word_is_a_guess_and_the_one_inside_is_not() -> None:
    agreement = LocalAgreement()
    reading(agreement, "show me your leg.")
    assert reading(agreement, "show me your leg, please") == ("show me your leg, please", "show me your leg,")
    other = LocalAgreement()
    reading(other, "yes, I see")
    assert reading(other, "yes. I see") == ("yes. I see", "")


def test_a_mark_at_the_very_end_of_both_is_no_agreement_yet() -> None:
    agreement = LocalAgreement()
    reading(agreement, "your leg.")
    assert reading(agreement, "your leg?") == ("your leg?", "your")


def test_words_whose_sound_was_let_go_are_forgotten_in_both() -> None:
    agreement = LocalAgreement()
    reading(agreement, "I see. How long")
    reading(agreement, "I see. How long")
    agreement.forget(2)
    assert agreement.agreed == ("How", "long")
    assert reading(agreement, "How long ago") == ("How long ago", "How long")
    assert reading(agreement, "How long ago was") == ("How long ago was", "How long ago")


@given(st.lists(WORDS, max_size=12))
def test_agreed_words_never_change(readings: list[list[str]]) -> None:
    agreement = LocalAgreement()
    agreed: tuple[str, ...] = ()
    for words in readings:
        shown = agreement.read(words)
        assert agreement.agreed[: len(agreed)] == agreed
        agreed = agreement.agreed
        assert shown[: len(agreed)] == agreed
        assert len(shown) == max(len(agreed), len(words))


@given(st.lists(WORDS, min_size=2, max_size=12))
def test_what_is_agreed_newly_was_in_both_readings(readings: list[list[str]]) -> None:
    agreement = LocalAgreement()
    shown = agreement.read(readings[0])
    for words in readings[1:]:
        before, done, shown = shown, len(agreement.agreed), agreement.read(words)
        for index in range(done, len(agreement.agreed)):
            assert shown[index] == words[index]
            assert shown[index].rstrip(",.?") == before[index].rstrip(",.?")
