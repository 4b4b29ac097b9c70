"""`eval off-cues`: replies off the cues, and what judges have said of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from bench.cues import HELD_OUT
from bench.patient_replies import as_yaml, figures_of, load_rows, replies
from bench.scenarios_file import load_scenarios, of_card
from common.errors import AudioError
from pipelines.engines import EngineInfo, IndexRequest, Interpretation, InterpretRequest
from pipelines.intent.acts import Act
from pipelines.intent.exemplars import SUPPLIED, Exemplars
from pipelines.intent.learned import LearnedInterpreter
from pipelines.patient.card_library import CardLibrary

ROOT = Path(__file__).parents[2]
CARDS = CardLibrary.load(ROOT / "configs" / "cards")


class TakesAllForPermission:
    """An interpreter that takes every turn for a request to look at something."""

    info = EngineInfo("interpreter", "permission", demonstration=True, isolation="thread", detail="")

    def warm(self) -> None:
        pass

    def index(self, request: IndexRequest) -> None:
        pass

    def interpret(self, request: InterpretRequest) -> Interpretation:
        assert request.history, "the patient has spoken before"
        return Interpretation(Act.PERMISSION, 0.9, reason="a request")


def written(folder: Path, *rows: Mapping[str, object]) -> Path:
    path = folder / "rows.yaml"
    path.write_text(yaml.safe_dump(list(rows)), encoding="utf-8")
    return path


ROW = {"card": "nursing-leg-wound", "kind": "consent", "text": "May I have a look?"}


def test_a_reply_counts_only_if_it_is_the_one_that_was_judged(tmp_path: Path) -> None:
    lines = CARDS["nursing-leg-wound"].lines.permit
    (said,) = replies(TakesAllForPermission(), load_rows(written(tmp_path, ROW)), CARDS)
    assert said.reply in lines
    rows: list[Mapping[str, object]] = [
        {**ROW, "reply": said.reply, "fit": [True, True]},
        {**ROW, "reply": said.reply, "fit": [True, False]},
        {**ROW, "reply": "What for?", "fit": [False, False]},
        ROW,
    ]
    replied = replies(TakesAllForPermission(), load_rows(written(tmp_path, *rows)), CARDS)
    assert [each.fit for each in replied] == [(True, True), (True, False), (), ()]
    values = {figure.name: figure.value for figure in figures_of(replied)}
    assert values == {"off_cue_fit": 0.5, "off_cue_agreed": 0.5, "off_cue_not_judged": 0.5}


def test_what_is_written_for_judges_can_be_read_again(tmp_path: Path) -> None:
    row = {**ROW, "told": ["pain"], "explained": "You should rest.", "reply": "What for?", "fit": [False, False]}
    replied = replies(TakesAllForPermission(), load_rows(written(tmp_path, row)), CARDS)
    (tmp_path / "again.yaml").write_text(as_yaml(replied), encoding="utf-8")
    (again,) = load_rows(tmp_path / "again.yaml")
    assert (again.reply, again.fit, again.told) == (replied[0].reply, (), ("pain",))


@pytest.mark.parametrize(
    "row", [{**ROW, "card": "nobody"}, {**ROW, "told": ["nothing"]}, {"card": "x"}, {**ROW, "a": 1}]
)
def test_rows_that_fit_no_card_are_named(tmp_path: Path, row: dict[str, object]) -> None:
    with pytest.raises(AudioError) as caught:
        replies(TakesAllForPermission(), load_rows(written(tmp_path, row)), CARDS)
    assert caught.value.code == "sentences.invalid"


def test_nothing_is_judged_of_no_rows() -> None:
    assert [figure.value for figure in figures_of([])] == [None, None, None]


def test_what_was_found_fit_is_still_said(learned_interpreter: LearnedInterpreter) -> None:
    rows = load_rows(ROOT / "tests" / "data" / "off_the_cues_learned.yaml")
    assert {row.card for row in rows} == set(CARDS)
    values = {each.name: each.value or 0.0 for each in figures_of(replies(learned_interpreter, rows, CARDS))}
    assert values["off_cue_fit"] >= 0.93
    assert values["off_cue_not_judged"] <= 0.15


def test_what_serves_to_measure_is_not_learned_from() -> None:
    exemplars = Exemplars.load(SUPPLIED)
    learned = {text for texts in (*exemplars.acts.values(), *exemplars.distress.values()) for text in texts}
    learned |= {text for topic in exemplars.topics.values() for text in topic.questions}
    for scenario in load_scenarios():
        learned |= {text for item in scenario.items for text in (*item.examples, *item.asks)}
        learned |= {*scenario.unanswered, *(text for _, text in scenario.acts)}
    plain = {text.lower().strip(" .?!") for text in learned}
    for name in (*sorted(HELD_OUT), "off_the_cues"):
        rows = yaml.safe_load((ROOT / "tests" / "data" / f"{name}.yaml").read_text(encoding="utf-8"))
        # What everybody says in the same few words is no sign of copying.
        copied = [
            row["text"] for row in rows if len(row["text"].split()) > 8 and row["text"].lower().strip(" .?!") in plain
        ]
        assert copied == [], name


def test_the_scenarios_are_whole() -> None:
    scenarios = load_scenarios()
    assert len({each.id for each in scenarios}) == len(scenarios) == 84
    for scenario in scenarios:
        assert len(scenario.items) >= 13
        assert len(scenario.unanswered) >= 14
        assert all(len(item.asks) >= 7 for item in scenario.items)


def test_a_card_is_a_scenario_too() -> None:
    card = CARDS["nursing-leg-wound"]
    scenario = of_card(card, {"pain": ["Is it sore?"], "greeting": ["Hello."]}, ["Do you fly?"])
    assert len(scenario.items) == len(card.cues) + len(card.facts)
    (asked,) = [item for item in scenario.items if item.asks]
    assert (asked.topic, asked.asks, scenario.unanswered) == ("Pain", ("Is it sore?",), ("Do you fly?",))
