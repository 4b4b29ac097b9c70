"""Metrics: what each event counts, closed labels, and that docs/metrics.md is current."""

from __future__ import annotations

import asyncio
import ctypes
import dataclasses
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipelines import events
from pipelines.engines import Word
from pipelines.log.disk import DiskThread
from pipelines.log.session_log import SessionLog
from pipelines.models.nvml import CardMemory
from pipelines.responders.remote.failures import RemoteFailure
from pipelines.responders.remote.settings import RemoteBudget
from pipelines.responders.remote.spending import Spending
from server.gpu import GpuReader
from server.metrics import LABEL_VALUES, STAGES, TURN_BUCKETS_S, Metrics
from server.records.keeping_health import KeepingHealth
from server.reference_docs import metrics_markdown
from server.sessions.disk_watch import DiskWatch

DOCS = Path(__file__).parents[2] / "docs"

NAMES = """
ai_requests_total ai_request_duration_seconds ai_model_memory_usage_bytes ai_gpu_utilization_percent
prediction_latency_ms prediction_confidence escalations_total retrievals_total voice_sessions_active
voice_session_capacity voice_admissions_total voice_turn_latency_seconds voice_interruptions_total
voice_audio_missing_seconds_total voice_audio_refused_seconds_total voice_event_loop_lag_seconds
voice_websocket_closes_total voice_engine_incidents_total voice_build_info voice_connections_lost_total
http_connections http_connections_cut_total storage_failures_total storage_failing
voice_connections_resumed_total voice_connection_away_seconds voice_sessions_detached ai_remote_replies_total
ai_remote_card_words_total ai_remote_first_token_seconds ai_remote_tokens_total ai_remote_cost_total
ai_remote_cost_today ai_remote_budget_used_ratio ai_remote_budget_refusals_total
voice_backup_made_timestamp_seconds voice_backup_size_bytes voice_backup_failures_total
voice_records_deleted_total voice_retention_due voice_clock_doubts_total voice_backup_every_seconds
voice_data_free_bytes voice_keeping_failing voice_database_waiting voice_database_refused_total
voice_audit_unanchored_total voice_sessions_begun_total voice_consents_total
voice_clauses_kept_total voice_synthesis_behind_seconds_total
voice_guard_decisions_total voice_guard_card_took_over_total voice_guard_duration_seconds voice_guard_unreleased_score
voice_trace_spans_total voice_engine_trial_failing voice_engine_threads_given_up
voice_instance_leads voice_instances_others voice_places_taken
voice_sessions_adopted_total
voice_judged_replies voice_judged_broken voice_judged_timestamp_seconds
""".split()

LATENCY = events.TurnLatency(
    turn=1,
    reply=1,
    voice_to_voice_ms=1200.0,
    endpoint_ms=900.0,
    recognise_ms=150.0,
    respond_ms=20.0,
    speak_ms=80.0,
    deliver_ms=50.0,
    last_voiced_ms=4000.0,
    estimated=False,
)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("1.2.3", gpu_utilization=dict)


def value(metrics: Metrics, name: str, **labels: str) -> float:
    found = metrics.registry.get_sample_value(name, labels)
    assert found is not None, f"{name} {labels} is not there"
    return found


def observe(metrics: Metrics, *happened: events.Event) -> None:
    log = SessionLog(now_ms=lambda: 0.0, media_ms=lambda: 0.0, salt=lambda: "", wall=lambda: 0.0)
    log.subscribe(events.Audience.INTERNAL, metrics.observe_event)
    for event in happened:
        log.append(event)


def test_a_turns_latency_goes_to_every_stage(metrics: Metrics) -> None:
    observe(metrics, LATENCY)
    sums = {stage: value(metrics, "voice_turn_latency_seconds_sum", stage=stage) for stage in STAGES}
    assert sums == pytest.approx(
        {"voice_to_voice": 1.2, "endpoint": 0.9, "recognise": 0.15, "respond": 0.02, "speak": 0.08, "deliver": 0.05}
    )
    assert value(metrics, "prediction_latency_ms_sum") == 1200.0
    assert value(metrics, "prediction_latency_ms_count") == 1


