"""`interlocutor replay --url`: a report of what a server tells its candidates, and of what it keeps from them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bench import cli
from bench.replay.run import UNTOLD
from tests.app.process import ServerProcess
from tests.app.wire import CARD, DATA


def test_the_report_has_the_timelines_and_says_what_it_can_not_have(
    mock_server: ServerProcess, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ("--card", CARD, "--json", str(tmp_path / "run.json"), "--html", str(tmp_path / "run.html"))
    with pytest.raises(SystemExit) as stopped:
        cli.main(["replay", str(DATA / "rate-8k.wav"), "--url", mock_server.url, *given])
    assert stopped.value.code in (0, None), capsys.readouterr().err
    report = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    (turn,) = report["turns"]
    assert turn["answers"] == 1
    assert turn["timeline"]["last_voiced_ms"] > 0
    assert sum(turn["parts"].values()) == pytest.approx(turn["voice_to_voice_ms"], abs=0.2)
    assert report["about"]["untold"] == list(UNTOLD)
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert f"Not shown: {UNTOLD[0]} and {UNTOLD[1]}." in page
    # What is said to be missing is missing: no word above the waveform, no bar of a draft that was thrown away.
    drawn = page[page.index("<article") :]
    assert '<polygon class="voice-you"' in drawn
    assert re.search(r'<text class="voice-', drawn) is None
    assert '<rect class="discarded"' not in drawn
