"""The trace of a turn: made from the log alone, with its times, and without a word that was said."""

from __future__ import annotations

import dataclasses
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from common.errors import SettingsError
from pipelines import events as e
from pipelines.log.session_log import LogEntry, SessionLog
from server.app import create_app
from server.cli.config import startup_faults
from server.metrics import Metrics
from server.settings import tracing as tracing_settings
from server.settings.tracing import TracingSettings
from server.settings.tree import Settings
from server.trace_sending import Tracing
from server.turn_trace import PARTS, TurnTrace, TurnTracer

MS = 1_000_000
WALL_S = 1_800_000_000.0
SECRET_WORDS = "zuleika quennell"
SETUP = e.SessionSetup("card", 1, "", {"recogniser": "whisper", "synthesiser": "joe"}, "")
LATENCY = e.TurnLatency(3, 7, 900.0, 500.0, 200.0, 50.0, 100.0, 50.0, 4_000.0, estimated=True)
TIMELINE = e.TurnTimeline(
    3, 7, 4_000.0, 480.0, 120.0, 300.0, None, 750.0, 850.0, 500.0, 700.0, 700.0, 900.0, 2, 1, 80.0, reused=False
)


def log() -> tuple[SessionLog, list[float]]:
    """Return a log, and the seconds on the wall's clock since its first event: a list of one, to be changed."""
    at_s = [0.0]
    made = SessionLog(
        now_ms=lambda: at_s[0] * 1000, media_ms=lambda: 0.0, salt=lambda: "", wall=lambda: WALL_S + at_s[0]
    )
    return made, at_s


def told(*events: tuple[float, e.Event], tracer: TurnTracer | None = None) -> list[TurnTrace]:
    """Return the traces of events, each logged so many seconds after the first."""
    kept, at_s = log()
    reader = tracer or TurnTracer()
    found: list[TurnTrace] = []

    def take(entry: LogEntry) -> None:
        if (trace := reader.take(entry)) is not None:
            found.append(trace)

    kept.subscribe(e.Audience.DEVELOPER, take)
    for since_s, event in events:
        at_s[0] = since_s
        kept.append(event)
    return found


def ns(since_s: float) -> int:
    return round((WALL_S + since_s) * 1000) * MS


BEGUN: tuple[tuple[float, e.Event], ...] = ((0.0, SETUP), (0.0, e.SessionStarted("s1", "practice", 300)))
ANSWERED: tuple[tuple[float, e.Event], ...] = (
    (5.5, e.TurnCommitted(3, SECRET_WORDS, 0.0, 1.0)),
    (5.7, e.ReplyStarted(7, 3)),
    (5.7, LATENCY),
    (5.7, TIMELINE),
    (9.0, e.ReplyFinished(7, 3, "completed", SECRET_WORDS, 1.0, estimated=True)),
)


def test_the_parts_follow_each_other_from_the_last_voiced_sample_to_the_first_audible_one() -> None:
    (trace,) = told(*BEGUN, *ANSWERED)
    # The reply was let out 700 ms after the last voiced sample, which the log has at 5.7 s.
    assert (trace.from_ns, trace.until_ns, trace.failed) == (ns(5.0), ns(5.9), False)
    assert [part.name for part in trace.parts] == list(PARTS)
    assert [(part.until_ns - part.from_ns) / MS for part in trace.parts] == [500, 200, 50, 100, 50]
    assert trace.parts[0].from_ns == trace.from_ns
    assert all(before.until_ns == after.from_ns for before, after in pairwise(trace.parts))
    assert trace.parts[-1].until_ns == trace.until_ns


def test_the_steps_are_where_the_timeline_has_them_and_those_that_were_not_are_left_out() -> None:
    (trace,) = told(*BEGUN, *ANSWERED)
    since = {name: (at_ns - trace.from_ns) / MS for name, at_ns in trace.steps}
    assert since == {"pause": 120, "transcript": 300, "clause": 750, "sound": 850, "committed": 700, "released": 700}