def test_the_buckets_tell_the_targets_apart() -> None:
    assert (TURN_BUCKETS_S[0], TURN_BUCKETS_S[-1]) == (0.01, 5.0)
    assert {1.0, 2.0} <= set(TURN_BUCKETS_S)


def test_a_heard_segment_is_a_request_to_the_recogniser(metrics: Metrics) -> None:
    words = (Word("my", 0, 100, 0.9), Word("leg", 100, 300, 0.5), Word("hurts", 300, 500))
    observe(metrics, events.SegmentHeard(turn=1, segment=0, text="my leg hurts", words=words, latency_ms=250.0))
    observe(metrics, events.SegmentHeard(turn=1, segment=1, text="", words=(), latency_ms=50.0))
    assert value(metrics, "ai_requests_total", service="recogniser", status="ok") == 2
    assert value(metrics, "ai_request_duration_seconds_sum", service="recogniser") == pytest.approx(0.3)
    assert value(metrics, "prediction_confidence_sum") == pytest.approx(0.7)
    assert value(metrics, "prediction_confidence_count") == 1


def test_only_interrupted_replies_are_interruptions(metrics: Metrics) -> None:
    for status in ("completed", "interrupted", "cancelled", "failed"):
        observe(metrics, events.ReplyFinished(1, 1, status, heard="Yes.", played_ms=500.0, estimated=True))
    assert value(metrics, "voice_interruptions_total") == 1


def test_a_turn_that_tells_of_distress_is_counted(metrics: Metrics) -> None:
    scores = {"unreleased": 0.97}
    observe(metrics, events.ClauseGuarded(1, 1, "block", "text", "", ("why",), scores, "rules", 4.0))
    observe(metrics, events.ClauseGuarded(1, 1, "allow", "text", "text", (), {}, "rules", 2.0))
    observe(metrics, events.CardTookOver(1, 1, "blocked", "why"))
    observe(metrics, events.CardTookOver(1, 1, "no such reason", "why"))
    observe(metrics, events.DistressNoticed(1, "collapse", "I can't breathe."))
    assert value(metrics, "escalations_total") == 1


def test_gaps_are_counted_in_seconds(metrics: Metrics) -> None:
    observe(metrics, events.MediaGap(200.0, 50.0, 1500.0), events.MediaGap(300.0, 0.0, 0.0))
    assert value(metrics, "voice_audio_missing_seconds_total") == pytest.approx(0.5)
    assert value(metrics, "voice_audio_refused_seconds_total") == pytest.approx(1.5)


def test_lost_connections_are_counted_by_their_transport_and_the_time_away(metrics: Metrics) -> None:
    lost, back = events.ConnectionLost("websocket"), events.ConnectionResumed("webrtc", 1_500.0, 3, 1_200.0)
    observe(metrics, lost, back, lost, events.ConnectionLost("pigeon"))
    assert value(metrics, "voice_connections_lost_total", transport="websocket") == 2
    assert value(metrics, "voice_connections_lost_total", transport="other") == 1
    assert value(metrics, "voice_connections_resumed_total", transport="webrtc") == 1
    assert value(metrics, "voice_connection_away_seconds_sum") == pytest.approx(1.5)


def test_an_incident_is_counted_where_it_happened_not_by_every_session_that_saw_it(metrics: Metrics) -> None:
    observe(metrics, *[events.EngineIncident("engine", "died", "worker 0")] * 3)
    metrics.count_incident("recogniser", "died")
    counted = [
        s.value for m in metrics.registry.collect() for s in m.samples if s.name == "voice_engine_incidents_total"
    ]
    assert sum(counted) == 1
    assert value(metrics, "voice_engine_incidents_total", engine="recogniser", what="died") == 1


