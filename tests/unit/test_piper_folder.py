"""A folder of the operator's own Piper voices: who speaks, and what is said of each that can't."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import EngineError
from pipelines.engine_choices import choose_engines
from pipelines.engine_settings import EngineSettings
from pipelines.engines import SpeakRequest, Voice
from pipelines.models.settings import ModelSettings
from pipelines.tts.casting import CastSynthesiser
from pipelines.tts.neural.graph_cut import cut_voice
from pipelines.tts.neural.vits import VitsSynthesiser
from pipelines.tts.piper_folder import read_piper_folder
from pipelines.tts.voices import installed_voices, piper_folder, voices_for
from server.settings.tree import load_settings
from tests.app.tiny_models import write_onnx

INPUTS = ("input", "input_lengths", "scales")
DESCRIPTION: dict[str, Any] = {
    "audio": {"sample_rate": 22050, "quality": "medium"},
    "espeak": {"voice": "en-us"},
    "language": {"code": "en_GB"},
    "num_speakers": 1,
    "phoneme_id_map": {"_": [0], "^": [1], "$": [2], "n": [7]},
}


def write_voice(folder: Path, name: str, *, inputs: tuple[str, ...] = INPUTS, **changes: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = write_onnx(folder / f"{name}.onnx", inputs)
    file.with_name(file.name + ".json").write_text(json.dumps(DESCRIPTION | changes), encoding="utf-8")
    return file


def describe(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "voices.yaml").write_text(text, encoding="utf-8")


def reason(folder: Path) -> str:
    """Return why the only voice in a folder is left out."""
    (one,) = read_piper_folder(folder, {}).left_out
    return one.reason


def test_each_voice_speaks_for_whom_it_is_said_to_and_the_catalogue_knows_its_own(tmp_path: Path) -> None:
    own = tmp_path / "own"
    write_voice(own / "deep" / "down", "en_GB-ann-medium")
    write_voice(own, "en_US-joe-medium", language={"code": "en_US"})
    several = {"num_speakers": 3, "speaker_id_map": {"p1": 0, "p2": 1, "p3": 2}, "inputs": (*INPUTS, "sid")}
    write_voice(own, "en_US-many-medium", **several)  # type: ignore[arg-type]
    describe(
        own,
        "en_GB-ann-medium: {sex: female, age: 60}\n"
        "en_US-many-medium: {accent: en-us, speakers: {p1: {sex: male}, p3: {sex: female, accent: en-gb-scotland}}}\n",
    )
    found = installed_voices(ModelSettings(path=tmp_path / "models", piper_voices=own))
    assert {one.name: (one.sex, one.accent, one.age) for one in found} == {
        "en_GB-ann-medium": ("female", "en-gb", 60),
        "en_US-joe-medium": ("male", "en-us", 45),
        "en_US-many-medium/p1": ("male", "en-us", 40),
        "en_US-many-medium/p3": ("female", "en-gb-scotland", 40),
    }
    assert voices_for(Voice("female", 55, "en-gb"), found)[0].name == "en_GB-ann-medium"


@pytest.mark.parametrize(
    ("changes", "said", "because"),
    [
        ({}, "", "nobody says whether a man or a woman speaks; add 'v' with `sex` to voices.yaml"),
        ({}, "v: {age: 30}", "doesn't say its sex"),
        ({"inputs": ("input_features",)}, "v: {sex: female}", "holds no Piper voice (no input input)"),
        ({"inputs": (*INPUTS, "sid")}, "v: {sex: female}", "says that it has one speaker, and its model has several"),
        ({"num_speakers": 2}, "v: {sex: female}", "says that it has several speakers, and its model has one"),
        ({"num_speakers": 2, "inputs": (*INPUTS, "sid")}, "v: {sex: female}", "it has 2 speakers; list those"),
        (
            {"num_speakers": 2, "inputs": (*INPUTS, "sid")},
            "v: {speakers: {ann: {sex: female}}}",
            "has no speaker 'ann'; it has 0, 1",
        ),
        (
            {"audio": {"sample_rate": 16000, "quality": "medium"}},
            "v: {sex: female}",
            "quality 'medium' means 22050 Hz, and sample_rate says 16000; correct the one that is wrong",
        ),
        ({"audio": {"sample_rate": "fast"}}, "v: {sex: female}", "a sample rate of fast Hz is none"),
        ({"phoneme_type": "text"}, "v: {sex: female}", "it reads text, not the phonemes of espeak-ng"),
        ({"language": {"code": "de_DE"}}, "v: {sex: female}", "it speaks 'de-de', and patients speak English"),
    ],
)
def test_a_voice_that_can_not_speak_is_left_out_with_what_to_do(
    tmp_path: Path, changes: dict[str, Any], said: str, because: str
) -> None:
    write_voice(tmp_path, "v", **changes)
    describe(tmp_path, said)
    assert because in reason(tmp_path)


def test_broken_files_are_left_out_and_the_others_speak(tmp_path: Path) -> None:
    write_voice(tmp_path, "sound")
    cut = write_voice(tmp_path, "cut")
    cut.write_bytes(cut.read_bytes()[:200])
    write_voice(tmp_path, "foreign").write_bytes(b"this is no model at all")
    write_voice(tmp_path, "alone").with_name("alone.onnx.json").unlink()
    write_voice(tmp_path / "again", "sound")
    describe(tmp_path, "".join(f"{name}: {{sex: male}}\n" for name in ("sound", "cut", "foreign", "alone", "absent")))
    found = read_piper_folder(tmp_path, {})
    told = {one.name: one.reason for one in found.left_out}
    # The one that is deeper comes first in order.
    assert [voice.file for voice in found.voices] == [tmp_path / "again" / "sound.onnx"]
    assert "it is cut off" in told["cut"]
    assert "it is no ONNX model" in told["foreign"] or "it is cut off" in told["foreign"]
    assert "alone.onnx.json can't be read (No such file or directory)" in told["alone"]
    assert "there is no absent.onnx; correct the name" in told["absent"]
    assert "rename one of them" in told["sound"]
    assert not any("\n" in text for text in told.values())


@pytest.mark.parametrize(
    "text", ["- a list", "v: [", "v: {sex: other}", "v: {colour: red}", "v: {sex: male, accent: fr}"]
)
def test_a_list_of_voices_that_can_not_be_read_says_so_in_one_line(tmp_path: Path, text: str) -> None:
    describe(tmp_path, text)
    with pytest.raises(EngineError, match=r"voices\.yaml") as caught:
        read_piper_folder(tmp_path, {})
    assert "\n" not in caught.value.message


def test_the_choice_names_what_is_left_out_and_a_folder_that_is_not_there(tmp_path: Path) -> None:
    own = tmp_path / "own"
    models = ModelSettings(path=tmp_path / "models", piper_voices=own)
    with pytest.raises(EngineError, match=r"models\.piper_voices: .*own is no folder; create it"):
        choose_engines(EngineSettings(), models)
    own.mkdir()
    assert f"no Piper voice is in {own}" in choose_engines(EngineSettings(), models).synthesiser.reason
    write_voice(own, "ann")
    write_voice(own, "bob")
    write_voice(own, "udo", language={"code": "de_DE"})
    describe(own, "ann: {sex: female}\nudo: {sex: male}\n")
    chosen = choose_engines(EngineSettings(), models).synthesiser
    assert chosen.name == "ann"
    assert chosen.reason == (
        "auto; left out: bob (nobody says whether a man or a woman speaks; add 'bob' with `sex` to voices.yaml); "
        "ann speaks for women, men speak with a plain voice"
    )
    assert [one.name for one in piper_folder(models).left_out] == ["bob", "udo"]


def test_the_name_that_deployments_know_sets_the_folder(tmp_path: Path) -> None:
    settings = load_settings(environ={"VOICE__PIPER_VOICES_DIR": str(tmp_path)})
    assert settings.models.piper_voices == tmp_path


def test_a_voice_of_ones_own_speaks(tmp_path: Path, real_joe: Path) -> None:
    for file in real_joe.glob("en_US-joe-medium.onnx*"):
        (tmp_path / file.name.replace("en_US-joe-medium", "ours")).symlink_to(file)
    describe(tmp_path, "ours: {sex: male}")
    (voice,) = installed_voices(ModelSettings(path=tmp_path / "models", piper_voices=tmp_path))
    made = CastSynthesiser([voice])
    made.warm()
    assert sum(len(chunk.samples) for chunk in made.speak(SpeakRequest("", "It hurts here.", Voice("male")))) > 12_000
    assert made.info.name == "ours"


def test_a_rate_at_which_nobody_speaks_is_told(tmp_path: Path, real_joe: Path) -> None:
    file = tmp_path / "v.onnx"
    file.symlink_to(real_joe / "en_US-joe-medium.onnx")
    said = json.loads((real_joe / "en_US-joe-medium.onnx.json").read_bytes())
    said["audio"] = {"sample_rate": 44100}
    file.with_name("v.onnx.json").write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(EngineError, match=r"words a minute at 44100 Hz, which nobody does; correct the sample_rate"):
        VitsSynthesiser(file).warm()


def test_the_graph_says_how_many_speakers_it_knows(tmp_path: Path) -> None:
    onnx = importlib.import_module("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    table = helper.make_tensor("emb_g.weight", kinds.FLOAT, [3, 1], [0.0, 1.0, 2.0])
    graph = helper.make_graph(
        [helper.make_node("Gather", ["emb_g.weight", "sid"], ["output"])],
        "voice",
        [helper.make_tensor_value_info("sid", kinds.INT64, [1])],
        [helper.make_tensor_value_info("output", kinds.FLOAT, [1, 1])],
        [table],
    )
    file = tmp_path / "v.onnx"
    onnx.save(helper.make_model(graph), str(file))
    assert cut_voice(file).speakers == 3
