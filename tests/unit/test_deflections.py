"""What kind of answer a question asks for, and what fits who has none."""

from __future__ import annotations

import pytest

from pipelines.patient.deflections import DEFLECTIONS, Form, form_of


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Have you been abroad?", Form.YES_OR_NO),
        ("And any itching?", Form.YES_OR_NO),
        ("I was wondering if you have a rash.", Form.YES_OR_NO),
        ("When did you last see a dentist?", Form.AMOUNT),
        ("Okay. Can I ask how many stairs you have?", Form.AMOUNT),
        ("In the morning, how long does it take?", Form.AMOUNT),
        ("Why did you stop?", Form.REASON),
        ("Tell me about your garden.", Form.ACCOUNT),
        ("How's the family?", Form.ACCOUNT),
        # None of these can be denied.
        ("Was he breastfed or bottle-fed?", Form.OTHER),
        ("Who brushes his teeth?", Form.OTHER),
        ("", Form.OTHER),
    ],
)
def test_the_form_of_the_last_question_counts(text: str, form: Form) -> None:
    assert form_of(text) is form


def test_every_form_but_the_last_has_lines() -> None:
    assert DEFLECTIONS.keys() == set(Form) - {Form.OTHER}
