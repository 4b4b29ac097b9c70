"""Which tasks of the card were heard, and what a coach says first."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from bench.heard_tasks import Dialogue, Done, JudgedTask, figures_of, load_dialogues, spoken_as
from pipelines.assessment.assessor import Assessment, Assessor
from pipelines.assessment.coach import PHRASES, coach
from pipelines.assessment.measure import DEFINITIONS, Measure, not_measured
from pipelines.assessment.task_parts import PartKind, parts_of
from pipelines.intent.learned import LearnedInterpreter
from pipelines.patient.card_library import CardLibrary
from tests.by_spelling import by_spelling
from tests.unit.spoken_log import SpokenLog

ROOT = Path(__file__).resolve().parents[2]
CARDS = CardLibrary.load(ROOT / "configs" / "cards")
CARD = CARDS.get_card("nursing-leg-wound")
EXPLAINED = (
    "The skin on your shin is thin and the blood has a long way to go down there, so a wound takes weeks to heal. "
    "Today I will clean the wound, measure it and put on a new dressing."
)


# ------------------------------------------------------------------ what a task asks for


@pytest.mark.parametrize(
    ("task", "kinds"),
    [
        ("Find out how the wound came about (for example pain).", [PartKind.ASK]),
        ("Find out what worries him most, and respond to it.", [PartKind.RESPOND]),
        ("Find out how he uses an inhaler, and ask about allergies.", [PartKind.ASK, PartKind.ASK]),
        (
            "Respond to what worries her, and advise her on coffee, sleep and stress.",
            [PartKind.RESPOND, PartKind.ADVISE],
        ),
        ("Ask how people around him respond to it.", [PartKind.ASK]),
        ("Do whatever is needed.", [PartKind.ASK]),
    ],
)
def test_the_parts_of_a_task(task: str, kinds: list[PartKind]) -> None:
    assert [part.kind for part in parts_of(task)] == kinds


def test_a_part_names_its_aspects_and_examples() -> None:
    (part,) = parts_of(
        "Advise him on looking after the leg and on the signs to watch for (for example fever, a bad smell)."
    )
    assert part.aspects == ("him on looking after the leg", "on the signs to watch for")
    assert part.examples == ("fever", "a bad smell")


@pytest.mark.parametrize("card", sorted(CARDS))
def test_every_task_of_the_cards_has_parts(card: str) -> None:
    assert all(parts_of(task) for task in CARDS[card].candidate.tasks)


# ------------------------------------------------------------------ what was heard


def assessed(log: SpokenLog, interpreter: LearnedInterpreter) -> Assessment:
    return Assessor(lambda: interpreter).assess(log.entries, CARD)


def test_a_task_is_heard_once_all_of_it_was_done_and_shows_where(learned_interpreter: LearnedInterpreter) -> None:
    log = SpokenLog()
    log.candidate("How did it happen?")
    log.patient("On a shelf.", tells="how-it-happened")
    asked_ms = log.at_ms
    log.candidate("Does it hurt?")
    log.patient("It throbs.", tells="pain")
    log.candidate(EXPLAINED)
    found = assessed(log, learned_interpreter)
    assert found.tasks is not None
    assert [task.state for task in found.tasks] == ["heard", "not_heard", "heard", "not_heard", "not_heard"]
    assert [each.text for each in found.tasks[0].evidence] == ["How did it happen?", "Does it hurt?"]
    assert found.tasks[0].evidence[1].from_ms == asked_ms
    assert found.as_json()["tasks"][2]["evidence"][0]["kind"] == "explained"


def test_one_question_of_many_is_perhaps_and_a_promise_is_nothing(learned_interpreter: LearnedInterpreter) -> None:
    log = SpokenLog()
    log.candidate("Do you smoke?")
    log.patient("I do.", tells="smoking")
    log.candidate("I will explain to you later why it takes so long to heal.")
    tasks = assessed(log, learned_interpreter).tasks
    assert tasks is not None
    assert [task.state for task in tasks] == ["not_heard", "perhaps", "not_heard", "not_heard", "not_heard"]


def test_a_worry_that_is_brushed_off_is_perhaps_and_one_that_is_met_is_heard(
    learned_interpreter: LearnedInterpreter,
) -> None:
    answers = {
        "Okay. Are you allergic to plasters?": "perhaps",
        "I can see why that frightens you, after what happened to your father. But yours is small and clean.": "heard",
    }
    for answer, state in answers.items():
        log = SpokenLog()
        log.candidate("What worries you most?")
        log.patient("They took his leg off.", tells="worry-leg")
        log.candidate(answer)
        tasks = assessed(log, learned_interpreter).tasks
        assert tasks is not None
        assert tasks[3].state == state


def test_a_worry_that_was_met_stays_met_when_it_is_told_again(learned_interpreter: LearnedInterpreter) -> None:
    log = SpokenLog()
    log.candidate("What worries you most?")
    log.patient("They took his leg off.", tells="worry-leg")
    log.candidate("I can see why that frightens you, after what happened to your father. But yours is small and clean.")
    log.patient("As I said, they took his leg off.", tells="worry-leg")
    log.candidate("Okay. Are you allergic to plasters?")
    tasks = assessed(log, learned_interpreter).tasks
    assert tasks is not None
    assert tasks[3].state == "heard"


def test_without_an_encoder_nothing_is_said_of_tasks() -> None:
    log = SpokenLog()
    log.candidate(EXPLAINED, "explanation")
    found = Assessor(by_spelling).assess(log.entries, CARD)
    assert found.tasks is None
    assert found.as_json()["tasks"] is None


def test_what_is_called_heard_in_written_role_plays_was_done(learned_interpreter: LearnedInterpreter) -> None:
    from bench.heard_tasks import judge

    dialogues = load_dialogues(ROOT / "tests" / "data" / "tasks" / "dialogues.yaml")[:6]
    judged = list(judge(dialogues, CARDS, learned_interpreter, learned_interpreter.vectoriser))
    heard = [each for each in judged if each.heard == "heard"]
    assert len(heard) >= 10
    assert [each for each in heard if each.done != "done"] == []


@pytest.mark.parametrize("name", ["dialogues.yaml", "dialogues_heldout.yaml"])
def test_the_written_role_plays_fit_their_cards(name: str) -> None:
    unseen = CardLibrary.load(ROOT / "tests" / "data" / "guard" / "cards")
    dialogues = load_dialogues(ROOT / "tests" / "data" / "tasks" / name)
    assert len(dialogues) == 20
    for dialogue in dialogues:
        card = unseen[dialogue.card] if dialogue.card in unseen else CARDS[dialogue.card]
        assert len(dialogue.tasks) == len(card.candidate.tasks), dialogue.id
        assert spoken_as(dialogue, card).turns


def test_the_figures_count_what_they_say() -> None:
    rows: list[tuple[Done, str]] = [
        ("done", "heard"),
        ("done", "heard"),
        ("done", "perhaps"),
        ("half", "heard"),
        ("missing", "perhaps"),
    ]
    judged = [JudgedTask("d", "t", done, heard, ()) for done, heard in rows]
    figures = {figure.name.removeprefix("tasks_x/"): (figure.value, figure.n) for figure in figures_of("x", judged)}
    assert figures == {
        "heard_and_done": (2 / 3, 3),
        "done_and_heard": (2 / 3, 3),
        "done_not_heard": (0.0, 3),
        "half_called_heard": (1, 1),
        "missing_called_heard": (0, 1),
        "missing_called_perhaps": (1, 1),
    }
    assert [each.is_fair for each in judged] == [True, True, False, False, False]


def test_a_dialogue_needs_something_said() -> None:
    with pytest.raises(ValidationError, match="talk"):
        Dialogue.model_validate({"id": "x", "card": "y", "who": "z", "tasks": [], "talk": []})


# ------------------------------------------------------------------ the coach


def measures(**values: float) -> list[Measure]:
    counts = {"floor": {"patient_cut_off": 0.0}, "jargon": {"explained": 0.0}}
    return [
        Measure(of, values[of], counts.get(of, {})) if of in values else not_measured(of, "too_little")
        for of in DEFINITIONS
    ]


def test_a_worry_that_nobody_met_is_what_to_try_before_all_else() -> None:
    said = coach(measures(empathy=0.5, speech_rate=250.0, cues=0.9, open_questions=0.6), ())
    assert said.to_try == "empathy"
    assert said.well == ("cues", "open_questions")
    assert said.measures == ("empathy", "cues", "open_questions")
    assert said.as_json()["phrases"]


def test_where_nothing_is_known_nothing_is_said() -> None:
    said = coach(measures(), ())
    assert (said.well, said.to_try, said.measures) == ((), "", ())


def test_nothing_is_both_good_and_to_be_tried() -> None:
    said = coach(measures(checked=0.6, signposting=3.0), ())
    assert said.to_try == "checked"
    assert "checked" not in said.well


def test_three_measures_at_most_are_shown() -> None:
    assert len(coach(measures(**dict.fromkeys(DEFINITIONS, 0.5)), ()).measures) == 3


def test_model_phrases_are_short_enough_to_say() -> None:
    assert all(len(phrase.split()) <= 20 for phrases in PHRASES.values() for phrase in phrases)