def test_a_trace_says_which_session_turn_and_engines() -> None:
    (trace,) = told(*BEGUN, *ANSWERED)
    assert trace.facts["session.id"] == "s1"
    assert trace.facts["interlocutor.turn"] == 3
    assert trace.facts["interlocutor.drafts_discarded"] == 1
    assert [part.facts.get("interlocutor.engine") for part in trace.parts] == [None, "whisper", None, "joe", None]


def test_no_trace_has_a_word_that_was_said() -> None:
    (trace,) = told(*BEGUN, *ANSWERED)
    assert SECRET_WORDS.split()[0] not in repr(dataclasses.asdict(trace))


def test_a_turn_that_nothing_was_heard_of_is_told_as_failed_and_once() -> None:
    failed = e.ReplyFinished(7, 3, "failed", "", 0.0, estimated=True)
    (trace,) = told(*BEGUN, ANSWERED[0], (25.5, failed), (25.6, failed))
    assert (trace.failed, trace.parts) == (True, ())
    assert (trace.until_ns - trace.from_ns) / MS == 20_000


def test_a_reply_that_fails_once_it_is_heard_is_no_second_trace() -> None:
    assert len(told(*BEGUN, *ANSWERED[:-1], (9.0, e.ReplyFinished(7, 3, "failed", "", 1.0, estimated=True)))) == 1


def test_a_reply_that_was_interrupted_or_answers_no_turn_is_no_trace() -> None:
    assert told(*BEGUN, (1.0, e.ReplyFinished(1, 0, "failed", "", 0.0, estimated=True))) == []
    interrupted = e.ReplyFinished(7, 3, "interrupted", "", 0.0, estimated=True)
    assert told(*BEGUN, ANSWERED[0], (6.0, interrupted)) == []


def test_times_without_their_reply_are_no_trace() -> None:
    """As when a server takes up a log whose last turn the earlier one told of."""
    assert told(*BEGUN, (5.7, LATENCY), (5.7, TIMELINE)) == []


# ------------------------------------------------------------------ the settings


WANTED = TracingSettings(endpoint="http://127.0.0.1:4318/v1/traces")


def test_without_an_address_nothing_is_followed_and_nothing_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing_settings, "PACKAGES", ("no_such_package.at_all",))
    kept, _ = log()
    tracing = Tracing(TracingSettings(), Metrics("0"), version="0", environment="test")
    tracing.follow(kept)
    assert kept._readers == []
    tracing.close()


def test_a_missing_extra_is_told_at_the_start_with_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tracing_settings, "PACKAGES", ("no_such_package.at_all",))
    settings = Settings(tracing=WANTED, data_path=tmp_path)
    with pytest.raises(SettingsError, match=r"^tracing\.endpoint: .*setup-tracing") as refused:
        create_app(settings)
    assert "\n" not in str(refused.value)
    assert str(refused.value) in startup_faults(settings)


def test_a_file_of_certificates_that_is_not_there_is_told(tmp_path: Path) -> None:
    faults = TracingSettings(endpoint="https://traces.example.org/v1/traces", ca_file=tmp_path / "ca.pem").faults()
    assert faults[-1] == f"tracing.ca_file: there is no file {tmp_path / 'ca.pem'}"


@pytest.mark.parametrize("endpoint", ["127.0.0.1:4318", "grpc://x:4317", "http://a:b@host/v1/traces", ""])
def test_what_is_no_address_of_http_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        TracingSettings.model_validate({"endpoint": endpoint})


def test_the_receivers_secret_changes_no_digest_of_the_settings() -> None:
    def digest(**tracing: Any) -> str:
        return Settings(tracing=TracingSettings.model_validate(tracing)).digest()

    assert digest(authorization="Bearer one") == digest(authorization="Bearer two") == digest()
    assert digest(endpoint="http://127.0.0.1:4318/v1/traces") != digest()
