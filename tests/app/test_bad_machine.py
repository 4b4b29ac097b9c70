"""What goes wrong around the server: files that are no audio, faulty cards, a taken port, a full disk, a killed worker.

Each gives one clear line or event; the other sessions go on, and what is in the log stays whole.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
import wave
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import soundfile

from audio.frames import WIRE_HZ, pcm_to_bytes, silence
from audio.recorder import RECORDING_NAME, read_segments
from bench import cli
from bench.replay.plan import plan_replay
from bench.replay.remote import reserve
from server.vault.session_keys import KEY_NAME
from tests.app.process import ROOT, ServerProcess, command, plain_environment, running
from tests.app.wire import CARD, PATIENCE_S, Joining, check_log, cut, joined, neighbour, sentence
from tests.sealed import seal_of

# ------------------------------------------------------------------ files


def _wav(path: Path, *, rate_hz: int = 24_000, samples: int = 0, promised: int | None = None) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(pcm_to_bytes(silence(1_000, WIRE_HZ)[:samples]))
    if promised is not None:
        data = path.read_bytes()
        path.write_bytes(data[:40] + (2 * promised).to_bytes(4, "little") + data[44:])
    return path


def _bad_recordings(folder: Path) -> list[tuple[Path, str]]:
    """Return files that can't be replayed, and a word that each message must have."""
    made: list[tuple[Path, str]] = [(folder / "absent.wav", "absent.wav"), (folder / "none", "holds no recordings")]
    (folder / "none").mkdir()
    for name, content in {
        "empty.wav": b"",
        "text.wav": b"RIFX this is no sound at all, only words" * 10,
        "page.flac": b"<!doctype html><title>404</title>" * 10,
        "torn.flac": (ROOT / "tests" / "data" / "cough.flac").read_bytes()[:100],
        "torn.ogg": b"OggS" + b"\0" * 200,
        "header.wav": b"RIFF\x24\0\0\0WAVEfmt ",
    }.items():
        (folder / name).write_bytes(content)
        made.append((folder / name, name))
    made.append((_wav(folder / "nothing.wav"), "nothing.wav"))
    made.append((_wav(folder / "cut-off.wav", samples=1_000, promised=100_000), "cut-off.wav"))
    made.append((_wav(folder / "slow.wav", rate_hz=3_000, samples=1_000), "slow.wav"))
    return made


def test_replay_says_in_one_line_what_is_wrong_with_a_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, word in _bad_recordings(tmp_path):
        with pytest.raises(SystemExit) as stopped:
            cli.main(["replay", str(path), "--card", CARD])
        printed = capsys.readouterr()
        assert stopped.value.code == 1, path
        assert printed.err.startswith("error: "), path
        assert len(printed.err.splitlines()) == 1, path
        assert word in printed.err, path


def test_replay_needs_a_card_and_a_server_that_answers(capsys: pytest.CaptureFixture[str]) -> None:
    recording = str(ROOT / "tests" / "data" / "cough.flac")
    for arguments, code, says in [
        ([recording, "--card", "nobody"], 1, "nursing-leg-wound"),
        ([recording, "--card", CARD, "--url", "http://127.0.0.1:9"], 1, "is it running?"),
        ([recording, "--card", CARD, "--pace", "slow"], 2, "--pace"),
    ]:
        with pytest.raises(SystemExit) as stopped:
            cli.main(["replay", *arguments])
        printed = capsys.readouterr()
        assert (stopped.value.code, len(printed.err.splitlines())) == (code, 1)
        assert says in printed.err


def test_replay_mixes_no_patient_into_the_candidate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    candidate = cut("consultation-pharmacy.flac", 3_850, 5_000)
    both = np.stack((candidate, np.zeros_like(candidate)), axis=1)
    recording = tmp_path / RECORDING_NAME
    soundfile.write(recording, both, WIRE_HZ, subtype="PCM_16")
    with pytest.raises(SystemExit) as stopped:
        cli.main(["replay", str(recording), "--card", CARD])
    assert stopped.value.code == 1
    assert "--channel left" in capsys.readouterr().err
    (turn,) = plan_replay([recording], channel=0).turns
    assert np.abs(turn.samples).max() > 1_000
    assert plan_replay([recording], channel=1).turns == ()


