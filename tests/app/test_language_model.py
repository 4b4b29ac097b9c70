"""`MODEL_BACKEND=local ./scripts/serve` with real weights: Whisper hears, a language model words, a voice speaks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest

from audio.frames import ANALYSIS_HZ, WIRE_HZ, to_pcm
from audio.resample import resample_whole
from pipelines.models.model_digest import digest_over, file_digests
from tests.app.process import ServerProcess
from tests.app.wire import joined
from tests.data.making import run_flite
from tests.nightly import NIGHTLY

CARD = "pharmacy-new-inhaler"
TURNS = (
    "What is the name of your dog?",
    "That must be very difficult for you, I am sorry.",
    "Do you have a favourite film?",
)
# What a turn may take, voice to voice, where nobody else computes.
WITHIN_MS = 1_000.0
# Each of a turn's parts (endpoint, recognise, respond, speak, deliver) waits for a core that others have.
PARTS = 5
pytestmark = pytest.mark.skipif(not NIGHTLY, reason="in the nightly run only: loads three real models")


class OthersLoad:
    """How much of this machine others take: nobody who measures the server, nor the server itself."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._before = self._used()

    def slower(self) -> float:
        """Return how many times as long as alone something took since this was made; at least 1."""
        busy, ours, all_s = (now - then for now, then in zip(self._used(), self._before, strict=True))
        free = 1.0 - max(0.0, busy - ours) / max(all_s, 0.01)
        return 1.0 / max(0.05, free)

    def _used(self) -> tuple[float, float, float]:
        """Return seconds of all cores: busy, with us, and all that there were."""
        times = psutil.cpu_times()
        idle = times.idle + times.iowait
        ours = [psutil.Process(), self._server.usage, *self._server.usage.children(recursive=True)]
        used = [each.cpu_times() for each in ours]
        return sum(times) - idle, sum(each.user + each.system for each in used), sum(times)


@pytest.mark.asyncio
async def test_three_spoken_turns_are_worded_by_the_model(
    local_server: ServerProcess,
    real_whisper: Path,
    real_language_model: Path,
    real_joe: Path,
    real_encoder: Path,
    real_smart_turn: Path,
) -> None:
    chosen = {line["data"]["engine"] for line in local_server.log if line["event"] == "engine_chosen"}
    assert {"whisper", "language-model"} <= chosen
    assert any("joe" in name for name in chosen)
    slower: list[float] = []
    async with joined(local_server, CARD) as wire:
        wire.microphone()
        for text in TURNS:
            speech, _ = run_flite("-t", text, voice="slt", stretch=1.1)
            others = OthersLoad(local_server)
            wire.speak(resample_whole(to_pcm(speech), from_hz=ANALYSIS_HZ, to_hz=WIRE_HZ))
            await wire.until("response.done")
            slower.append(others.slower())
    entries = local_server.entries(wire.session_id)

    def payloads(kind: str) -> list[dict[str, Any]]:
        found = [entry.payload for entry in entries if entry.envelope.type == kind]
        return [payload for payload in found if payload is not None]

    (setup,) = payloads("session_setup")
    assert setup["engines"]["responder"] == "language-model"
    used = {folder.name: folder for folder in (real_whisper, real_language_model, real_joe, real_encoder)}
    assert {name: setup["models"][name] for name in used} == {
        name: digest_over(file_digests(folder)) for name, folder in used.items()
    }
    told = [
        [entry.payload.get(name) for name in ("text", "act", "heard", "outcome", "reason") if name in entry.payload]
        for entry in entries
        if entry.payload and entry.envelope.type in ("turn_committed", "reply_proposed", "reply_finished")
    ]
    asked = payloads("language_model_asked")
    waits = [payload["voice_to_voice_ms"] for payload in payloads("turn_latency")]
    for number, (wait, times) in enumerate(zip(waits, slower, strict=False), 1):
        print(f"turn {number}: {wait:.0f} ms voice to voice, on a machine {times:.1f} times as slow as alone")  # noqa: T201
    for each in asked:
        first = each["first_token_ms"]
        print(f"the model: {each['outcome']} {each['reason']}, first token {first} ms, {each['took_ms']} ms")  # noqa: T201
    # Whisper may mishear one of them; the model may fail at another, and then the card's words are heard.
    assert len(asked) >= 2, told
    assert "model" in [payload["outcome"] for payload in asked], told
    assert len(payloads("reply_finished")) >= len(TURNS)
    assert payloads("engine_incident") == []
    for payload in asked:
        assert payload["model"] == "smollm2-135m-instruct"
        assert payload["prompt"].endswith("<|im_start|>assistant\n")
        assert len(payload["digest"]) == 64
    # The server's log tells what it took, and not what was said.
    lines = [line["data"] for line in local_server.log if line["event"] == "language_model_asked"]
    assert len(lines) >= len(asked)
    assert all("prompt" not in line and "completion" not in line for line in lines)
    assert len(waits) >= len(TURNS)
    assert all(wait < WITHIN_MS * (1 + PARTS * (times - 1)) for wait, times in zip(waits, slower, strict=False))
