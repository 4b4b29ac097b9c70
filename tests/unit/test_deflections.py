"""What kind of answer a question asks for, and what fits who has none."""

from __future__ import annotations

import pytest

from pipelines.patient.deflections import DEFLECTIONS, AnswerForm, form_of


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Have you been abroad?", AnswerForm.YES_OR_NO),
        ("And any itching?", AnswerForm.YES_OR_NO),
        ("I was wondering if you have a rash.", AnswerForm.YES_OR_NO),
        ("When did you last see a dentist?", AnswerForm.AMOUNT),
        ("Okay. Can I ask how many stairs you have?", AnswerForm.AMOUNT),
        ("In the morning, how long does it take?", AnswerForm.AMOUNT),
        ("Why did you stop?", AnswerForm.REASON),
        ("Tell me about your garden.", AnswerForm.ACCOUNT),
        ("How's the family?", AnswerForm.ACCOUNT),
        # None of these can be denied.
        ("Was he breastfed or bottle-fed?", AnswerForm.OTHER),
        ("Who brushes his teeth?", AnswerForm.OTHER),
        ("", AnswerForm.OTHER),
    ],
)
def test_the_form_of_the_last_question_counts(text: str, form: AnswerForm) -> None:
    assert form_of(text) is form


def test_every_form_but_the_last_has_lines() -> None:
    assert DEFLECTIONS.keys() == set(AnswerForm) - {AnswerForm.OTHER}
