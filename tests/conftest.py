"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from tests.weights import WHY, lacking, needed, weights_folder

# A shared machine stalls now and then: a test must not fail because one example took longer than 200 ms.
settings.register_profile("interlocutor", deadline=None)
settings.load_profile("interlocutor")


@pytest.fixture(scope="session")
def real_whisper() -> Path:
    """The folder of the real tiny.en; its tests are skipped where it can't be had, or fail where it is needed."""
    if why := lacking("tiny.en"):
        if needed():
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    return weights_folder() / "tiny.en"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the tests that were skipped for want of weights, which a green run would hide."""
    skipped = [report for report in terminalreporter.getreports("skipped") if WHY in str(report.longrepr)]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} skipped for want of weights: ./scripts/weights brings them")
