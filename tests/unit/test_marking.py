"""Marks: what a sheet may say, who sees what when, and what comes of two examiners and a third."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import ProtocolError
from server.marking.criteria import BY_ID, CRITERIA
from server.marking.outcome import MarkingOutcome, Signed, outcome_of
from server.marking.sheet import Sheet, read_sheet
from server.settings.marking import MarkingSettings

SETTINGS = MarkingSettings()


def sheet(**marks: int) -> Sheet:
    """Return a whole sheet: 4 for language and 2 for the rest, unless told."""
    usual = {one.id: 4 if one.kind == "linguistic" else 2 for one in CRITERIA}
    return read_sheet({"marks": {name: {"mark": mark} for name, mark in (usual | marks).items()}, "comment": ""})


def signed(who: str, **marks: int) -> Signed:
    return Signed(who, who.title(), sheet(**marks), 1)


def outcome(*sheets: Signed, settings: MarkingSettings = SETTINGS) -> MarkingOutcome:
    return outcome_of(sheets, settings)


def test_there_are_nine_criteria_and_twenty_indicators() -> None:
    assert [(one.kind, one.most) for one in CRITERIA] == [("linguistic", 6)] * 4 + [("clinical", 3)] * 5
    indicators = [name for one in CRITERIA for name, _ in one.indicators]
    assert len(set(indicators)) == len(indicators) == 20
    assert set(BY_ID) == {one.id for one in CRITERIA}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"marks": {"fluency": {"mark": 7}}}, "marks.fluency.mark"),
        ({"marks": {"giving": {"mark": 4}}}, "from 0 to 3"),
        ({"marks": {"charm": {"mark": 1}}}, "no criterion 'charm'"),
        ({"marks": {"fluency": {"mark": 4.5}}}, "marks.fluency.mark"),
        ({"marks": {"fluency": {"mark": True}}}, "marks.fluency.mark"),
        ({"marks": {"giving": {"indicators": ["A1"]}}}, "no indicator 'A1'"),
        ({"marks": {"giving": {"evidence": [{"from_ms": 9, "to_ms": 3}]}}}, "ends before it begins"),
        ({"marks": {"giving": {"evidence": [{"from_ms": -1, "to_ms": 3}]}}}, "from_ms"),
        ({"marks": {"giving": {"evidence": [{"from_ms": 0, "to_ms": 1}] * 21}}}, "evidence"),
        ({"comment": "x" * 4_001}, "comment"),
        ({"more": 1}, "more"),
        (None, "sheet"),
        ([], "sheet"),
    ],
)
def test_a_sheet_that_is_wrong_is_refused_with_its_place(body: Any, says: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        read_sheet(body)
    assert refused.value.code == "marking.fields"
    assert says in refused.value.message


def test_a_draft_may_lack_marks_and_says_which() -> None:
    assert read_sheet({}).lacks == [one.name for one in CRITERIA]
    assert sheet().lacks == []


def test_nobody_sees_anything_until_both_have_signed() -> None:
    first = outcome(signed("eva"))
    assert (first.state, first.may_see("eva"), first.may_see("finn")) == ("waiting", False, False)
    assert first.as_json("eva") == {"state": "waiting", "closed": False, "sheets": [], "differs": [], "decided": {}}
    both = outcome(signed("eva"), signed("finn", fluency=5))
    assert both.state == "decided"
    assert both.may_see("eva")
    assert both.may_see("gina")
    assert both.decided()["fluency"] == 4.5
    assert [one["own"] for one in both.as_json("finn")["sheets"]] == [False, True]
    open_ = outcome(signed("eva"), settings=MarkingSettings(blind=False))
    assert open_.may_see("finn")


def test_a_third_decides_where_two_differ_and_nowhere_else() -> None:
    two = (signed("eva", fluency=5, giving=3), signed("finn", fluency=3, giving=2))
    differing = outcome(*two)
    assert (differing.state, differing.differs, differing.decided()) == ("differing", ["fluency"], {})
    third = outcome(*two, signed("gina", fluency=4, giving=0, grammar=0))
    assert third.state == "decided"
    decided = third.decided()
    assert (decided["fluency"], decided["giving"], decided["grammar"]) == (4.0, 2.5, 4.0)
    assert [one["adjudicates"] for one in third.as_json("gina")["sheets"]] == [False, False, True]
    strict = outcome(*two, settings=MarkingSettings(differ_clinical=1))
    assert strict.differs == ["fluency", "giving"]


@given(
    st.lists(st.fixed_dictionaries({one.id: st.integers(0, one.most) for one in CRITERIA}), min_size=1, max_size=4),
    st.integers(1, 3),
)
def test_what_is_decided_lies_between_the_marks_that_were_given(marks: list[dict[str, int]], wanted: int) -> None:
    settings = MarkingSettings(examiners=wanted)
    sheets = [signed(f"examiner {number}", **each) for number, each in enumerate(marks)]
    found = outcome(*sheets, settings=settings)
    assert found.complete == (len(marks) >= wanted)
    decided = found.decided()
    assert bool(decided) == (found.state == "decided")
    for name, mark in decided.items():
        given_ = [each[name] for each in marks[: wanted + 1]]
        assert min(given_) <= mark <= max(given_)
        if name not in found.differs:
            spread = SETTINGS.differ_linguistic if BY_ID[name].kind == "linguistic" else SETTINGS.differ_clinical
            assert max(each[name] for each in marks[:wanted]) - min(each[name] for each in marks[:wanted]) < spread


def test_a_mark_has_its_words_and_one_between_two_has_both() -> None:
    for one in CRITERIA:
        assert len({one.in_words(mark) for mark in range(one.most + 1)}) == one.most + 1
    assert BY_ID["giving"].in_words(2.5) == "between works well and works very well"
    assert BY_ID["fluency"].in_words(6) == "very good"


def test_who_decides_on_a_criterion() -> None:
    eva, finn, gina = signed("eva", fluency=6), signed("finn", fluency=3), signed("gina", fluency=5)
    found = outcome(eva, finn, gina)
    assert [one.examiner_id for one in found.deciding("fluency")] == ["gina"]
    assert [one.examiner_id for one in found.deciding("grammar")] == ["eva", "finn"]
