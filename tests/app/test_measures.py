"""The measures of a role-play that is over: for its candidate, for examiners, and on the command line."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner

from bench.cli import app as command_line
from common.seal import Seal
from pipelines.log import stored_events
from pipelines.log.disk import DiskThread
from pipelines.log.jsonl import JsonlStore, StoredEntry, read_jsonl
from server.records.folder import RecordFolder
from server.sessions.assessments import MOST_WAITING
from tests.app.accounts import World, world
from tests.app.inside import KEY, until
from tests.app.wire import CARD
from tests.unit.spoken_log import SpokenLog

SAID = "I would like to ask you how the wound came about and how it has been since then. " * 4


async def spoken(one: World, *, of: str, mode: str = "practice") -> str:
    """Make a role-play that is over, in which something was said; return its id."""
    session_id = await one.past(of=of, mode=mode)
    disk = DiskThread()
    log = SpokenLog(JsonlStore(one.folder / "sessions" / session_id, disk, failed=lambda error: None))
    log.candidate(SAID, "cue_question")
    log.patient("On a shelf.", tells=one.server.cards[CARD].cues[0].id)
    log.close()
    await asyncio.to_thread(disk.close)
    return session_id


@pytest.mark.asyncio
async def test_measures_are_for_the_candidate_of_a_practice_and_never_of_an_exam(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        candidate, examiner = await one.person("anna@example.org"), await one.person("ed@example.org", "examiner")
        anna = await one.id_of("anna@example.org")
        practice = await spoken(one, of=anna)
        exam = await spoken(one, of=anna, mode="exam")

        answer = await candidate.get(f"/api/sessions/{practice}/measures")
        told = {each["id"]: each for each in answer.json()["measures"]}
        assert told["speech_rate"]["value"] == 120.0
        assert told["cues"]["counts"]["found"] == 1
        assert told["speech_rate"]["evidence"][0]["from_ms"] == 1000
        assert answer.json()["coaching"]["measures"]
        assert (await examiner.get(f"/api/sessions/{practice}/measures")).status_code == 403

        refused = await candidate.get(f"/api/sessions/{exam}/measures")
        assert refused.status_code == 403
        assert "measures" not in refused.json()
        # An examiner who has still to mark is told none either.
        assert (await examiner.get(f"/api/sessions/{exam}/measures")).status_code in (403, 409)
        developer = one.client(Authorization=f"Bearer {KEY}")
        assert (await developer.get(f"/api/sessions/{exam}/measures")).json()["mode"] == "exam"


@pytest.mark.asyncio
async def test_model_phrases_are_spoken_and_only_they(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        candidate = await one.person("anna@example.org")
        address = f"/api/sessions/{await spoken(one, of=await one.id_of('anna@example.org'))}/phrases"
        answer = await candidate.get(f"{address}/empathy/0")
        assert answer.headers["content-type"] == "audio/wav"
        audio, rate_hz = soundfile.read(io.BytesIO(answer.content))
        assert (rate_hz, len(audio) > rate_hz // 2) == (24_000, True)
        assert (await candidate.get(f"{address}/empathy/0")).content == answer.content
        for wrong in ("empathy/99", "anything/0"):
            refused = await candidate.get(f"{address}/{wrong}")
            assert (refused.status_code, refused.json()["error"]["code"]) == (404, "session.no_phrase")


@pytest.mark.asyncio
async def test_what_was_erased_has_no_measures(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        candidate = await one.person("anna@example.org")
        session_id = await spoken(one, of=await one.id_of("anna@example.org"))
        RecordFolder(tmp_path / "sessions" / session_id).erase()
        answer = await candidate.get(f"/api/sessions/{session_id}/measures")
        assert answer.status_code == 200
        assert answer.json()["measures"] == []


@pytest.mark.asyncio
async def test_an_answer_is_kept_until_the_record_is_erased(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(tmp_path) as one:
        candidate = await one.person("anna@example.org")
        mine = [await spoken(one, of=await one.id_of("anna@example.org")) for _ in range(2)]
        read: list[Path] = []

        def reading(folder: Path, seal: Seal | None) -> Iterator[StoredEntry]:
            read.append(folder)
            return read_jsonl(folder, seal)

        monkeypatch.setattr(stored_events, "read_jsonl", reading)
        for session_id in mine:
            asked = [candidate.get(f"/api/sessions/{session_id}/measures") for _ in range(4)]
            answers = [answer.json() for answer in await asyncio.gather(*asked)]
            answers.append((await candidate.get(f"/api/sessions/{session_id}/measures")).json())
            assert answers[0]["measures"]
            assert answers == [answers[0]] * 5
        assert [folder.name for folder in read] == mine
        assert (await candidate.delete(f"/api/sessions/{mine[0]}")).status_code == 200
        # Another process may erase too.
        RecordFolder(tmp_path / "sessions" / mine[1]).erase()
        assert one.server.assessments._kept.keys() == {mine[1]}
        for session_id in mine:
            assert (await candidate.get(f"/api/sessions/{session_id}/measures")).json()["measures"] == []
        assert not one.server.assessments._kept


@pytest.mark.asyncio
async def test_many_who_ask_wait_and_hold_nobody_else_up(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        candidate = await one.person("anna@example.org")
        mine = [await spoken(one, of=await one.id_of("anna@example.org")) for _ in range(MOST_WAITING + 2)]
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        busy = one.server.assessments._assessor._busy
        with busy:
            paths = [f"/api/sessions/{session_id}/measures" for session_id in mine]
            asked = [asyncio.create_task(candidate.get(path)) for path in paths + paths]
            await until(lambda: sum(task.done() for task in asked) == 4)
            refused = [task.result() for task in asked if task.done()]
            assert {answer.json()["error"]["code"] for answer in refused} == {"capacity.assessing"}
            assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
            # A thread is free for whoever wants something else.
            async with asyncio.timeout(30):
                assert (await candidate.get(f"/api/sessions/{mine[0]}/record")).status_code == 200
        answers = [answer for answer in await asyncio.gather(*asked) if answer.status_code == 200]
        assert len(answers) == 2 * MOST_WAITING
        assert all(answer.json()["measures"] for answer in answers)


@pytest.mark.asyncio
async def test_the_command_shows_the_same_measures(tmp_path: Path) -> None:
    async with world(tmp_path) as one:
        session_id = await spoken(one, of=await _somebody(one))
    place = ("--set", f"data_path={tmp_path}", "--set", f"audit.anchor={tmp_path / 'anchors'}")
    run = CliRunner().invoke
    asked = await asyncio.to_thread(run, command_line, ["sessions", "measures", session_id, "--json", *place])
    assert asked.exit_code == 0, asked.output
    told = {each["id"]: each["value"] for each in json.loads(asked.stdout)["measures"]}
    assert told["speech_rate"] == 120.0
    shown = await asyncio.to_thread(run, command_line, ["sessions", "measures", session_id, *place])
    assert "speech_rate" in shown.stdout
    gone = await asyncio.to_thread(run, command_line, ["sessions", "measures", "sess_none", *place])
    assert gone.exit_code == 1


async def _somebody(one: World) -> str:
    await one.person("anna@example.org")
    return await one.id_of("anna@example.org")
