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
    shown = json.loads(re.findall(r'<script type="application/json" id="report">(.+?)</script>', page)[0])
    assert shown["about"]["untold"] == list(UNTOLD)
    # What is said to be missing is missing: the times of words, and drafts that were thrown away.
    view = shown["turns"][0]["view"]
    assert max(view["candidate"]) > 0
    assert (view["words"], view["reply_words"], view["drafts"]) == ([], [], [])
