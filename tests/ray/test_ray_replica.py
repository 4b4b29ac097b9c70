"""A real Whisper behind a real Ray Serve: it reads as it does here, holds a role-play, and its end is noticed.

Not part of the default run: `scripts/nightly-ray` makes the environment that it needs.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from audio.files import mono_at, read_recording
from audio.frames import ANALYSIS_HZ
from pipelines.engines import DecodeRequest
from pipelines.models.settings import ModelSettings
from pipelines.stt.served_decoder import ServedDecoder
from pipelines.stt.whisper import make_decoder
from pipelines.stt.whisper_settings import WhisperSettings
from tests.app.asking import answered
from tests.app.process import ROOT, running
from tests.app.wire import DATA, joined, sentence
from tests.bench.ray_hop import measure

PYTHON = os.environ.get("INTERLOCUTOR_RAY_PYTHON", "")
RECORDING = DATA / "consultation-pharmacy.flac"
STARTED_S, STOPPED_S = 180.0, 60.0

pytestmark = pytest.mark.skipif(not PYTHON, reason="scripts/nightly-ray brings Ray")


def free_port() -> int:
    """Return a port of loopback that nobody has now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def replica(model: Path, port: int) -> Iterator[str]:
    """Serve a model on a port of loopback until the block ends; yield the address."""
    words = ["--model", str(model), "--port", str(port)]
    process = subprocess.Popen(
        [PYTHON, "-m", "pipelines.stt.ray_replica", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Ray's processes go with it.
        start_new_session=True,
    )
    told: list[str] = []
    ready = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            told.append(line)
            if "is served at" in line:
                ready.set()

    reader = threading.Thread(target=read, name="replica-output")
    reader.start()
    try:
        assert ready.wait(STARTED_S), told[-20:]
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOPPED_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        reader.join(STOPPED_S)
        assert process.stdout is not None
        process.stdout.close()
    assert process.returncode == 0, told[-20:]


def test_it_reads_word_for_word_as_it_does_here_and_the_hop_is_measured(real_whisper: Path) -> None:
    sound = mono_at(read_recording(RECORDING), ANALYSIS_HZ)
    clips = [DecodeRequest(sound[at * ANALYSIS_HZ : (at + 4) * ANALYSIS_HZ]) for at in range(0, 24, 4)]
    here = make_decoder(folder=real_whisper, settings=WhisperSettings(), models=ModelSettings(cpu_threads=1))
    here.warm()
    try:
        expected = [here.decode([clip]).results for clip in clips]
    finally:
        here.close()
    assert any(result.words for (result,) in expected)
    with replica(real_whisper, free_port()) as address:
        there = ServedDecoder(address=address, timeout_s=60)
        there.warm()
        assert [there.decode([clip]).results for clip in clips] == expected
        assert [one for clip in there.decode(clips[:3]).results for one in clip.words]
        there.close()
        figures = measure(address, rounds=5)
    assert figures.readings == 15
    assert 0 < figures.hop_p50_ms <= figures.hop_p95_ms
    assert 0 < figures.sessions_per_replica <= figures.sessions_without_the_hop


@pytest.mark.asyncio
async def test_a_role_play_is_held_with_it_and_its_end_is_noticed(real_whisper: Path, tmp_path: Path) -> None:
    port = free_port()
    settings = (
        "engines.backend=mock",
        "engines.recogniser=served",
        f"engines.recogniser_address=http://127.0.0.1:{port}/",
        "engines.recogniser_within_s=30",
        "conversation.recognise_timeout_ms=30000",
        "server.try_engines_every_s=1",
    )
    with ExitStack() as first:
        first.enter_context(replica(real_whisper, port))
        with running(tmp_path, *settings) as server:
            async with joined(server) as wire:
                wire.microphone()
                wire.speak(sentence())
                heard = await wire.until("conversation.item.input_audio_transcription.completed")
                await wire.until("response.done")
                await wire.end()
            assert "meet you" in heard["transcript"].lower()
            assert answered("GET", f"{server.url}/ready")[0] == 200
            first.close()
            # Nobody talks, and still it is known that nobody would be heard.
            server.wait_for(lambda: server.logged("engine_trial_failed"))
            status, told = answered("GET", f"{server.url}/ready")
            assert status == 503
            assert b"the recogniser fails: " in told
            with replica(real_whisper, port):
                server.wait_for(lambda: server.logged("engine_works_again"), timeout_s=STARTED_S)
                assert answered("GET", f"{server.url}/ready")[0] == 200
