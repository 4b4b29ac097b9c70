"""`eval patient` as people call it: the card's words and a real endpoint on loopback, judged by the real encoder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import cli
from tests.fakes.provider import KEY, running_provider

QUESTIONS = """
nursing-leg-wound:
  - {kind: empathy, ask: "I'm so sorry that you're going through this."}
  - {kind: small_talk, ask: "Did you see the match last night?"}
  - {kind: legitimate, expect: smoking, ask: "Do you smoke?"}
pharmacy-new-inhaler:
  - {kind: empathy, ask: "That must be really hard for you."}
"""


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["eval", "patient", *words])
    return int(stopped.value.code or 0)


def test_an_endpoint_is_put_beside_the_cards_words(
    tmp_path: Path, real_encoder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTERLOCUTOR__ENGINES__REMOTE__KEYS__OTHER", KEY)
    questions, report, kept = tmp_path / "asked.yaml", tmp_path / "report.json", tmp_path / "kept"
    questions.write_text(QUESTIONS)
    with running_provider(answer="Thank you, that's kind of you.") as provider:
        given = [str(questions), "--no-model", "--endpoint", provider.url, "--endpoint-model", "big"]
        given += ["--cards", "1", "--keep", str(kept), "--json", str(report)]
        given += ["--set", f"models.path={real_encoder.parent}", "--set", "engines.interpreter=encoder"]
        assert run(*given) == 0
        asked = len(provider.asked)
        assert asked >= 1
        # What is kept is not asked again.
        assert run(*given) == 0
        assert len(provider.asked) == asked
    assert "big" in capsys.readouterr().out
    figures = {each["name"]: each for each in json.loads(report.read_text())["figures"]}
    assert figures["patient_endpoint_empathy_worded"]["value"] == 1.0
    assert figures["patient_card_all_faithful"]["value"] == 1.0
    assert figures["patient_card_all_faithful"]["n"] == 3
    assert figures["patient_on_topic_as_judged"]["n"] > 100
    rows = [json.loads(line) for line in (kept / "endpoint.jsonl").read_text().splitlines()]
    assert [row["worded"] for row in rows if row["kind"] == "empathy"] == ["Thank you, that's kind of you."]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--endpoint", "http://127.0.0.1:9/v1"], "give an address and the name of a model"),
        (["--no-model", "--evidence", "found.json"], "leave out --no-model"),
        (["--json", "nowhere/report.json"], "there is no folder nowhere"),
    ],
)
def test_what_can_not_be_measured_is_told_at_once(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) != 0
    printed = capsys.readouterr()
    assert told in " ".join((printed.out + printed.err).replace("│", " ").split())