def test_a_remote_mind_is_counted_by_what_came_of_it_and_by_what_it_cost(metrics: Metrics) -> None:
    asked = events.RemoteMindAsked(
        1, 1, "ollama", "m", "a:1", "remote", "", (), 9, 9, False, 0.1, 250.0, 900.0, 0, 0.0, "", ""
    )
    observe(
        metrics,
        asked,
        dataclasses.replace(asked, outcome="card", reason="remote.budget", first_token_ms=None),
        dataclasses.replace(asked, outcome="card", reason="the moon", first_token_ms=None),
    )
    assert value(metrics, "ai_remote_replies_total", outcome="remote") == 1
    assert value(metrics, "ai_remote_card_words_total", reason="remote.budget") == 1
    assert value(metrics, "ai_remote_card_words_total", reason="other") == 1
    assert value(metrics, "ai_remote_first_token_seconds_count") == 1
    spending = Spending(RemoteBudget(day_tokens=1_000, price_in=1_000.0))
    metrics.watch_spending(spending)
    spending.settle(spending.reserve("one", tokens_in=500, tokens_out=100), tokens_in=400, tokens_out=100)
    with pytest.raises(RemoteFailure):
        spending.reserve("one", tokens_in=600, tokens_out=0)
    assert value(metrics, "ai_remote_tokens_total", kind="in") == 400
    assert value(metrics, "ai_remote_cost_total") == pytest.approx(0.4)
    assert value(metrics, "ai_remote_budget_used_ratio") == pytest.approx(0.5)
    assert value(metrics, "ai_remote_budget_refusals_total") == 1


def test_other_events_count_nothing(metrics: Metrics) -> None:
    before = metrics.render()
    observe(metrics, events.SpeechStarted(turn=1, at_ms=20.0), events.SessionEnded("ended"))
    assert metrics.render() == before


def test_labels_outside_their_set_are_other(metrics: Metrics) -> None:
    metrics.observe_request("teapot", "exploded", duration_s=0.1)
    metrics.count_admission("bribed")
    metrics.count_close(4999)
    metrics.count_close(1000)
    metrics.count_incident("teapot", "sang")
    assert value(metrics, "ai_requests_total", service="other", status="other") == 1
    assert value(metrics, "voice_admissions_total", result="other") == 1
    assert value(metrics, "voice_websocket_closes_total", code="other") == 1
    assert value(metrics, "voice_websocket_closes_total", code="1000") == 1
    assert value(metrics, "voice_engine_incidents_total", engine="other", what="other") == 1


def test_role_plays_that_begin_are_counted_and_those_with_consent(metrics: Metrics) -> None:
    setup = events.SessionSetup("nursing-leg-wound", 1, "digest", {}, "digest")
    observe(metrics, setup, events.ConsentGiven("1", "I agree."), setup)
    assert value(metrics, "voice_sessions_begun_total") == 2
    assert value(metrics, "voice_consents_total") == 1


@dataclasses.dataclass(slots=True)
class _Books:
    waiting: int = 0
    refused: int = 0
    unanchored: int = 0


def test_the_keeping_of_records_is_shown_as_it_is_when_it_is_read(metrics: Metrics) -> None:
    health, books = KeepingHealth(), _Books()
    metrics.keeping.watch(store=books, health=health)
    health.note("backup", "the disk is full")
    books.waiting, books.refused, books.unanchored = 3, 2, 1
    failing = {work: value(metrics, "voice_keeping_failing", work=work) for work in ("backup", "erasures", "retention")}
    assert failing == {"backup": 1, "erasures": 0, "retention": 0}
    shown = ("voice_database_waiting", "voice_database_refused_total", "voice_audit_unanchored_total")
    assert [value(metrics, name) for name in shown] == [3, 2, 1]
    health.note("backup", None)
    assert value(metrics, "voice_keeping_failing", work="backup") == 0


async def _measured(root: Path, metrics: Metrics) -> float:
    disk = DiskThread()
    watch = DiskWatch(root, disk, metrics)
    metrics.keeping.data_free.set(-1)
    measuring = asyncio.create_task(watch.measure_for_ever())
    while value(metrics, "voice_data_free_bytes") < 0:
        await disk.run(lambda: None)
    measuring.cancel()
    disk.close()
    return value(metrics, "voice_data_free_bytes")


@pytest.mark.asyncio
async def test_the_free_space_is_that_of_the_data_folder_and_none_without_one(metrics: Metrics, tmp_path: Path) -> None:
    there = shutil.disk_usage(tmp_path)
    assert 0 < await _measured(tmp_path, metrics) <= there.total
    assert await _measured(tmp_path / "gone", metrics) == 0


def test_each_app_has_its_own_registry(metrics: Metrics) -> None:
    metrics.sessions_active.set(3)
    assert value(Metrics(gpu_utilization=dict), "voice_sessions_active") == 0


