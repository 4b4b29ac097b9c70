"""What the commands say of a remote mind: how to have one, whether it answers, what it may cost; never a key."""

from __future__ import annotations

import json

import pytest

from bench import cli
from pipelines.engine_settings import EngineSettings
from server.cli import doctor
from server.settings.tree import Settings
from tests.fakes.provider import running_provider
from tests.fakes.remote import remote_settings

KEY = "sk-a-key-that-nobody-may-see"


def config(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run a command about settings; return its code and all that it printed."""
    with pytest.raises(SystemExit) as stopped:
        cli.main(["config", *words])
    printed = capsys.readouterr()
    return int(stopped.value.code or 0), printed.out + printed.err


def test_a_key_alone_asks_nobody_and_the_check_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    code, told = config("check", capsys=capsys)
    assert code == 0
    assert "note: engines.remote: openai can be asked and is not: set MODEL_BACKEND=cloud" in told
    monkeypatch.setenv("MODEL_BACKEND", "cloud")
    code, told = config("check", capsys=capsys)
    assert code == 2
    assert told.startswith("error: engines.remote.model: name the model that OpenAI is to answer with")
    monkeypatch.setenv("MASTER_MODEL_NAME", "gpt-x")
    code, told = config("check", capsys=capsys)
    assert code == 0
    assert "replies are worded by gpt-x by OpenAI at https://api.openai.com:443 (the United States)" in told
    code, told = config("show", "--json", capsys=capsys)
    assert KEY not in told
    shown = json.loads(told)["settings"]["engines.remote.keys.openai"]
    assert shown == {"value": "********", "origin": "OPENAI_API_KEY"}


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("engines.remote.budget.day_cost=5", "without price_in and price_out nothing has a cost"),
        ("engines.remote.budget.day_tokens=0", "nothing limits what a day may cost"),
        ("engines.remote.waits.whole_s=20", "is as long as conversation.respond_timeout_ms"),
    ],
)
def test_the_check_notes_what_would_not_work(setting: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    hosts = ["--set", "engines.remote.ollama_hosts=a,b", "--set", "engines.remote.model=m"]
    code, printed = config("check", "--set", "engines.backend=cloud", *hosts, "--set", setting, capsys=capsys)
    assert code == 0
    assert told in printed


def test_a_public_host_without_encryption_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    hosts = ["--set", "engines.remote.ollama_hosts=http://llm.example.org", "--set", "engines.remote.model=m"]
    code, printed = config("check", "--set", "engines.backend=cloud", *hosts, capsys=capsys)
    assert code == 2
    assert printed.startswith("error: engines.remote.ollama_hosts: 'llm.example.org' is not on a private network")


def test_the_doctor_asks_every_host_and_sends_nothing_of_a_person() -> None:
    with running_provider() as well, running_provider(always="500") as ill, running_provider(key="another") as strict:
        settings = Settings(engines=EngineSettings(responder="remote", remote=remote_settings(well)))
        (check,) = doctor.check_remote_mind(settings)
        assert check.status == "ok"
        settings = Settings(engines=EngineSettings(responder="remote", remote=remote_settings(well, ill, strict)))
        (check,) = doctor.check_remote_mind(settings)
        assert check.status == "warn"
        assert f"127.0.0.1:{ill.port} failed (500)" in check.found
        assert f"127.0.0.1:{strict.port} refuses the key (401)" in check.found
        assert str(well.port) not in check.found.partition("consent")[2]
        assert well.asked == ill.asked == strict.asked == []
    assert doctor.check_remote_mind(Settings()) == []
