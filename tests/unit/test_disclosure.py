"""What may be told, by the card's rules alone: cues, facts, denials, and what anybody would say."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from pipelines.engines import CueMatch, HistoryItem, Interpretation, Release, RespondKind
from pipelines.intent.acts import Act
from pipelines.patient.card import Card
from pipelines.patient.card_library import CardLibrary
from pipelines.patient.disclosure import Disclosure, Moment, nothing_to_tell
from pipelines.patient.persona import persona_of


@cache
def wound() -> Card:
    return CardLibrary.load(Path(__file__).parents[2] / "configs" / "cards")["nursing-leg-wound"]


def release(heard: Interpretation, *, told: tuple[str, ...] = (), last: str = "", seed: int = 0) -> Release:
    history = (HistoryItem("patient", last),) if last else ()
    disclose = Disclosure(wound(), seed, lambda: {"fever": "No, no fever."})
    return disclose(Moment(RespondKind.REPLY, 1, "something", heard, history, told))


def asked(item: str, probability: float = 0.9) -> Interpretation:
    return Interpretation(Act.CUE, probability, (CueMatch(item, probability, "an example"),), probability, "a match")


def test_a_cue_is_told_in_the_cards_words() -> None:
    told = release(asked("pain"))
    assert (told.cue, told.act, told.score) == ("pain", Act.CUE, 0.9)
    assert told.text in wound().cue("pain").says


def test_a_fact_is_told_and_is_no_cue() -> None:
    told = release(asked("which-leg"))
    assert (told.cue, told.fact) == (None, "which-leg")
    assert told.text in wound().fact("which-leg").says
    with pytest.raises(KeyError):
        wound().fact("pain")


def test_a_cue_that_is_not_due_is_not_told() -> None:
    told = release(asked("worry-leg"))
    assert (told.cue, told.act) == (None, Act.UNKNOWN)
    assert release(asked("worry-leg"), told=("how-it-happened",)).cue == "worry-leg"


def test_who_has_nothing_of_a_common_topic_says_so() -> None:
    unknown = Interpretation(Act.UNKNOWN, 0.9, reason="nothing fits")
    assert release(unknown).text in wound().lines.not_on_card
    fever = Interpretation(Act.UNKNOWN, 0.9, reason="nothing fits", topic="fever")
    assert release(fever).text == "No, no fever."
    other = Interpretation(Act.UNKNOWN, 0.9, reason="nothing fits", topic="pregnancy")
    assert release(other).text in wound().lines.not_on_card


@pytest.mark.parametrize(("topic", "text"), [("age", "I'm 58."), ("name", "It's Daniel Foster.")])
def test_name_and_age_are_known(topic: str, text: str) -> None:
    assert release(Interpretation(Act.UNKNOWN, topic=topic)).text == text


@pytest.mark.parametrize(
    ("act", "lines"),
    [
        (Act.EMPATHY, "comforted"),
        (Act.REASSURANCE, "comforted"),
        (Act.BAD_NEWS, "bad_news"),
        (Act.RUDE, "hurt"),
        (Act.APOLOGY, "language"),
        (Act.ASIDE, "aside"),
        (Act.SUMMARY, "summary"),
        (Act.PROPOSAL, "agree"),
        (Act.EXPLANATION, "acknowledge"),
        (Act.PERMISSION, "permit"),
    ],
)
def test_what_anybody_would_say(act: Act, lines: str) -> None:
    told = release(Interpretation(act))
    assert told.text in getattr(wound().lines, lines)
    assert told.cue is None


def test_readiness_is_the_cards_own_where_it_has_one() -> None:
    assert release(Interpretation(Act.READINESS)).text in wound().fact("readiness").says
    bare = wound().model_copy(update={"facts": ()})
    told = Disclosure(bare)(Moment(RespondKind.REPLY, 1, "", Interpretation(Act.READINESS)))
    assert told.text in bare.lines.readiness


def test_hopes_are_told_to_whoever_asks_for_them() -> None:
    heard = Interpretation(Act.INVITATION, 0.8, (CueMatch("hopes", 0.8, "what do you hope for"),))
    told = release(heard, told=("how-it-happened", "worry-leg"))
    assert told.text in wound().fact("hopes").says


def test_a_question_that_fits_nothing_is_denied() -> None:
    assert release(Interpretation(Act.CUE)).act is Act.UNKNOWN


def test_the_same_moment_gives_the_same_release_and_another_seed_may_not() -> None:
    texts = {release(asked("pain"), seed=seed).text for seed in range(20)}
    assert texts == set(wound().cue("pain").says)
    assert release(asked("pain"), seed=3) == release(asked("pain"), seed=3)


def test_a_patient_without_a_card_tells_nothing() -> None:
    assert nothing_to_tell(Moment(RespondKind.REPLY, 1, interpretation=asked("pain"))) == Release(Act.CUE, "")


def test_a_persona_has_nothing_that_is_to_be_found_out() -> None:
    card = wound()
    told = repr(persona_of(card))
    for text in (*card.patient.hidden_facts, card.patient.history, card.patient.persona):
        assert text not in told
    assert not {"diabetes", "metformin", "father"} & set(told.lower().split())
