"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from pipelines.intent.learned import LearnedInterpreter
from tests import oidc, postgres
from tests.weights import WHY, lacking, needed, weights_folder

# A shared machine stalls now and then: a test must not fail because one example took longer than 200 ms.
settings.register_profile("interlocutor", deadline=None)
settings.load_profile("interlocutor")


@pytest.fixture(scope="session")
def real_whisper() -> Path:
    """The folder of the real tiny.en; its tests are skipped where it can't be had, or fail where it is needed."""
    return _there("tiny.en", lacking("tiny.en"))


@pytest.fixture(scope="session")
def real_smart_turn() -> Path:
    """The folder of the real Smart Turn, as that of Whisper."""
    return _there("smart-turn", lacking("smart-turn", kind="turn_detector"))


@pytest.fixture(scope="session")
def real_joe() -> Path:
    """The folder of Piper's voice joe."""
    return _there("joe", lacking("joe", kind="synthesiser"))


@pytest.fixture(scope="session")
def real_kokoro() -> Path:
    """The folder of Kokoro."""
    return _there("kokoro", lacking("kokoro", kind="synthesiser"))


@pytest.fixture(scope="session")
def real_encoder() -> Path:
    """The folder of the text encoder."""
    return _there("all-minilm-l6-v2", lacking("all-minilm-l6-v2", kind="encoder"))


@pytest.fixture(scope="session")
def real_language_model() -> Path:
    """The folder of the smallest language model."""
    return _there("smollm2-135m-instruct", lacking("smollm2-135m-instruct", kind="responder"))


@pytest.fixture(scope="session")
def learned_interpreter(real_encoder: Path) -> LearnedInterpreter:
    """The interpreter with the text encoder and the supplied exemplars, learned once."""
    made = LearnedInterpreter(real_encoder)
    made.warm()
    return made


def _there(model: str, why: str | None) -> Path:
    if why is not None and needed():
        pytest.fail(why, pytrace=False)
    if why is not None:
        pytest.skip(why)
    return weights_folder() / model


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the tests that were skipped for want of what they need, which a green run would hide."""
    skipped = [report for report in terminalreporter.getreports("skipped") if WHY in str(report.longrepr)]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} skipped for want of weights: ./scripts/weights brings them")
    without = [report for report in terminalreporter.getreports("skipped") if postgres.WHY in str(report.longrepr)]
    if without:
        terminalreporter.write_line(f"{len(without)} skipped since {postgres.WHY}: apt-get install postgresql")
    alone = [report for report in terminalreporter.getreports("skipped") if oidc.WHY in str(report.longrepr)]
    if alone:
        terminalreporter.write_line(f"{len(alone)} skipped since {oidc.WHY}: node and npm bring it")