def test_what_is_rendered_can_be_read_by_prometheus(metrics: Metrics) -> None:
    observe(metrics, LATENCY)
    metrics.model_memory.labels("pocketsphinx").set(90e6)
    body, content_type = metrics.render()
    assert content_type.startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(body.decode())}
    expected = {name.removesuffix("_total") for name in NAMES}
    assert expected == {name.removesuffix("_total") for name in families}
    assert families["voice_build_info"].samples[0].labels == {"version": "1.2.3"}


def test_the_registry_is_tidy(metrics: Metrics) -> None:
    """Names, help and labels follow the conventions; labels are closed sets."""
    observe(metrics, LATENCY)
    seen = set()
    for metric in metrics.registry.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        seen.add(name)
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert metric.documentation.endswith("."), f"{name} needs a help text"
        assert name.startswith(("voice_", "ai_")) or name in NAMES
        assert name == "prediction_latency_ms" or not re.search(r"_(ms|kb|mb|minutes)(_total)?$", name), name
        for sample in metric.samples:
            assert not sample.name.endswith("_total") or metric.type == "counter"
            for label, text in sample.labels.items():
                if label not in ("le", "version"):
                    assert text in LABEL_VALUES[name][label], f"{name} {label}={text}"
    assert seen == set(NAMES)


def test_series_with_closed_labels_start_at_zero(metrics: Metrics) -> None:
    for name in ("ai_requests_total", "voice_admissions_total", "voice_websocket_closes_total"):
        samples = [s for m in metrics.registry.collect() for s in m.samples if s.name == name]
        expected = 1
        for values in LABEL_VALUES[name].values():
            expected *= len(values)
        assert len(samples) == expected
        assert all(sample.value == 0 for sample in samples)


def test_every_turn_that_was_interpreted_is_a_look_up(metrics: Metrics) -> None:
    observe(metrics, events.UtteranceInterpreted(1, "cue_question", 0.9, {}, 0.9, ""))
    assert value(metrics, "retrievals_total") == 1


def test_the_page_of_metrics_is_current_and_whole() -> None:
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert page == metrics_markdown(), "run `python -m server.reference_docs docs`"
    for name in NAMES:
        assert f"| `{name}` |" in page


# ------------------------------------------------------------------ graphics cards


class _Driver:
    """Answers the driver's calls for two cards, of which the second tells nothing."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails

    def nvmlDeviceGetCount_v2(self, count: Any) -> int:
        count._obj.value = 2
        return 1 if self.fails else 0

    def nvmlDeviceGetHandleByIndex_v2(self, index: ctypes.c_uint, card: Any) -> int:
        card._obj.value = 100 + index.value
        return 0

    def nvmlDeviceGetUtilizationRates(self, card: ctypes.c_void_p, used: Any) -> int:
        used._obj.gpu = 37
        return 0 if card.value == 100 else 3

    def nvmlDeviceGetMemoryInfo(self, card: ctypes.c_void_p, memory: Any) -> int:
        memory._obj.total, memory._obj.used = 16 << 30, 3 << 30
        return 0 if card.value == 100 else 3


def test_a_cards_memory_is_read_when_there_is_one() -> None:
    assert GpuReader(_Driver).read_memory() == {"0": CardMemory(16 << 30, 3 << 30)}
    assert GpuReader(lambda: None).read_memory() == GpuReader(lambda: _Driver(fails=True)).read_memory() == {}


def test_a_cards_utilisation_is_shown_when_there_is_one() -> None:
    metrics = Metrics(gpu_utilization=GpuReader(_Driver).read)
    assert value(metrics, "ai_gpu_utilization_percent", gpu_id="0") == 37.0
    assert metrics.registry.get_sample_value("ai_gpu_utilization_percent", {"gpu_id": "1"}) is None


def test_without_a_card_there_is_no_series() -> None:
    looked = []
    for reader in (GpuReader(lambda: looked.append(1)), GpuReader(lambda: _Driver(fails=True))):
        assert reader.read() == {}
        assert reader.read() == {}
        body, _ = Metrics(gpu_utilization=reader.read).render()
        assert b"\nai_gpu_utilization_percent{" not in body
    assert looked == [1]
