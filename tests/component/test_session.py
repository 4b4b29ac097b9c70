"""A whole session with real audio, real voice detection and scripted engines, under virtual time."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipelines.conversation.settings import DraftSettings
from pipelines.engines import Clause, Interpretation, StreamSpec
from pipelines.events import (
    CueHeard,
    DraftDiscarded,
    EngineIncident,
    Problem,
    ReplyFinished,
    ReplyStarted,
    SegmentHeard,
    SessionEnded,
    SpeechStarted,
    TurnCommitted,
    TurnLatency,
    TurnTimeline,
    UtteranceInterpreted,
)
from pipelines.intent.acts import Act
from pipelines.scripted.interpreter import ScriptedInterpreter
from pipelines.scripted.recogniser import ScriptedRecogniser, ScriptedStream
from pipelines.scripted.scripted_responder import ScriptedResponder
from pipelines.scripted.synthesiser import ToneSynthesiser
from tests.component.conftest import Replay, Replayed
from tests.nightly import NIGHTLY


@pytest.fixture(scope="module")
def consultation(replay: Replay) -> Replayed:
    return replay("consultation.flac")


def test_every_turn_of_a_consultation_is_answered_once(consultation: Replayed) -> None:
    replayed = consultation
    results = replayed.candidate.results
    assert len(results) == 12
    assert [len(r.heard) for r in results] == [1] * 12
    assert [r.statuses for r in results] == [["completed"]] * 12
    assert not any(r.cut for r in results)
    assert replayed.candidate.troubles == []


def test_the_parts_of_the_latency_add_up_to_what_the_candidate_measures(replay: Replay) -> None:
    replayed = replay(
        "consultation.flac", responder=partial(ScriptedResponder, cost_ms=50.0), drafts=DraftSettings(enabled=False)
    )
    for result in replayed.candidate.results:
        assert result.parts is not None
        assert result.voice_to_voice_ms is not None
        assert result.parts.voice_to_voice == pytest.approx(result.voice_to_voice_ms, abs=1.0)
        assert result.parts.respond == pytest.approx(50.0)
        assert result.parts.speak == pytest.approx(20.0)
        assert 880 <= result.parts.endpoint <= 1000
        assert -0.001 <= result.parts.deliver <= 30
    for latency in replayed.events(TurnLatency):
        parts = latency.endpoint_ms + latency.recognise_ms + latency.respond_ms + latency.speak_ms + latency.deliver_ms
        assert latency.voice_to_voice_ms == pytest.approx(parts, abs=0.01)


@pytest.mark.parametrize("drafts", [True, False])
def test_a_reply_that_takes_long_to_end_begins_as_early(replay: Replay, drafts: bool) -> None:
    def waits(end_cost_ms: float) -> list[float | None]:
        replayed = replay(
            "consultation.flac",
            fixed_wait_ms=None,
            interpreter=partial(ScriptedInterpreter, lambda _request: Interpretation(Act.CUE, asks=0.1)),
            responder=partial(ScriptedResponder, end_cost_ms=end_cost_ms),
            drafts=DraftSettings(enabled=drafts),
            as_recorded=True,
        )
        assert {event.asks for event in replayed.events(UtteranceInterpreted)} == {0.1}
        return [result.voice_to_voice_ms for result in replayed.candidate.results]

    quick, slow = waits(0.0), waits(1_500.0)
    later = [(b or math.inf) - (a or 0.0) for a, b in zip(quick, slow, strict=True)]
    assert statistics.median(later) <= 20.0
    # A draft that was thrown away keeps the only worker until it ends; a turn with several pauses may wait for that.
    assert sum(delay > 20.0 for delay in later) <= 2


def test_a_draft_hides_what_the_reply_costs(replay: Replay) -> None:
    replayed = replay("consultation.flac", responder=partial(ScriptedResponder, cost_ms=50.0))
    for result in replayed.candidate.results:
        assert result.parts is not None
    quick = [r.parts for r in replayed.candidate.results if r.parts is not None and r.parts.respond == 0.0]
    assert len(quick) >= 11  # the turn with the most pauses has used up its drafts
    assert all((parts.recognise, parts.speak) == (0.0, 0.0) for parts in quick)
    timelines = replayed.events(TurnTimeline)
    assert all(timeline.draft_ms < timeline.endpoint_ms for timeline in timelines if timeline.reused)
    discarded = sum(timeline.discarded for timeline in timelines)
    assert discarded == len(replayed.events(DraftDiscarded)) == sum(t.speculated - t.reused for t in timelines)


def test_a_slow_recogniser_shows_in_its_own_part(replay: Replay) -> None:
    replayed = replay("thinking-pause.flac", recogniser=partial(ScriptedRecogniser, finish_cost_ms=1_000.0))
    (latency,) = replayed.events(TurnLatency)
    # asked for after about 150 ms of silence, there a second later: 250 ms after the wait of 900 was over
    assert latency.recognise_ms == pytest.approx(250, abs=60)
    assert replayed.events(SegmentHeard)[-1].latency_ms == pytest.approx(1_000)


def test_a_thinking_pause_is_not_the_end(replay: Replay) -> None:
    replayed = replay("thinking-pause.flac")
    assert len(replayed.events(TurnCommitted)) == 1
    assert len(replayed.events(SegmentHeard)) >= 2


def test_a_shorter_wait_cuts_the_thinker_off_and_the_report_says_so(replay: Replay) -> None:
    replayed = replay("thinking-pause.flac", fixed_wait_ms=500.0)
    assert replayed.candidate.results[0].cut


def test_forty_seconds_are_answered_as_fast_as_a_question(replay: Replay) -> None:
    replayed = replay("explanation-40s.flac")
    question, explanation, *_ = (r.voice_to_voice_ms for r in replayed.candidate.results)
    assert question is not None
    assert explanation is not None
    assert explanation == pytest.approx(question, abs=100)


@pytest.mark.parametrize("name", ["silence.flac", "noise.flac", "cough.flac"])
def test_what_is_no_speech_is_no_turn(replay: Replay, name: str) -> None:
    replayed = replay(name)
    assert replayed.events(TurnCommitted) == []
    assert replayed.events(ReplyFinished) == []


@pytest.mark.parametrize("name", ["rate-8k.wav", "rate-44k.wav", "rate-48k-stereo.flac", "clipped.flac"])
def test_other_rates_and_bad_levels_are_understood_as_turns(replay: Replay, name: str) -> None:
    replayed = replay(name)
    assert len(replayed.events(TurnCommitted)) == 1
    assert len(replayed.events(ReplyFinished)) == 1


def log_of(replayed: Replayed) -> list[dict[str, Any]]:
    """The log without wall time."""
    return [dataclasses.asdict(r.envelope) | {"wall": "", "payload": r.event.payload()} for r in replayed.records]


def test_repeated_fast_replays_decide_the_same_and_log_the_same(consultation: Replayed, replay: Replay) -> None:
    first = log_of(consultation)
    began = time.perf_counter()
    second = replay("consultation.flac")
    took_s = time.perf_counter() - began
    assert log_of(second) == first
    assert second.virtual_ms / 1000 / took_s > 10, "at least ten times real time"
    short = [log_of(replay("thinking-pause.flac")) for _ in range(10 if NIGHTLY else 3)]
    assert all(log == short[0] for log in short)


# ------------------------------------------------------------------ interruption


def test_a_recording_replayed_as_it_was_interrupts_and_history_keeps_what_was_heard(replay: Replay) -> None:
    long_reply = [Clause("one two three four five six seven eight nine ten " * 3, "how-it-happened")]
    replayed = replay("consultation.flac", responder=partial(ScriptedResponder, [long_reply] * 20), as_recorded=True)
    interrupted = [e for e in replayed.events(ReplyFinished) if e.status == "interrupted"]
    assert interrupted
    for event in interrupted:
        heard_words = event.played_ms / 250  # the scripted voice speaks a word every 250 ms
        assert len(event.heard.split()) == pytest.approx(heard_words, abs=1)
    cleared = {e.reply for e in interrupted}
    assert not [e for e in replayed.events(CueHeard) if e.reply in cleared and e.reply == min(cleared)]


def test_no_speech_started_is_told_while_the_patient_speaks_unless_it_yields(replay: Replay) -> None:
    replayed = replay("consultation.flac", as_recorded=True)
    events = [record.event for record in replayed.records]
    speaking = False
    for event, following in itertools.pairwise(events):
        if isinstance(event, ReplyStarted | ReplyFinished):
            speaking = isinstance(event, ReplyStarted)
        elif isinstance(event, SpeechStarted) and speaking:
            assert isinstance(following, ReplyFinished)
            assert following.status == "interrupted"


# ------------------------------------------------------------------ trouble


def test_a_voice_that_fails_is_told_and_the_next_turn_is_answered(replay: Replay) -> None:
    script = ["first", "second", "third", "fourth"]
    replayed = replay(
        "explanation-40s.flac",
        recogniser=partial(ScriptedRecogniser, script * 10),
        responder=partial(ScriptedResponder, {1: "FAIL", 2: "fine", 3: "fine"}),
        synthesiser=partial(ToneSynthesiser, fail_on="FAIL"),
    )
    assert [e.code for e in replayed.events(Problem)] == ["reply.failed"]
    assert [e.status for e in replayed.events(ReplyFinished)] == ["failed", "completed", "completed"]


def test_a_mind_that_fails_is_told_and_the_session_goes_on(replay: Replay) -> None:
    replayed = replay(
        "explanation-40s.flac",
        recogniser=partial(ScriptedRecogniser, ["FAIL"] + ["fine"] * 60),
        responder=partial(ScriptedResponder, fail_on="FAIL"),
    )
    statuses = [e.status for e in replayed.events(ReplyFinished)]
    assert statuses[0] == "failed"
    assert statuses[-1] == "completed"
    assert replayed.events(SessionEnded) == [SessionEnded("ended")]


def test_a_recogniser_worker_that_dies_is_replaced_and_the_turn_is_answered(replay: Replay, tmp_path: Path) -> None:
    replayed = replay("thinking-pause.flac", recogniser=partial(_DiesOnce, str(tmp_path / "died")), isolation="process")
    assert {e.what for e in replayed.events(EngineIncident)} == {"died", "restarted"}
    (turn,) = replayed.events(TurnCommitted)
    assert turn.text
    assert len(replayed.events(ReplyFinished)) == 1


class _DiesOnce(ScriptedRecogniser):
    """Ends its process at the first sample of nought, unless `flag` says that it has done so before."""

    def __init__(self, flag: str) -> None:
        super().__init__(isolation="process")
        self._flag = Path(flag)

    def open(self, spec: StreamSpec) -> ScriptedStream:
        if not self._flag.exists():
            self._flag.touch()
            self.crash_on = 0
        return super().open(spec)


def test_time_up_is_closed_with_the_cards_line(replay: Replay) -> None:
    replayed = replay("consultation.flac", session_s=30)
    assert replayed.events(SessionEnded) == [SessionEnded("time_limit")]
    assert replayed.candidate.over == "time_limit"
