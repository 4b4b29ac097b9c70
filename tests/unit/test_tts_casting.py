"""Who speaks for whom: never a man's voice for a woman, and another voice when one fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from common.errors import EngineError
from pipelines.engine_choices import choose_engines
from pipelines.engine_settings import EngineSettings
from pipelines.engines import EngineInfo, SpeakRequest, SpeechChunk, Synthesiser, Voice
from pipelines.models.catalogue import Catalogue
from pipelines.models.model_folders import ModelPlace
from pipelines.models.settings import ModelSettings
from pipelines.tts import casting
from pipelines.tts.casting import CastSynthesiser, missing_sexes, name_of
from pipelines.tts.voices import NeuralVoice, Sex, installed_voices, quick_enough, voices_for
from server.paths import ROOT
from tests.app.tiny_models import write_onnx

REQUEST = SpeakRequest("s/1/0", "It hurts.", Voice("female", 60, "en-gb"))


def voice(name: str, sex: Sex = "female", accent: str = "en-us", age: int = 40) -> NeuralVoice:
    return NeuralVoice(ModelPlace(Path(name), "synthesiser", name), "vits", "", sex, accent, age)


class Fake:
    """A voice that says its own number of samples, or fails before or after the first of them."""

    def __init__(self, samples: int, *, fails: str = "") -> None:
        self.info = EngineInfo("synthesiser", "fake", demonstration=False, isolation="thread")
        self.samples, self.fails = samples, fails

    def warm(self) -> None:
        pass

    def speak(self, request: SpeakRequest) -> Iterator[SpeechChunk]:
        if self.fails == "before":
            raise EngineError("its file is gone", code="model.format")
        yield SpeechChunk(np.ones(self.samples, dtype=np.int16))
        if self.fails == "after":
            raise EngineError("its file is gone", code="model.format")


def cast(monkeypatch: pytest.MonkeyPatch, fakes: dict[str, Fake], *voices: NeuralVoice) -> CastSynthesiser:
    def made(one: NeuralVoice) -> Synthesiser:
        return fakes[one.name]

    monkeypatch.setattr(casting, "neural_synthesiser", made)
    monkeypatch.setattr(casting, "plain_synthesiser", lambda _name: fakes["plain"])
    return CastSynthesiser(voices)


def test_sex_comes_before_accent_and_accent_before_age() -> None:
    man = voice("man", "male", "en-gb", 60)
    far, near, nearest = voice("far"), voice("near", accent="en-gb-scotland"), voice("nearest", accent="en-gb", age=30)
    assert voices_for(REQUEST.voice, [man, far, near, nearest]) == [nearest, near, far]
    assert voices_for(REQUEST.voice, [man]) == []
    young, old = voice("young", age=20), voice("old", age=55)
    assert voices_for(Voice("female", 60), [young, old])[0] is old


def test_a_woman_without_a_voice_of_her_own_gets_a_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made = cast(monkeypatch, {"man": Fake(1), "plain": Fake(2)}, voice("man", "male"))
    assert made.info.demonstration
    assert [len(chunk.samples) for chunk in made.speak(REQUEST)] == [2]


def test_another_voice_speaks_where_one_fails_before_it_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes = {"one": Fake(1, fails="before"), "two": Fake(2), "plain": Fake(3)}
    made = cast(monkeypatch, fakes, voice("one", age=60), voice("two"))
    assert [len(chunk.samples) for chunk in made.speak(REQUEST)] == [2]
    fakes["one"].fails = "after"
    with pytest.raises(EngineError, match="gone"):
        list(made.speak(REQUEST))
    for fake in fakes.values():
        fake.fails = "before"
    with pytest.raises(EngineError, match="gone"):
        list(made.speak(REQUEST))


def test_what_is_installed_is_what_the_catalogue_knows(tmp_path: Path) -> None:
    models = ModelSettings(path=tmp_path)
    assert installed_voices(models) == []
    for name in ("joe", "stranger"):
        (tmp_path / name).mkdir()
        file = write_onnx(tmp_path / name / "v.onnx", ("input", "input_lengths", "scales"))
        file.with_name("v.onnx.json").write_text("{}")
    (found,) = installed_voices(models)
    assert (found.name, found.sex, found.engine) == ("joe", "male", "vits")
    assert missing_sexes([found]) == ["female"]
    assert name_of([found]) == "joe"


def test_the_choice_says_who_speaks_for_whom(tmp_path: Path) -> None:
    models = ModelSettings(path=tmp_path)
    plain = choose_engines(EngineSettings(), models).synthesiser
    assert plain.demonstration
    assert "interlocutor models pull joe" in plain.reason
    with pytest.raises(EngineError, match="no neural voice is here; run `interlocutor models pull joe`"):
        choose_engines(EngineSettings(synthesiser="neural"), models)
    (tmp_path / "joe").mkdir()
    write_onnx(tmp_path / "joe" / "v.onnx", ("input", "input_lengths", "scales"))
    (tmp_path / "joe" / "v.onnx.json").write_text("{}")
    chosen = choose_engines(EngineSettings(), models).synthesiser
    assert (chosen.name, chosen.demonstration) == ("joe", True)
    assert chosen.reason == "auto; joe speaks for men, women speak with a plain voice"
    assert choose_engines(EngineSettings(backend="embedded"), models).synthesiser.name in ("flite", "espeak")


def test_a_slow_voice_is_left_out_on_a_small_machine() -> None:
    slow = replace(voice("slow"), engine="kokoro")
    assert quick_enough([slow, voice("quick")], 1) == [voice("quick")]
    assert quick_enough([slow], 2) == [slow]


def test_every_voice_of_the_catalogue_says_whose_it_is() -> None:
    catalogue = Catalogue.load(ROOT / "configs" / "models.yaml")
    voices = [entry for entry in catalogue.models if entry.kind == "synthesiser"]
    assert all(entry.voices for entry in voices)
    assert all(len({one.name for one in entry.voices}) == len(entry.voices) <= entry.speakers for entry in voices)
