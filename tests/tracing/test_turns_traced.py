"""A server with the extra `tracing`: the spans of its turns reach the receiver that is set, and nobody else."""

from __future__ import annotations

import json
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from server.turn_trace import PARTS
from tests.app.process import ServerProcess, faults_of, running
from tests.app.wire import Wire, joined, sentence
from tests.tracing.receiver import PATH, facts_of, receiving

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(find_spec("opentelemetry") is None, reason="scripts/nightly-tracing brings OpenTelemetry"),
]

TYPED = "My name is Zuleika Quennell and my number is 07700 900461."
PERSONAL = ("zuleika", "quennell", "900461")
SPOKEN = ("engines.backend=embedded", "engines.recogniser_workers=1", "conversation.recognise_timeout_ms=30000")
SCRIPTED = ("engines.backend=mock",)
MS = 1_000_000


async def turn(wire: Wire) -> None:
    """Speak a sentence, and hear the whole answer."""
    wire.speak(sentence())
    await wire.until("response.done")


def told(server: ServerProcess, session_id: str, kind: str) -> list[dict[str, object]]:
    """Return the payloads of a kind of event in a session's log."""
    return [entry.payload or {} for entry in server.entries(session_id) if entry.envelope.type == kind]


async def test_each_turn_is_a_span_with_its_five_parts_as_the_log_has_them(tmp_path: Path) -> None:
    with receiving() as receiver:
        with running(tmp_path, f"tracing.endpoint={receiver.url}", *SPOKEN) as server:
            async with joined(server) as wire:
                wire.microphone()
                await turn(wire)
                await wire.say(TYPED)
                await wire.until("response.done")
                await turn(wire)
                await wire.end()
                session_id = wire.session_id
            receiver.wait_for(lambda: sum(not span.parent_span_id for span in receiver.spans) >= 2)
            logged = told(server, session_id, "turn_latency")
            sent = server.metric('voice_trace_spans_total{outcome="sent"}')
            entries = server.entries(session_id)
        assert faults_of(server) == []
    turns = sorted((span for span in receiver.spans if not span.parent_span_id), key=lambda s: s.start_time_unix_nano)
    assert [facts_of(span)["interlocutor.turn"] for span in turns] == [one["turn"] for one in logged]
    assert sent == len(receiver.spans) == len(turns) * 6
    assert {fact["service.name"] for fact in receiver.resources} == {"interlocutor"}
    for span, latency in zip(turns, logged, strict=True):
        assert (span.name, facts_of(span)["session.id"]) == ("turn", session_id)
        parts = sorted(
            (one for one in receiver.spans if one.parent_span_id == span.span_id),
            key=lambda one: (one.start_time_unix_nano, PARTS.index(one.name)),
        )
        assert [part.name for part in parts] == list(PARTS)
        assert {part.trace_id for part in parts} == {span.trace_id}
        assert parts[0].start_time_unix_nano == span.start_time_unix_nano
        assert all(one.end_time_unix_nano == after.start_time_unix_nano for one, after in pairwise(parts))
        assert parts[-1].end_time_unix_nano == span.end_time_unix_nano
        took_ms = [(part.end_time_unix_nano - part.start_time_unix_nano) / MS for part in parts]
        assert took_ms == pytest.approx([latency[f"{part}_ms"] for part in PARTS], abs=0.01)
        assert {"pause", "committed", "released"} <= {event.name for event in span.events}
        engines = {part.name: facts_of(part).get("interlocutor.engine") for part in parts}
        assert engines["recognise"] == "pocketsphinx"
        assert facts_of(span)["interlocutor.wait_ms"] > 0
    # Not a word of what was said, heard or answered, and no name of the card.
    said = {str((entry.payload or {}).get(key, "")) for entry in entries for key in ("text", "heard")}
    words = {text.lower() for text in said if len(text.split()) >= 3} | set(PERSONAL)
    assert len(words) > 4
    everything = b"\n".join(receiver.bodies).decode("utf-8", errors="replace").lower()
    assert session_id.lower() in everything
    assert [word for word in words if word in everything] == []
    assert json.dumps(server.log).count("traces_are_sent") == 1


async def test_nobody_else_is_contacted_whatever_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("Bearer receivers-token-0123456789\n")
    secret.chmod(0o600)
    with receiving() as receiver, receiving() as other:
        for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{other.port}/{name}")
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{other.port}")
        settings = (f"tracing.endpoint={receiver.url}", f"tracing.authorization_file={secret}", *SCRIPTED)
        with running(tmp_path / "data", *settings) as server:
            monkeypatch.undo()  # they are the server's, not this client's
            async with joined(server) as wire:
                wire.microphone()
                await turn(wire)
                receiver.wait_for(lambda: bool(receiver.spans))
                # Whoever answers at the address may not send us on either.
                receiver.status, receiver.location = 307, other.url
                await turn(wire)
                server.wait_for(lambda: server.logged("traces_not_sent"))
                await wire.end()
            assert server.metric('voice_trace_spans_total{outcome="failed"}') == 6
        assert other.paths == []
        assert set(receiver.paths) == {PATH}
        assert {headers.get("authorization") for headers in receiver.headers} == {"Bearer receivers-token-0123456789"}
        assert "receivers-token" not in json.dumps(server.log)


async def test_a_receiver_that_is_away_holds_up_nobody_and_is_told_once(tmp_path: Path) -> None:
    with receiving() as gone:
        port, url = gone.port, gone.url
    settings = (f"tracing.endpoint={url}", "tracing.timeout_s=1", *SCRIPTED)
    with running(tmp_path, *settings) as server:
        async with joined(server) as wire:
            wire.microphone()
            await turn(wire)
            server.wait_for(lambda: server.logged("traces_not_sent"))
            await turn(wire)
            with receiving(port=port) as receiver:
                await turn(wire)
                server.wait_for(lambda: server.logged("traces_sent_again"))
                assert {span.name for span in receiver.spans} == {"turn", *PARTS}
            await turn(wire)
            await wire.end()
        lines = [line["event"] for line in server.log if "traces" in line["event"]]
        assert lines[:3] == ["traces_are_sent", "traces_not_sent", "traces_sent_again"]
    assert server.process.returncode == 0
    assert faults_of(server) == []
