"""What is left of a role-play: its record for its candidate, its log, its deletion, its consent and its reports."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audio.frames import WIRE_HZ, Pcm, samples_for, to_float
from bench.replay.remote import Reserved
from pipelines.log.jsonl import read_jsonl
from pipelines.scripted import instant
from server.records.recordings import Recordings
from tests.app.asking import answered
from tests.app.inside import KEY, serving, until
from tests.app.wire import CARD, Wire, connect_to, sentence
from tests.sealed import recording_of, seal_of

pytestmark = pytest.mark.asyncio

AUDIBLE = 0.003  # full scale 1
# The chunks last 40 ms each and are sent at most 300 ms ahead: the candidate heard some words of the answer.
CHUNKS = 30
CONSENT = {"version": "2026-11", "text": "I agree to be recorded."}


class Person:
    """Somebody who asks the server over HTTP."""

    def __init__(self, address: str, token: str = "") -> None:
        self.url = f"http://{address}"
        self.token = token

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        """Return the status and the body of an answer."""
        data = None if body is None else json.dumps(body).encode()
        return await asyncio.to_thread(answered, method, f"{self.url}{path}", self.token, data)

    async def json(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Return the status and the body of an answer of JSON."""
        status, raw = await self.ask(method, path, body)
        return status, json.loads(raw)

    async def opened(self, **more: object) -> Reserved:
        """Open a session, and be its candidate from now on."""
        status, told = await self.json("POST", "/api/sessions", {"card": CARD, "mode": "practice", **more})
        assert status == 201
        self.token = told["token"]
        return Reserved(told["id"], told["token"], told["url"], self.url)


async def talk(reserved: Reserved) -> None:
    """Say a sentence, hear the answer out, type another turn, cut its answer short, end."""
    wire = Wire(await connect_to(reserved))
    wire.microphone()
    wire.speak(sentence())
    await wire.until("response.done")
    await wire.say("Could you say that again?")
    for _ in range(CHUNKS):
        await wire.until("response.output_audio.delta")
    await wire.send("response.cancel")
    await wire.until("response.done")
    assert await wire.end() == 1000
    await wire.drop()


def heard_from_to(audio: Pcm, from_ms: float, to_ms: float) -> tuple[float, float]:
    """Return the first and the last audible millisecond of a stretch of a track."""
    part = np.abs(to_float(audio[samples_for(from_ms, WIRE_HZ) : samples_for(to_ms, WIRE_HZ)])) > AUDIBLE
    places = np.flatnonzero(part)
    assert len(places), f"nothing is to be heard from {from_ms} to {to_ms}"
    return from_ms + 1000 * places[0] / WIRE_HZ, from_ms + 1000 * places[-1] / WIRE_HZ


async def test_the_record_of_a_role_play_its_log_and_its_deletion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instant, "REPLY", ("It began about", "three weeks ago and stayed."))

    async with serving(tmp_path) as (address, server):
        candidate, stranger = Person(address), Person(address)
        reserved = await candidate.opened(consent=CONSENT)
        await stranger.opened()
        path, folder = f"/api/sessions/{reserved.id}", tmp_path / "sessions" / reserved.id
        await talk(reserved)
        await until(lambda: Recordings().facts(folder, seal_of(folder)).state == "ready")
        status, record = await candidate.json("GET", f"{path}/record")
        assert (status, record["status"], record["recording"]["state"]) == (200, "ended", "ready")
        check_turns(record, recording_of(folder))
        check_own_log((await candidate.ask("GET", f"{path}/log"))[1])
        developer = Person(address, KEY)
        assert b"segment_heard" in (await developer.ask("GET", f"{path}/log"))[1]
        for method, what in (("GET", "/record"), ("GET", "/log"), ("DELETE", "")):
            assert (await stranger.ask(method, path + what))[0] == 403
            assert (await Person(address).ask(method, path + what))[0] == 401

        assert await candidate.json("DELETE", path) == (200, {"id": reserved.id, "deleted": True})
        assert {each.name for each in folder.iterdir()} == {
            "events.jsonl", "payloads.jsonl", "erased.json", "key.json", "bearer"
        }  # fmt: skip
        entries = list(read_jsonl(folder))
        assert len(entries) > 10
        assert all(entry.payload is None and entry.envelope.digest for entry in entries)
        _, record = await candidate.json("GET", f"{path}/record")
        assert (record["turns"], record["recording"]["state"]) == ([], "deleted")
        assert "turns" not in (await candidate.json("GET", path))[1]
        assert (await candidate.ask("GET", f"{path}/recording"))[0] == 404
        assert (await candidate.ask("DELETE", path))[0] == 200  # twice is no harm
        assert server.registry.get(reserved.id).debrief is None