CARD_FAULTS: dict[str, tuple[str | bytes, str]] = {
    "no-yaml.yaml": ("id: [", "line 1, column 6"),
    "tab.yaml": ("id: a\n\tversion: 1\n", "tab.yaml"),
    "list.yaml": ("- one\n- two\n", "list.yaml"),
    "unknown-key.yaml": ("id: unknown-key\nsecret_door: 1\n", "secret_door"),
    "latin.yaml": (b"id: caf\xe9\n", "latin.yaml"),
    "empty.yaml": ("", "empty.yaml"),
}


def test_cards_check_names_the_file_and_the_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = (ROOT / "configs" / "cards" / f"{CARD}.yaml").read_text()
    faults = CARD_FAULTS | {
        "other-name.yaml": (good, "other-name.yaml"),
        "circle.yaml": (good.replace(f"id: {CARD}", "id: circle").replace("after: [", "after: [nobody, "), "nobody"),
    }
    for name, (content, says) in faults.items():
        folder = tmp_path / name.removesuffix(".yaml")
        folder.mkdir()
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        with pytest.raises(SystemExit) as stopped:
            cli.main(["cards", "check", str(folder)])
        printed = capsys.readouterr()
        assert stopped.value.code == 1, name
        assert all(line.startswith("error: ") and name in line for line in printed.err.splitlines()), printed.err
        assert says in printed.err, name


# ------------------------------------------------------------------ the machine


