"""`MODEL_BACKEND=local ./scripts/serve` with real weights: Whisper hears, a language model words, a voice speaks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

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
# What a turn may take, voice to voice, where nobody else computes; else as many times as much as programs want a core.
WITHIN_MS = 1_000.0
pytestmark = pytest.mark.skipif(not NIGHTLY, reason="in the nightly run only: loads three real models")


def crowding() -> float:
    """Return how many programs want each core, by the load of the last minute; at least 1."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


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
    crowded: list[float] = []
    async with joined(local_server, CARD) as wire:
        wire.microphone()
        for text in TURNS:
            speech, _ = run_flite("-t", text, voice="slt", stretch=1.1)
            before = crowding()
            wire.speak(resample_whole(to_pcm(speech), from_hz=ANALYSIS_HZ, to_hz=WIRE_HZ))
            await wire.until("response.done")
            crowded.append(max(before, crowding()))
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
    for number, (wait, crowd) in enumerate(zip(waits, crowded, strict=False), 1):
        print(f"turn {number}: {wait:.0f} ms voice to voice, {crowd:.1f} programs a core")  # noqa: T201
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
    assert max(waits) < WITHIN_MS * max(crowded)