async def test_an_exams_record_is_not_its_candidates_to_erase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instant, "REPLY", ("It began.",))

    async with serving(tmp_path) as (address, server):
        candidate, stranger = Person(address), Person(address)
        reserved = await candidate.opened(mode="exam")
        await stranger.opened(mode="exam")
        path, folder = f"/api/sessions/{reserved.id}", tmp_path / "sessions" / reserved.id
        wire = Wire(await connect_to(reserved))
        wire.microphone()
        await wire.say("How are you today?")
        await wire.until("response.done")
        status, told = await candidate.json("DELETE", path)
        assert (status, told["error"]["code"]) == (403, "session.exam_record")
        assert await wire.end() == 1000
        await wire.drop()
        await asyncio.wait_for(server.registry.get(reserved.id).joined.wait(), 20)
        before = {each.name: each.read_bytes() for each in folder.iterdir()}
        status, told = await candidate.json("DELETE", path)
        assert (status, told["error"]["code"]) == (403, "session.exam_record")
        assert "whoever holds the exam" in told["error"]["message"]
        assert (await stranger.json("DELETE", path))[1]["error"]["code"] == "access.denied"
        assert {each.name: each.read_bytes() for each in folder.iterdir()} == before
        assert server.registry.get(reserved.id).debrief is not None
        # A developer's key stands for whoever runs the server.
        assert (await Person(address, KEY).json("DELETE", path))[0] == 200
        assert (await candidate.json("GET", f"{path}/record"))[1]["recording"]["state"] == "deleted"


def assert_set(event: threading.Event) -> None:
    """Wait for it."""
    assert event.wait(20)


async def test_a_record_that_is_asked_for_before_the_disk_has_it_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instant, "REPLY", ("It began.",))

    async with serving(tmp_path) as (address, server):
        candidate = Person(address)
        reserved = await candidate.opened()
        session = server.registry.get(reserved.id)
        stalled = threading.Event()
        server.disk.submit(lambda: assert_set(stalled))
        wire = Wire(await connect_to(reserved))
        await wire.say("How are you today?")
        await wire.until("response.done")
        assert await wire.end() == 1000
        await wire.drop()
        await asyncio.wait_for(session.ended.wait(), 20)
        asked = asyncio.create_task(candidate.json("GET", f"/api/sessions/{reserved.id}/record"))
        await asyncio.wait({asked}, timeout=0.1)
        assert not asked.done()
        stalled.set()
        _, record = await asked
        assert [turn["role"] for turn in record["turns"]] == ["candidate", "patient"]
        assert record["recording"]["state"] in ("joining", "ready")
        await asyncio.wait_for(session.joined.wait(), 20)
        assert Recordings().facts(session.folder, seal_of(session.folder)).state == "ready"


