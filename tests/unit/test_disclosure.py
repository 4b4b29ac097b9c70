"""What may be told, by the card's rules alone: cues, facts, denials, and what anybody would say."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from pipelines.engines import AlsoAsked, CueMatch, HistoryItem, Interpretation, Release, RespondKind
from pipelines.intent.acts import Act
from pipelines.intent.exemplars import Denial
from pipelines.patient.card import Card
from pipelines.patient.card_library import CardLibrary
from pipelines.patient.deflections import ASKS_WHY, DEFLECTIONS, AnswerForm
from pipelines.patient.disclosure import LEADS, Disclosure, Moment, nothing_to_tell
from pipelines.patient.persona import persona_of
from pipelines.patient.summaries import WRONG_LINE
from server.sessions.factory import seed_of


@cache
def wound() -> Card:
    return CardLibrary.load(Path(__file__).parents[2] / "configs" / "cards")["nursing-leg-wound"]


def release(heard: Interpretation, *, told: tuple[str, ...] = (), last: str = "", seed: int = 0) -> Release:
    history = (HistoryItem("patient", last),) if last else ()
    disclose = Disclosure(wound(), seed, lambda: {"fever": Denial("No, no fever.")})
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
    assert told.text in wound().lines.not_yet
    assert release(asked("worry-leg"), told=("how-it-happened",)).cue == "worry-leg"


def test_who_has_nothing_of_a_common_topic_says_so() -> None:
    unknown = Interpretation(Act.UNKNOWN, 0.9, reason="nothing fits")
    assert release(unknown).text in ASKS_WHY
    fever = Interpretation(Act.UNKNOWN, 0.9, reason="nothing fits", topic="fever")
    assert release(fever).text == "No, no fever."
    other = Interpretation(Act.UNKNOWN, 0.9, reason="nothing fits", topic="pregnancy")
    assert release(other).text in ASKS_WHY


@pytest.mark.parametrize(("topic", "text"), [("age", "I'm 58."), ("name", "It's Daniel Foster.")])
def test_name_and_age_are_known(topic: str, text: str) -> None:
    assert release(Interpretation(Act.UNKNOWN, topic=topic)).text == text


@pytest.mark.parametrize(
    ("act", "lines"),
    [
        (Act.EMPATHY, "comforted"),
        (Act.REASSURANCE, "comforted"),
        (Act.BAD_NEWS, "bad_news"),
        (Act.WARNING_SHOT, "warned"),
        (Act.REQUEST, "comply"),
        (Act.RUDE, "hurt"),
        (Act.APOLOGY, "language"),
        (Act.ASIDE, "aside"),
        (Act.HARMFUL, "unsafe"),
        (Act.PROPOSAL, "agree"),
        (Act.CHOICE, "choose"),
        (Act.SMALL_TALK, "small_talk"),
        (Act.EXPLANATION, "acknowledge"),
        (Act.PERMISSION, "permit"),
    ],
)
def test_what_anybody_would_say(act: Act, lines: str) -> None:
    told = release(Interpretation(act))
    assert told.text in getattr(wound().lines, lines)
    assert told.cue is None


def of_card(card: Card, text: str, heard: Interpretation, *, told: tuple[str, ...] = ()) -> Release:
    denials = {"fever": Denial("No, no fever.", "No, {he} hasn't had a fever.")}
    return Disclosure(card, 0, lambda: denials)(Moment(RespondKind.REPLY, 1, text, heard, (), told))


def test_who_speaks_for_a_child_or_an_animal_says_he_or_she() -> None:
    unknown = Interpretation(Act.UNKNOWN, 0.9, topic="fever")
    cards = CardLibrary.load(Path(__file__).parents[2] / "configs" / "cards")
    mother, owner = cards["speech-pathology-child-stutter"], cards["veterinary-itchy-dog"]
    assert of_card(mother, "Any fever?", unknown).text == "No, he hasn't had a fever."
    assert of_card(owner, "Have you noticed a fever?", unknown).text == "No, she hasn't had a fever."
    assert of_card(mother, "Do you have a fever?", unknown).text == "No, no fever."
    assert of_card(wound(), "Has he a fever?", unknown).text == "No, no fever."


def matched(act: Act, item: str, probability: float, example: str = "an example", topic: str = "") -> Interpretation:
    return Interpretation(act, 0.6, (CueMatch(item, probability, example),), topic=topic)


def test_a_request_for_leave_has_the_cards_own_answer_where_it_has_one() -> None:
    asks = matched(Act.PERMISSION, "call-somebody", 0.95, "can I phone your wife")
    assert of_card(wound(), "Can I phone your wife?", asks).fact == "call-somebody"
    looks = matched(Act.PERMISSION, "which-leg", 0.95, "which leg is it")
    assert of_card(wound(), "May I look at your leg?", looks).text in wound().lines.permit


def test_what_is_to_be_shown_is_told() -> None:
    shows = matched(Act.REQUEST, "which-leg", 0.95)
    assert of_card(wound(), "Could you show me where it is?", shows).fact == "which-leg"
    assert of_card(wound(), "Could you lift your leg?", shows).text in wound().lines.comply


def test_an_invitation_is_answered_by_what_was_invited() -> None:
    questions = matched(Act.INVITATION, "hopes", 0.7, topic="questions")
    assert of_card(wound(), "Any questions?", questions).text in wound().lines.nothing_more
    hopes = matched(Act.INVITATION, "home-help", 0.5, topic="hopes")
    assert of_card(wound(), "What do you hope for?", hopes).fact == "hopes"
    worries = matched(Act.INVITATION, "daughter-view", 0.9, topic="worries")
    assert of_card(wound(), "Is anything else worrying you?", worries).text in wound().lines.nothing_more


def test_a_greeting_that_asks_how_one_is_is_answered() -> None:
    asks = matched(Act.GREETING, "how-are-you", 0.95)
    told = of_card(wound(), "Good morning, how are you?", asks)
    assert told.fact == "how-are-you"
    assert told.text.startswith(tuple(wound().lines.greeting))


def test_a_fact_corrects_a_summary_though_nobody_asked_for_it() -> None:
    heard = Interpretation(Act.SUMMARY, 0.9, claims=(("it's on your right leg", "which-leg"),))
    assert of_card(wound(), "So it's on your right leg?", heard).text.startswith("Not quite. Left one.")


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


def heard_before(*texts: str, candidate: tuple[str, ...] = ()) -> tuple[HistoryItem, ...]:
    said = [HistoryItem("candidate", text) for text in candidate]
    return (*said, *(HistoryItem("patient", text) for text in texts))


def answer(
    text: str,
    act: Act,
    *,
    history: tuple[HistoryItem, ...] = (),
    told: tuple[str, ...] = (),
    item: str = "",
    about: str = "",
) -> Release:
    cues = (CueMatch(item, 0.5, "an example"),) if item else ()
    heard = Interpretation(act, 0.5, cues, claims=((text, about),) if about else ())
    moment = Moment(RespondKind.REPLY, 1, text, heard, history, told)
    return Disclosure(wound())(moment)


def test_a_patient_who_is_not_sure_asks_back_and_takes_a_yes() -> None:
    unsure = answer("And the thing on it?", Act.UNSURE, item="dressing")
    assert (unsure.text, unsure.cue) == ("Sorry, are you asking about looking after the dressing?", None)
    asked_back = heard_before(unsure.text)
    for text, act in (("Yes, please.", Act.ACKNOWLEDGEMENT), ("Exactly.", Act.REASSURANCE)):
        assert answer(text, act, history=asked_back).cue == "dressing"
    assert answer("No, I mean the pain.", Act.CUE, history=asked_back, item="pain").cue == "pain"
    # Nobody asks back twice.
    assert answer("The thing on the leg.", Act.UNSURE, history=asked_back, item="dressing").cue == "dressing"


def test_what_is_told_of_ones_own_accord_is_not_named_before_it_is_told() -> None:
    assert answer("Is it, you know?", Act.UNSURE, item="worry-leg").text == "Sorry, what do you mean exactly?"


def test_a_fact_is_told_where_it_may_well_have_been_meant() -> None:
    assert release(matched(Act.UNSURE, "which-leg", 0.65)).fact == "which-leg"
    assert release(matched(Act.UNSURE, "which-leg", 0.55)).fact is None


def test_a_cue_cut_short_goes_on_where_it_broke_off_when_asked() -> None:
    first, rest = wound().cue("pain").says[1].split(". ", 1)
    cut = heard_before(f"{first}. Mornings")
    for asked_again in (
        answer("Go on.", Act.OPEN, history=cut),
        answer("So the pain?", Act.CUE, history=cut, item="pain"),
    ):
        assert (asked_again.text, asked_again.cue) == (rest, "pain")
    # Where even the first sentence was not heard to its end, it is said again.
    begun = heard_before(" ".join(first.split()[:4]))
    assert answer("Go on.", Act.OPEN, history=begun).text == wound().cue("pain").says[1]


def test_a_cue_cut_short_behind_an_acknowledgement_goes_on_too() -> None:
    known = ("how-it-happened",)
    volunteered = answer("It may take weeks to heal.", Act.EXPLANATION, told=known)
    lead = next(line for line in wound().lines.acknowledge if volunteered.text.startswith(line))
    cut = heard_before(" ".join(volunteered.text.split()[: len(lead.split()) + 5]))
    assert answer("Please go on.", Act.OPEN, history=cut, told=known).cue == volunteered.cue == "worry-leg"


def test_nobody_has_nothing_more_to_say_and_then_says_it() -> None:
    asked = tuple(cue.id for cue in wound().cues if cue.kind == "asked")
    opened = answer("Tell me more.", Act.OPEN, told=asked)
    worry = next(cue for cue in wound().cues if cue.kind == "volunteered")
    assert (opened.cue, opened.text in worry.says) == (worry.id, True)
    everything = tuple(cue.id for cue in wound().cues)
    assert answer("Tell me more.", Act.OPEN, told=everything).text in wound().lines.nothing_more


@pytest.mark.parametrize("lead", LEADS)
def test_a_cue_cut_short_behind_any_lead_is_begun(lead: str) -> None:
    worry = next(cue for cue in wound().cues if cue.kind == "volunteered")
    told = (*worry.after, *(cue.id for cue in wound().cues if cue.kind == "volunteered" and cue is not worry))
    cut = f"{getattr(wound().lines, lead)[0]} {' '.join(worry.says[0].split()[:5])}"
    history = heard_before(cut)
    assert answer("I see.", Act.EXPLANATION, told=told).cue == worry.id
    assert answer("I see.", Act.EXPLANATION, history=history, told=told).cue is None


def test_after_both_have_said_goodbye_the_patient_says_no_more() -> None:
    parted = heard_before(wound().lines.closing[0])
    assert answer("Goodbye!", Act.FAREWELL, history=parted).text == ""
    assert answer("Thank you.", Act.ACKNOWLEDGEMENT, history=parted).text == ""
    assert Disclosure(wound())(Moment(RespondKind.SILENCE, 2, history=parted)).text == ""
    # Who asks after all is answered.
    assert answer("Oh, do you smoke?", Act.CUE, history=parted, item="smoking").cue == "smoking"


def test_the_person_who_speaks_comes_before_the_role_play() -> None:
    heard = Interpretation(Act.ADVICE, 0.7, distress="self_harm")
    told = Disclosure(wound())(Moment(RespondKind.REPLY, 1, "I want to die.", heard))
    assert told.text == "Are you all right? We can stop for a moment."


def both(first: Act, item: str, *also: AlsoAsked, told: tuple[str, ...] = ()) -> Release:
    cues = (CueMatch(item, 0.9, "an example"),) if item else ()
    return release(Interpretation(first, 0.9, cues, also=also), told=told)


def test_two_things_that_are_asked_in_one_breath_are_both_answered() -> None:
    told = both(Act.CUE, "smoking", AlsoAsked("do you drink?", item="alcohol"))
    assert told.cue == "smoking"
    assert any(told.text.startswith(text) for text in wound().cue("smoking").says)
    assert any(told.text.endswith(text) for text in wound().fact("alcohol").says)
    assert "'do you drink?' was asked as well" in told.reason

    told = both(Act.CUE, "work", AlsoAsked("How old are you", topic="age"), AlsoAsked("any fever?", topic="fever"))
    assert told.text.endswith("I'm 58. No, no fever.")
    assert (told.cue, told.fact) == (None, "work")


def test_only_one_cue_is_told_in_one_breath_and_it_comes_first() -> None:
    told = both(Act.CUE, "alcohol", AlsoAsked("do you smoke", item="smoking"), AlsoAsked("any pain?", item="pain"))
    assert told.cue == "smoking"
    assert any(told.text.startswith(text) for text in wound().cue("smoking").says)
    assert not any(text in told.text for text in wound().cue("pain").says)


def test_a_cue_that_is_not_due_is_not_told_in_the_same_breath_either() -> None:
    told = both(Act.CUE, "alcohol", AlsoAsked("what worries you?", item="worry-leg"))
    assert told.cue is None
    assert told.text in wound().fact("alcohol").says
    assert both(Act.CUE, "alcohol", AlsoAsked("w?", item="worry-leg"), told=("how-it-happened",)).cue == "worry-leg"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Would you like me to call your daughter?", "accept"),
        ("Shall I write that down for you?", "accept"),
        ("Could you try that for a week?", "agree"),
    ],
)
def test_an_offer_is_taken_and_a_proposal_agreed_to(text: str, lines: str) -> None:
    assert answer(text, Act.PROPOSAL).text in getattr(wound().lines, lines)


def test_a_worry_that_is_asked_for_too_early_is_not_told() -> None:
    heard = Interpretation(Act.INVITATION, 0.9, (CueMatch("worry-leg", 0.9, "what worries you"),))
    assert release(heard).text in wound().lines.not_yet
    assert release(heard, told=("how-it-happened",)).cue == "worry-leg"


def test_a_question_for_the_name_of_another_is_answered_with_that_name() -> None:
    card = CardLibrary.load(Path(__file__).parents[2] / "configs" / "cards")["veterinary-itchy-dog"]
    heard = Interpretation(Act.IDENTITY, 0.99, (CueMatch("dog-name", 0.9, "what is her name"),))
    told = Disclosure(card)(Moment(RespondKind.REPLY, 1, "What's her name?", heard))
    assert told.text in card.fact("dog-name").says


def test_who_asks_for_the_date_of_birth_by_the_name_gets_both() -> None:
    told = answer("Can I have your full name and date of birth please?", Act.IDENTITY)
    assert told.fact == "date-of-birth"
    assert told.text.startswith("It's Daniel Foster. ")


def test_name_and_date_of_birth_are_told_in_one_breath() -> None:
    both = answer("Can I check your full name and date of birth?", Act.CUE, item="date-of-birth")
    assert both.text.startswith("It's Daniel Foster. ")
    assert both.text[len("It's Daniel Foster. ") :] in wound().fact("date-of-birth").says
    assert answer("When were you born?", Act.CUE, item="date-of-birth").text in wound().fact("date-of-birth").says


def test_a_summary_is_confirmed_or_corrected_by_what_was_told() -> None:
    told = wound().cue("how-it-happened").says[0]
    history, cues = heard_before(told), ("how-it-happened", "worry-leg", "washing")
    about = "how-it-happened"
    right = answer("So it happened three weeks ago, right?", Act.SUMMARY, history=history, told=cues, about=about)
    assert right.text in wound().lines.summary
    wrong = answer("So it happened two days ago, right?", Act.SUMMARY, history=history, told=cues, about=about)
    assert wrong.text == f"Not quite. {told}"
    # What nobody has told is neither confirmed nor given away; it is only said that something is not so.
    untold = answer("So it happened three weeks ago?", Act.SUMMARY, about=about)
    assert untold.text in wound().lines.acknowledge
    untold = answer("So it happened two days ago?", Act.SUMMARY, about=about)
    assert untold.text == WRONG_LINE


def test_who_is_thanked_or_asked_by_name_says_so() -> None:
    assert answer("Thank you for telling me.", Act.ACKNOWLEDGEMENT).text in wound().lines.thanked
    assert answer("Good, that helps.", Act.ACKNOWLEDGEMENT).text in wound().lines.acknowledge
    assert answer("Are you Mr Foster?", Act.IDENTITY).text == "Yes, that's me."
    assert answer("What is your name?", Act.IDENTITY).text == "It's Daniel Foster."


def test_a_word_of_the_trade_is_asked_about_once() -> None:
    said = "This is a neuroischaemic ulcer."
    asked = answer(said, Act.EXPLANATION)
    assert asked.text == "Sorry, what does neuroischaemic mean?"
    again = answer(said, Act.EXPLANATION, history=heard_before(asked.text))
    assert again.text in wound().lines.acknowledge
    # A patient who knows what is meant answers.
    assert answer("Any dyspnoea?", Act.CUE, item="pain").cue == "pain"


@pytest.mark.parametrize(
    ("text", "subject", "form"),
    [
        ("Does your scalp itch?", "symptoms", AnswerForm.YES_OR_NO),
        ("How many of them are there?", "social", AnswerForm.AMOUNT),
        ("Why did you stop?", "social", AnswerForm.REASON),
    ],
)
def test_who_has_no_answer_says_so_in_a_way_that_fits_the_question(text: str, subject: str, form: AnswerForm) -> None:
    heard = Interpretation(Act.UNKNOWN, 0.9, subjects=((subject, 0.9),))
    said = Disclosure(wound())(Moment(RespondKind.REPLY, 1, text, heard, heard_before(ASKS_WHY[0])))
    assert said.text in DEFLECTIONS[form]


def test_what_one_must_know_is_not_denied_and_why_is_asked_once() -> None:
    heard = Interpretation(Act.UNKNOWN, 0.9, subjects=(("family", 0.9),))
    asked = Moment(RespondKind.REPLY, 1, "Is your gran still alive?", heard)
    assert Disclosure(wound())(asked).text in ASKS_WHY
    reason = replace(asked, text="I ask because it runs in families. Is your gran still alive?")
    assert Disclosure(wound())(reason).text in wound().lines.not_on_card
    again = replace(asked, history=heard_before(ASKS_WHY[1]))
    assert Disclosure(wound())(again).text in wound().lines.not_on_card


def test_a_teach_back_has_what_was_explained_and_only_that() -> None:
    explained = (
        "Diabetes makes wounds heal slowly. You should change your dressing every day.",
        "Please keep the leg up in the evening, and I'd like you to call us if it smells. Is that clear?",
    )
    told = answer(
        "Can you tell me what you will do?", Act.TEACH_BACK, history=heard_before("Okay.", candidate=explained)
    )
    assert told.text == (
        "So I should change my dressing every day, keep the leg up in the evening, and call you if it smells."
    )
    assert "diabetes" not in told.text.lower()
    nothing = answer("Can you tell me what you will do?", Act.TEACH_BACK)
    assert nothing.text == "I'm not sure. Could you tell me again what I should do?"


def test_in_an_exam_every_candidate_meets_the_same_patient() -> None:
    assert {seed_of(f"sess_{number}", "exam") for number in range(9)} == {0}
    assert len({seed_of(f"sess_{number}", "practice") for number in range(9)}) == 9
    # Whenever a cue is asked for, the words are the same.
    says = {Disclosure(wound())(Moment(RespondKind.REPLY, turn, "something", asked("pain"))).text for turn in range(9)}
    assert len(says) == 1


def test_volunteered_cues_that_are_due_come_in_another_order_in_practice() -> None:
    card = wound()
    free = tuple(cue.model_copy(update={"after": (), "kind": "volunteered"}) for cue in card.cues)
    card = card.model_copy(update={"cues": free})

    def first(seed: int) -> str | None:
        moment = Moment(RespondKind.REPLY, 1, "I see.", Interpretation(Act.ACKNOWLEDGEMENT))
        return Disclosure(card, seed)(moment).cue

    assert first(0) == card.cues[0].id
    assert len({first(seed) for seed in range(1, 30)}) > 3


def test_a_patient_without_a_card_tells_nothing() -> None:
    assert nothing_to_tell(Moment(RespondKind.REPLY, 1, interpretation=asked("pain"))) == Release(Act.CUE, "")


def test_a_persona_has_nothing_that_is_to_be_found_out() -> None:
    card = wound()
    told = repr(persona_of(card))
    for text in (*card.patient.hidden_facts, card.patient.history, card.patient.persona):
        assert text not in told
    assert not {"diabetes", "metformin", "father"} & set(told.lower().split())
