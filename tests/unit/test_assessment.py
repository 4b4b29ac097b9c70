"""Measures of a role-play: what is counted, what is shown for it, and when nothing is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pipelines.assessment.measure import DEFINITIONS, Measure
from pipelines.assessment.measure_set import measure_log
from pipelines.assessment.spoken import ActReading
from pipelines.assessment.syllables import syllables
from pipelines.patient.card_library import CardLibrary
from server.reference_docs import measures_markdown
from tests.unit.spoken_log import WORD_MS, SpokenLog

CARD = CardLibrary.load(Path(__file__).resolve().parents[2] / "configs" / "cards").get_card("nursing-leg-wound")
FIFTY = "The wound takes time because the blood has a long way to go down the leg and back up to the heart " * 3


class Reader:
    """Takes sentences for what a test says, by how they begin."""

    def __init__(self, **acts: str) -> None:
        self._acts = acts

    def read(self, texts: Sequence[str]) -> list[ActReading]:
        return [ActReading(self._acts.get(text.split()[0].lower(), "statement"), 0.9) for text in texts]


def measured(log: SpokenLog, reader: Reader | None = None) -> Mapping[str, Measure]:
    return {each.id: each for each in measure_log(log.entries, CARD, reader)}


def test_every_measure_is_there_once_in_the_order_of_the_definitions() -> None:
    assert [each.id for each in measure_log(SpokenLog().entries, CARD)] == list(DEFINITIONS)


def test_nothing_but_the_cues_is_measured_where_nothing_was_said() -> None:
    found = measured(SpokenLog())
    assert {name for name, each in found.items() if each.value is not None} == {"cues"}
    assert all(each.unmeasured for name, each in found.items() if name != "cues")


# ------------------------------------------------------------------ pace and pauses


def test_pace_is_words_by_the_time_of_the_turns_and_syllables_by_the_time_spoken() -> None:
    log = SpokenLog()
    log.candidate(FIFTY, pauses={4: 1000.0})
    words = len(FIFTY.split())
    found = measured(log)
    turn_ms = words * WORD_MS + 1000.0
    assert found["speech_rate"].value == pytest.approx(words / (turn_ms / 60_000.0))
    spoken_s = words * WORD_MS / 1000.0
    assert found["articulation_rate"].value == pytest.approx(sum(map(syllables, FIFTY.split())) / spoken_s)


def test_a_pause_before_because_or_after_a_comma_is_between_clauses() -> None:
    log = SpokenLog()
    log.candidate("Well, " + FIFTY, pauses={1: 400.0, 5: 400.0, 8: 700.0, 12: 200.0})
    inside = measured(log)["pauses_inside"]
    assert inside.counts["inside"] == 1
    assert inside.counts["between"] == 2
    (shown,) = inside.evidence
    assert shown.text == "because the blood … has a long"
    assert shown.to_ms - shown.from_ms == 700.0
    assert measured(log)["pause_length"].value == 700.0


def test_a_pause_that_ends_the_turn_is_none() -> None:
    log = SpokenLog()
    log.candidate(FIFTY)
    assert measured(log)["pauses_inside"].value == 0.0
    assert measured(log)["pause_length"].unmeasured == "not_due"


def test_fillers_and_repairs_are_counted_with_their_places() -> None:
    log = SpokenLog()
    log.candidate(f"Um, I want, I mean the the dressing is, uh, very very good. {FIFTY}")
    found = measured(log)
    assert [each.text for each in found["fillers"].evidence] == ["Um,", "uh,"]
    assert [(each.text, each.kind) for each in found["repairs"].evidence] == [
        ("the the", "repeated"),
        ("I mean", "corrected"),
    ]
    assert found["fillers"].evidence[0].from_ms == 1000.0


@pytest.mark.parametrize("sure", [0.1, None])
def test_nothing_is_said_of_words_that_the_recogniser_was_not_sure_of(sure: float | None) -> None:
    log = SpokenLog()
    log.candidate(FIFTY, sure=sure)
    found = measured(log, Reader(the="explanation"))
    for name in ("speech_rate", "pauses_inside", "fillers", "repairs", "jargon", "signposting"):
        assert (found[name].value, found[name].unmeasured) == (None, "unsure")


def test_too_little_is_no_measure() -> None:
    log = SpokenLog()
    log.candidate("Good morning, my name is Anna.")
    assert measured(log)["speech_rate"].unmeasured == "too_little"
    assert measured(log)["lexical_range"].unmeasured == "too_little"


# ------------------------------------------------------------------ words


def test_the_range_is_the_mean_share_of_different_words_in_fifty() -> None:
    log = SpokenLog()
    log.candidate(" ".join(f"word{number % 25}" for number in range(120)))
    assert measured(log)["lexical_range"].value == pytest.approx(25 / 50)


def test_a_hard_word_is_explained_in_its_sentence_or_the_next() -> None:
    log = SpokenLog()
    log.candidate("There is some erythema. That means redness. We will arrange debridement on Monday. Is that fine?")
    jargon = measured(log, Reader())["jargon"]
    assert [(each.text, each.kind) for each in jargon.evidence] == [
        ("There is some erythema.", "explained"),
        ("We will arrange debridement on Monday.", "not explained"),
    ]


@pytest.mark.parametrize(
    ("word", "count"), [("rinse", 1), ("little", 2), ("Metformin,", 3), ("25", 3), ("don't", 1), ("...", 0)]
)
def test_syllables(word: str, count: int) -> None:
    assert syllables(word) == count


# ------------------------------------------------------------------ the talk


def test_open_and_closed_questions_are_told_by_their_form() -> None:
    log = SpokenLog()
    log.candidate("Can you tell me how it happened? Do you smoke? Can you tell me if you smoke?")
    log.candidate("How many a day? What is the pain like?")
    log.candidate("I'd like to ask you some questions.")
    acts = dict.fromkeys(("can", "do", "how", "what", "i'd"), "cue_question")
    questions = measured(log, Reader(**acts))["open_questions"]
    assert [each.kind for each in questions.evidence] == ["open", "closed", "closed", "closed", "open"]
    assert questions.value == pytest.approx(2 / 5)


def test_a_worry_is_met_in_one_of_the_next_two_turns() -> None:
    for empty_turns, met in ((1, 1.0), (2, 0.0)):
        log = SpokenLog()
        log.candidate("What worries you?", "invitation")
        log.patient("They took his leg off.", tells="worry-leg")
        for _ in range(empty_turns):
            log.candidate("Do you smoke?", "cue_question")
            log.patient("I do.")
        log.candidate("I can see why that frightens you.", "empathy")
        empathy = measured(log)["empathy"]
        assert empathy.value == met
        assert empathy.evidence[0].text == CARD.cue("worry-leg").topic


def test_a_worry_that_is_told_again_counts_once_where_it_was_told_first() -> None:
    log = SpokenLog()
    log.candidate("What worries you?", "invitation")
    told_ms = log.at_ms
    log.patient("They took his leg off.", tells="worry-leg")
    log.candidate("I can see why that frightens you.", "empathy")
    log.patient("Yes.")
    log.candidate("Could you say that again?", "repeat")
    log.patient("As I said, they took his leg off.", tells="worry-leg")
    found = measured(log)
    assert found["empathy"].counts == {"worries": 1, "met": 1}
    assert found["empathy"].evidence[0].from_ms == told_ms
    (cue,) = (each for each in found["cues"].evidence if each.kind == "found")
    assert cue.from_ms == told_ms


def test_no_worry_told_is_not_the_same_as_none_met() -> None:
    log = SpokenLog()
    log.candidate("Do you smoke?", "cue_question")
    log.patient("I do.", tells="smoking")
    assert measured(log)["empathy"].unmeasured == "not_due"


def test_an_explanation_is_checked_in_its_turn_or_the_next() -> None:
    explanation = "The wound is slow because the blood has a long way to go down here."
    log = SpokenLog()
    log.candidate(f"{explanation} Does that make sense?")
    log.patient("Yes.")
    log.candidate(explanation)
    log.patient("I see.")
    log.candidate("Goodbye then.")
    checked = measured(log, Reader(the="explanation", does="check"))["checked"]
    assert (checked.value, checked.counts["explained"]) == (0.5, 2)
    assert [each.kind for each in checked.evidence] == ["checked", "check", "not checked"]


def test_a_cue_that_was_cut_off_is_partly_heard() -> None:
    log = SpokenLog()
    log.candidate("Do you smoke?", "cue_question")
    log.patient("I do, yes. About fifteen a day.", tells="smoking", heard="I do,")
    log.candidate("And the pain?", "cue_question")
    log.patient("It throbs.", tells="pain")
    found = measured(log)
    states = {each.text: each.kind for each in found["cues"].evidence}
    assert states[CARD.cue("smoking").topic] == "partly"
    assert states[CARD.cue("pain").topic] == "found"
    assert found["cues"].counts == {"found": 1, "partly": 1, "missed": len(CARD.cues) - 2}
    assert found["floor"].counts["patient_cut_off"] == 1


@pytest.mark.parametrize(("heard", "state"), [("All right.", "missed"), ("All right. I can do that. They", "partly")])
def test_the_line_before_a_worry_is_no_part_of_it(heard: str, state: str) -> None:
    log = SpokenLog()
    log.candidate("Keep the leg up in the evening.", "advice")
    log.patient("All right. I can do that. They took his leg off.", tells="worry-leg", heard=heard)
    (cue,) = (each for each in measured(log)["cues"].evidence if each.text == CARD.cue("worry-leg").topic)
    assert cue.kind == state


def test_what_is_sent_has_its_definition_and_its_limits() -> None:
    log = SpokenLog()
    log.candidate(FIFTY)
    sent = measured(log)["speech_rate"].as_json()
    assert sent["unit"] == "words/min"
    assert sent["definition"]
    assert sent["limits"]
    assert sent["evidence"][0]["from_ms"] == 1000


def test_the_page_of_measures_is_up_to_date() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "measures.md").read_text(encoding="utf-8")
    assert page == measures_markdown(), "run `python -m server.reference_docs docs`"
