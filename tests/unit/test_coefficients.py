"""How far examiners agree: shares by our own count, coefficients by statsmodels where it is set up.

`scripts/nightly-marking` sets the library up and names its Python in INTERLOCUTOR_STATISTICS_PYTHON.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.marking.coefficients import Coefficients, CoefficientsAsked, Kappa, make_coefficients
from server.marking.criteria import CRITERIA
from server.marking.marker_agreement import MarkerAgreement, pairs_of
from server.marking.outcome import MarkingOutcome, Signed, outcome_of
from server.marking.sheet import Mark, Sheet
from server.settings.marking import MarkingSettings

LIBRARY = os.environ.get("INTERLOCUTOR_STATISTICS_PYTHON", "")
by_the_library = pytest.mark.skipif(not LIBRARY, reason="statsmodels is not set up: scripts/nightly-marking")


def signed(who: str, **marks: int) -> Signed:
    usual = {one.id: 4 if one.kind == "linguistic" else 2 for one in CRITERIA}
    return Signed(
        who, who.capitalize(), Sheet(marks={name: Mark(mark=mark) for name, mark in (usual | marks).items()}), 1
    )


def outcome(*sheets: Signed, examiners: int = 2) -> MarkingOutcome:
    return outcome_of(sheets, MarkingSettings(examiners=examiners))


def agreement(*outcomes: MarkingOutcome, wanted: int = 2, **names: str) -> MarkerAgreement:
    numbered = [(f"s{number}", each) for number, each in enumerate(outcomes)]
    return MarkerAgreement(pairs_of(numbered), names, wanted=wanted)


def row_of(told: dict[str, Any], criterion: str) -> dict[str, Any]:
    row: dict[str, Any] = next(row for row in told["criteria"] if row["criterion"] == criterion)
    return row


def make(asked: CoefficientsAsked, python: str | Path = LIBRARY) -> Coefficients:
    return asyncio.run(make_coefficients(asked, python=Path(python)))


def test_agreement_is_counted_where_two_marked_blind_and_nowhere_else() -> None:
    both = (signed("eva", fluency=5, giving=3), signed("finn", fluency=3, giving=2), signed("gina", fluency=0))
    told = agreement(outcome(*both), outcome(signed("eva")), eva="Eva").as_json(Coefficients())
    fluency = row_of(told, "Fluency")
    assert (fluency["role_plays"], fluency["pairs"], fluency["exact"], fluency["adjacent"]) == (1, 1, 0.0, 0.0)
    assert (fluency["kappa"], fluency["kappa_none"]) == (None, "too_few")
    assert row_of(told, "Information giving")["adjacent"] == 1.0
    assert row_of(told, "Intelligibility")["exact"] == 1.0
    assert [(row["examiner"], row["pairs"], row["severity"]) for row in told["examiners"]] == [
        ("Eva", 9, round(3 / 9, 3)),
        ("finn", 9, round(-3 / 9, 3)),
    ]
    assert [row["exact"] for row in told["examiners"]] == [round(7 / 9, 3)] * 2


def test_without_pairs_nothing_is_said_and_nothing_asked() -> None:
    nothing = agreement()
    assert nothing.asked().nothing
    told = nothing.as_json(make(nothing.asked(), "/none"))
    assert {(row["exact"], row["kappa_none"]) for row in told["criteria"]} == {(None, "too_few")}
    assert (told["examiners"], told["fault"]) == ([], "")


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=20))
def test_severities_of_two_examiners_are_opposite_and_shares_are_shares(marks: list[tuple[int, int]]) -> None:
    many = [outcome(signed("eva", giving=one), signed("finn", giving=other)) for one, other in marks]
    told = agreement(*many).as_json(Coefficients())
    eva, finn = told["examiners"]
    assert eva["severity"] == pytest.approx(-finn["severity"])
    row = row_of(told, "Information giving")
    assert row["exact"] == pytest.approx(sum(one == other for one, other in marks) / len(marks), abs=0.001)
    assert row["exact"] <= row["adjacent"] <= 1.0


def test_coefficients_are_asked_for_from_as_many_role_plays_as_are_wanted() -> None:
    many = [outcome(signed("eva", fluency=number % 5), signed("finn")) for number in range(6)]
    assert agreement(*many, wanted=7).asked().nothing
    asked = agreement(*many, wanted=6).asked()
    assert set(asked.kappas) == {criterion.id for criterion in CRITERIA}
    assert asked.kappas["fluency"] == (6, [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4), (0, 4)])
    # A sheet's nine marks are one opinion of how severe somebody is.
    assert asked.means["finn"] == pytest.approx([(4 - number % 5) / 9 for number in range(6)])


def test_three_who_mark_one_role_play_get_no_interval() -> None:
    made = Coefficients(kappas={"fluency": Kappa(0.5, 0.1, 0.9)})
    three = [outcome(signed("eva"), signed("finn"), signed("gina"), examiners=3) for _ in range(2)]
    row = row_of(agreement(*three).as_json(made), "Fluency")
    assert (row["role_plays"], row["pairs"], row["kappa"], row["kappa_low"]) == (2, 6, 0.5, None)
    two = [outcome(signed("eva"), signed("finn")) for _ in range(2)]
    assert row_of(agreement(*two).as_json(made), "Fluency")["kappa_low"] == 0.1


def test_where_the_library_is_not_there_it_is_said_how_to_get_it(tmp_path: Path) -> None:
    many = agreement(*[outcome(signed("eva", fluency=3), signed("finn")) for _ in range(3)])
    broken = tmp_path / "python"
    broken.write_text("not a program")
    # The tests' own Python has no statsmodels.
    for python in (tmp_path / "none", broken, Path(sys.executable)):
        made = make(many.asked(), python)
        assert made.fault.endswith("run ./scripts/setup-marking")
        assert row_of(many.as_json(made), "Fluency")["kappa_none"] == "not_made"


@by_the_library
@pytest.mark.parametrize("seed", range(5))
def test_kappas_are_those_of_the_textbook_and_lie_in_their_intervals(seed: int) -> None:
    chance = random.Random(seed)
    asked: dict[str, tuple[int, list[tuple[int, int]]]] = {}
    for most in (3, 6):
        for count in (30, 300):
            first = [chance.randint(0, most) for _ in range(count)]
            asked[f"{most} of {count}"] = (
                most,
                [(one, max(0, min(most, one + chance.choice((-1, 0, 0, 1))))) for one in first],
            )
    made = make(CoefficientsAsked(kappas=asked))
    assert made.fault == ""
    for name, (_, pairs) in asked.items():
        kappa = made.kappas[name]
        assert kappa.value == pytest.approx(quadratic_kappa(pairs), abs=0.001)
        assert (kappa.low or 0) < (kappa.value or 0) < (kappa.high or 0) <= 1
    few, many = made.kappas["6 of 30"], made.kappas["6 of 300"]
    assert (few.high or 0) - (few.low or 0) > (many.high or 0) - (many.low or 0)


@by_the_library
def test_marks_that_are_all_equal_have_no_kappa_and_means_have_intervals() -> None:
    asked = CoefficientsAsked(
        kappas={"fluency": (6, [(4, 4)] * 30)}, means={"eva": [0.5, 0.2, -0.1, 0.2], "finn": [0.0] * 30}
    )
    made = make(asked)
    assert made.kappas["fluency"] == Kappa(None, None, None)
    # By the table of Student's t: 3.182 for three degrees of freedom; the standard error is 0.1225.
    assert made.means["eva"] == pytest.approx((0.2 - 3.182 * 0.12247, 0.2 + 3.182 * 0.12247), abs=0.001)
    assert made.means["finn"] == (0.0, 0.0)
    same = agreement(*[outcome(signed("eva"), signed("finn")) for _ in range(2)])
    assert row_of(same.as_json(make(same.asked())), "Fluency")["kappa_none"] == "all_equal"


def quadratic_kappa(pairs: list[tuple[int, int]]) -> float:
    """Return Cohen's kappa weighted by the square of the difference, from its definition."""
    seen = sum((one - other) ** 2 for one, other in pairs) / len(pairs)
    by_chance = sum((one - other) ** 2 for one, _ in pairs for _, other in pairs) / len(pairs) ** 2
    return 1 - seen / by_chance
