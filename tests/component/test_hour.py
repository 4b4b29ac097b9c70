"""Five minutes of the hour of talk: see `tests/bench/hour.py`."""

from __future__ import annotations

from tests.bench.hour import measure


def test_five_minutes_of_conversation_leave_no_trace_and_do_not_drift() -> None:
    figures, wrong = measure(5.0)
    assert not wrong, "\n".join(wrong)
    values = {figure.name: figure.value for figure in figures}
    assert (values["ignored"] or 0) >= 5, "no backchannel and no cough in five minutes"