def check_turns(record: dict[str, Any], recording: io.BytesIO) -> None:
    """Every turn is where the recording has it, word by word."""
    audio = np.asarray(soundfile.read(recording, dtype="int16")[0], dtype=np.int16)
    duration_ms = 1000 * len(audio) / WIRE_HZ
    assert record["recording"]["duration_ms"] == pytest.approx(duration_ms, abs=1)
    turns = record["turns"]
    assert [turn["role"] for turn in turns] == ["candidate", "patient", "candidate", "patient"]
    assert [turn["typed"] for turn in turns] == [False, False, True, False]
    assert [turn["interrupted"] for turn in turns] == [False, False, False, True]
    assert turns[3]["to_ms"] - turns[3]["from_ms"] < turns[1]["to_ms"] - turns[1]["from_ms"]
    for turn in turns:
        track = 0 if turn["role"] == "candidate" else 1
        assert " ".join(word for word, *_ in turn["words"]) == ("" if turn["typed"] else turn["text"])
        if turn["typed"]:
            continue
        places = [place for _, from_ms, to_ms, _ in turn["words"] for place in (from_ms, to_ms)]
        assert places == sorted(places)
        assert turn["from_ms"] - 100 <= places[0]
        assert places[-1] <= turn["to_ms"] + 100
        others = [other for other in turns if other["role"] == turn["role"] and other is not turn]
        # The one before may be heard up to 250 ms longer than its record says, which is checked at its own end.
        last_ms = [min(o["to_ms"] + 250, turn["from_ms"] - 200) for o in others if o["to_ms"] <= turn["from_ms"]]
        since_ms = max([0, turn["from_ms"] - 400, *last_ms])
        until_ms = min([turn["to_ms"] + 400, *(o["from_ms"] for o in others if o["from_ms"] >= turn["to_ms"])])
        begins_ms, ends_ms = heard_from_to(audio[:, track], since_ms, until_ms)
        assert turn["from_ms"] == pytest.approx(begins_ms, abs=200)
        # On a busy machine some of the last word may come late, and is recorded where it came.
        assert turn["to_ms"] == pytest.approx(ends_ms, abs=400)
    assert turns[1]["latency_ms"] > 0
    assert turns[0]["latency_ms"] is None


def check_own_log(log: bytes) -> None:
    """The candidate's log has what a candidate may see."""
    lines = [json.loads(line) for line in log.splitlines()]
    kinds = {line["type"] for line in lines}
    assert {"session_started", "turn_committed", "reply_finished", "session_ended"} <= kinds
    assert {line["audience"] for line in lines} == {"candidate"}
    assert not kinds & {"reply_proposed", "cue_heard", "segment_heard", "session_setup"}


async def test_consent_and_reports_are_kept_and_what_runs_is_not_deleted(tmp_path: Path) -> None:
    async with serving(tmp_path, session={"consent_required": True}) as (address, server):
        person = Person(address)
        status, told = await person.json("POST", "/api/sessions", {"card": CARD})
        assert (status, told["error"]["code"]) == (403, "session.consent")
        assert server.registry.running() == []
        for wrong in ("yes", {"version": "1"}, {"version": "1", "text": "x" * 2_001}):
            body = {"card": CARD, "consent": wrong}
            status, told = await person.json("POST", "/api/sessions", body)
            assert (status, told["error"]["code"]) == (400, "session.fields")
        reserved = await person.opened(consent=CONSENT)
        path = f"/api/sessions/{reserved.id}"
        report = {"kind": "sound", "text": "It crackles."}
        assert (await person.json("POST", f"{path}/problems", report))[1]["error"]["code"] == "session.over"
        wire = Wire(await connect_to(reserved))
        wire.microphone()
        await wire.until("interlocutor.session.started")
        assert (await person.ask("POST", f"{path}/problems", report))[0] == 201
        for bad in ({"kind": "Sound!"}, {"kind": "sound", "text": "x" * 1_001}, ["sound"]):
            assert (await person.ask("POST", f"{path}/problems", bad))[0] == 400
        for method, what in (("DELETE", ""), ("GET", "/log")):
            status, told = await person.json(method, path + what)
            assert (status, told["error"]["code"]) == (409, "session.running")
        assert "turns" not in (await person.json("GET", f"{path}/record"))[1]
        assert await wire.end() == 1000
        await wire.drop()
        await asyncio.to_thread(server.disk.flush)
        kept = {
            entry.envelope.type: entry.payload
            for entry in read_jsonl(tmp_path / "sessions" / reserved.id, seal_of(tmp_path / "sessions" / reserved.id))
        }
        assert kept["consent_given"] == CONSENT | {"provider": "", "country": ""}
        assert kept["problem_reported"] == report