def _refused_start(*arguments: str) -> tuple[int, list[str]]:
    """Return the exit code and the lines of a server that does not start."""
    done = subprocess.run(
        arguments, cwd=ROOT, env=plain_environment(), capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr.splitlines()


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        # Of two ports the last one counts.
        code, lines = _refused_start(*command(tmp_path, "engines.backend=mock"), "--port", str(port))
    assert (code, lines) == (
        2,
        [f"error: server.port: can't listen on 127.0.0.1:{port} (Address already in use); choose another with --port"],
    )


def test_a_database_that_is_not_there_is_one_line_without_its_password(tmp_path: Path) -> None:
    url = "database.url=postgresql://somebody:s3cret@127.0.0.1:1/nothing"
    code, lines = _refused_start(*command(tmp_path, "engines.backend=mock", url))
    assert (code, lines) == (1, ["error: the database can't be reached; start it, or check database.url"])


def test_a_data_folder_that_can_not_be_one_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("this is where the data folder should be")
    code, lines = _refused_start(*command(tmp_path / "file", "engines.backend=mock"))
    assert (code, len(lines)) == (1, 1)
    assert lines[0].startswith("error: 'file' ")


@pytest.mark.asyncio
async def test_a_disk_that_fills_up_is_told_and_practice_goes_on_but_an_exam_ends(tmp_path: Path) -> None:
    with running(tmp_path, "engines.backend=mock") as mock_server:
        async with joined(mock_server) as practice, joined(mock_server, mode="exam") as exam:
            practice.microphone()
            exam.microphone()
            for wire in (practice, exam):
                wire.speak(sentence())
                await wire.until("response.output_audio.delta")
            mock_server.limit_files_to(1_024)
            told = await practice.until("interlocutor.problem")
            assert await asyncio.to_thread(_readiness, mock_server) == 503
            assert mock_server.metric("storage_failing") == 1.0
            assert [line["event"] for line in mock_server.log if line["level"] == "error"] == ["storage_failing"]
            assert told["code"] == "storage.failed"
            assert "\n" not in told["message"]
            assert str(mock_server.data) not in told["message"]
            await exam.until("interlocutor.problem")
            assert (await exam.until("interlocutor.session.ended"))["reason"] == "failed"
            assert await exam.closed() == 1011
            with pytest.raises(Exception, match="refused") as refused:
                await reserve(mock_server.url, CARD)
            assert getattr(refused.value, "code", None) == "storage.failed"
            await practice.send("response.cancel")
            await practice.until("response.done")
            practice.speak(sentence())
            await practice.until("response.output_audio.delta")
            # One is of the log and one of the recording; a reply that a slow machine gave up is none of the disk's.
            told_of_disk = [told for told in practice.of("interlocutor.problem") if told["code"] == "storage.failed"]
            assert len(told_of_disk) <= 2
            mock_server.limit_files_to(-1)
            async with neighbour(mock_server):
                assert await practice.end() == 1000
            # What was written before is whole: its last line too, though the disk took only a part of what followed.
            for wire in (practice, exam):
                types = [entry.envelope.type for entry in mock_server.entries(wire.session_id)]
                assert "turn_committed" in types
        await asyncio.to_thread(mock_server.wait_for, lambda: mock_server.logged("storage_works_again"))
        assert await asyncio.to_thread(_readiness, mock_server) == 200


def _readiness(server: ServerProcess) -> int:
    try:
        with urllib.request.urlopen(f"{server.url}/ready", timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _recogniser(server: psutil.Process) -> psutil.Process:
    for child in server.children(recursive=True):
        if any("pocketsphinx" in mapped.path for mapped in child.memory_maps()):
            return child
    raise AssertionError("no process has the recogniser")


@pytest.mark.asyncio
@pytest.mark.call_by_night
async def test_a_recogniser_killed_in_mid_utterance_loses_no_turn(
    embedded_server: ServerProcess, joining: Joining
) -> None:
    question = cut("consultation.flac", 8_360, 11_820)  # "First of all, please tell me how you hurt your leg."

    async with neighbour(embedded_server), joining(embedded_server, "nursing-leg-wound") as wire:
        wire.speak(question)
        wire.microphone()
        await wire.until("input_audio_buffer.speech_started")
        assert wire.speaking
        os.kill(_recogniser(embedded_server.usage).pid, signal.SIGKILL)
        said = await wire.until("conversation.item.input_audio_transcription.completed")
        # All of it: the new process was given the turn from its beginning.
        heard = said["transcript"].lower()
        before, found, _ = heard.partition("tell me how")
        assert found, heard
        # The new process has not heard this voice before: "personnel please" was such a beginning.
        assert len(before.split()) >= 2, heard
        await wire.until(wire.first_audio)
        assert not wire.of("error")
        assert await wire.end() == 1000
        await check_log(embedded_server, wire.session_id)
        incidents = [
            entry.payload
            for entry in embedded_server.entries(wire.session_id)
            if entry.envelope.type == "engine_incident"
        ]
        told = [(i["engine"], i["what"]) for i in incidents if i]
        assert told == [("recogniser", "died"), ("recogniser", "restarted")], incidents


@pytest.mark.asyncio
@pytest.mark.call_by_night
async def test_a_recogniser_that_stands_still_in_mid_utterance_loses_no_turn(
    embedded_server: ServerProcess, joining: Joining
) -> None:
    question = cut("consultation.flac", 8_360, 11_820)

    async with joining(embedded_server, "nursing-leg-wound") as wire:
        wire.speak(question)
        wire.microphone()
        await wire.until("input_audio_buffer.speech_started")
        os.kill(_recogniser(embedded_server.usage).pid, signal.SIGSTOP)
        told = await wire.until("interlocutor.problem")
        assert told["code"] == "engine.worker_hung"
        said = await wire.until("conversation.item.input_audio_transcription.completed")
        assert "tell me how" in said["transcript"].lower()
        await wire.until(wire.first_audio)
        assert await wire.end() == 1000
        await check_log(embedded_server, wire.session_id)
        found = [
            entry for entry in embedded_server.entries(wire.session_id) if entry.envelope.type == "engine_incident"
        ]
        assert [entry.payload["what"] for entry in found if entry.payload] == ["hung", "died", "restarted"]


@pytest.mark.asyncio
async def test_an_ended_session_leaves_one_recording(mock_server: ServerProcess, joining: Joining) -> None:
    async with joining(mock_server) as wire:
        wire.microphone()
        wire.speak(sentence())
        await wire.until(wire.first_audio)
        assert await wire.end() == 1000
        await check_log(mock_server, wire.session_id)
        folder = mock_server.folder(wire.session_id)
        async with asyncio.timeout(PATIENCE_S):
            while not (folder / RECORDING_NAME).exists() or list(read_segments(folder, seal_of(folder))):  # noqa: ASYNC110
                # The disk thread of the server gives no event to wait for.
                await asyncio.sleep(0.02)
    kept: list[Any] = sorted(path.name for path in folder.iterdir())
    assert kept == ["bearer", "events.jsonl", KEY_NAME, "payloads.jsonl", RECORDING_NAME]
