"""Piper's joe with its real weights: windows equal the whole, words lie where they are heard, bad text harms nobody."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from audio.frames import WIRE_HZ, Pcm, silence
from audio.programme_loudness import programme_loudness
from common.errors import EngineError
from pipelines.engines import SpeakRequest, SpeechChunk, Voice
from pipelines.tts.neural.levels import TARGET_LUFS
from pipelines.tts.neural.script import scripts_of
from pipelines.tts.neural.speaker import shared_model
from pipelines.tts.neural.vits import VitsSynthesiser

TEXT = "I've had these headaches for about three weeks now, and they are getting worse."


@pytest.fixture(scope="module")
def joe(real_joe: Path) -> VitsSynthesiser:
    made = VitsSynthesiser(real_joe)
    made.warm()
    return made


def speak(synthesiser: VitsSynthesiser, text: str, rate_wpm: int = 150) -> list[SpeechChunk]:
    return list(synthesiser.speak(SpeakRequest("test", text, Voice("male", rate_wpm=rate_wpm))))


def sound(chunks: list[SpeechChunk]) -> Pcm:
    return np.concatenate([chunk.samples for chunk in chunks])


def test_windows_are_the_whole(real_joe: Path, joe: VitsSynthesiser) -> None:
    model = shared_model(real_joe, 1)
    assert model.why_whole == ""
    (script,) = scripts_of(TEXT.split(), model.voice)
    passage = model.passage(script.ids, None, length=1.2)
    pieces = list(model.windows(passage, 3, passage.length - 2))
    (whole,) = model.windows(passage, 3, passage.length - 2, whole=True)
    assert len(pieces) > 3
    assert len(pieces[0]) < 0.5 * model.voice.rate_hz
    assert np.max(np.abs(np.concatenate(pieces) - whole)) < 1e-3


def test_the_same_request_is_the_same_speech(joe: VitsSynthesiser) -> None:
    assert np.array_equal(sound(speak(joe, TEXT)), sound(speak(joe, TEXT)))


def test_every_written_word_has_its_time_in_order(joe: VitsSynthesiser) -> None:
    chunks = speak(joe, "Take 5 mg of Salbutamol — twice, please.")
    words = [word for chunk in chunks for word in chunk.words]
    assert [word.text for word in words] == ["Take", "5", "mg", "of", "Salbutamol", "— twice,", "please."]
    length_ms = 1000 * len(sound(chunks)) / WIRE_HZ
    edges = [edge for word in words for edge in (word.start_ms, word.end_ms)]
    assert edges == sorted(edges)
    assert 0 <= edges[0] <= 60
    assert length_ms - 200 <= edges[-1] <= length_ms
    # A word comes with the audio that it starts in.
    done_ms = 0.0
    for chunk in chunks[:-1]:
        done_ms += 1000 * len(chunk.samples) / WIRE_HZ
        assert all(word.start_ms < done_ms for word in chunk.words)


def test_the_pace_follows_the_card_within_what_sounds_like_a_person(joe: VitsSynthesiser) -> None:
    quick, slow, slowest = (len(sound(speak(joe, TEXT, rate))) for rate in (200, 140, 20))
    assert 1.2 < slow / quick < 1.6
    assert slowest / quick < 2.2


@pytest.mark.parametrize("text", [TEXT, "No, not at all.", "It gave me a bad rash when I was a kid."])
def test_every_clause_is_as_loud_as_the_house_and_none_clips(joe: VitsSynthesiser, text: str) -> None:
    spoken = np.concatenate([sound(speak(joe, text)), silence(300, WIRE_HZ)])
    loudness = programme_loudness(spoken, WIRE_HZ)
    assert loudness.lufs == pytest.approx(TARGET_LUFS, abs=1.5)
    assert loudness.peak_dbtp < -1.0


def test_a_clause_can_be_given_up_in_the_middle(joe: VitsSynthesiser) -> None:
    made = joe.speak(SpeakRequest("test", TEXT, Voice("male")))
    assert len(next(made).samples)
    made.close()  # type: ignore[attr-defined]
    assert len(sound(speak(joe, "No.")))


@pytest.mark.parametrize("text", ["", "…", "💊💊", "<speak><break time='9s'/></speak>", "疼痛", "\x00\x1b[2J"])
def test_what_nobody_can_say_is_no_error(joe: VitsSynthesiser, text: str) -> None:
    assert len(sound(speak(joe, text))) < 6 * WIRE_HZ


def test_ten_thousand_characters_are_spoken_in_passages(joe: VitsSynthesiser) -> None:
    made = joe.speak(SpeakRequest("test", "It hurts a lot. " * 625, Voice("male")))
    # Enough of it to be in the second passage: all of it would take half a minute.
    length, words = 0, 0
    for chunk in made:
        length, words = length + len(chunk.samples), words + len(chunk.words)
        if words > 120:
            break
    assert length > 20 * WIRE_HZ


def test_two_loads_at_once_are_one(real_joe: Path, joe: VitsSynthesiser) -> None:
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(shared_model(real_joe, 1))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] is found[1]


@pytest.mark.parametrize("damage", ["cut", "foreign"])
def test_a_damaged_file_is_told_in_one_line(tmp_path: Path, real_joe: Path, damage: str) -> None:
    model = next(real_joe.glob("*.onnx"))
    whole = model.read_bytes()
    (tmp_path / model.name).write_bytes(whole[: len(whole) // 2] if damage == "cut" else b"not ONNX at all")
    described = model.with_name(model.name + ".json")
    (tmp_path / described.name).write_bytes(described.read_bytes())
    with pytest.raises(EngineError) as caught:
        VitsSynthesiser(tmp_path).warm()
    assert caught.value.code == "model.format"
    assert "\n" not in caught.value.message
