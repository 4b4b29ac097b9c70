"""What a VITS voice says of itself, Piper's way and Coqui's, and what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import EngineError
from pipelines.tts.neural.script import scripts_of
from pipelines.tts.neural.voice_file import read_voice

PIPER: dict[str, Any] = {
    "audio": {"sample_rate": 22050},
    "espeak": {"voice": "en-us"},
    "inference": {"noise_scale": 0.5, "length_scale": 1.1, "noise_w": 0.7},
    "num_speakers": 1,
    "phoneme_id_map": {"_": [0], "^": [1], "$": [2], "n": [7], "o": [8], "ʊ": [9], "ˈ": [5], ".": [4]},
}
COQUI: dict[str, Any] = {
    "audio": {"sample_rate": 16000},
    "phoneme_language": "en-us",
    "add_blank": True,
    "model_args": {"inference_noise_scale": 0.3, "length_scale": 1.0, "inference_noise_scale_dp": 0.4},
}


def piper(folder: Path, **changes: object) -> Path:
    (folder / "v.onnx").write_bytes(b"")
    (folder / "v.onnx.json").write_text(json.dumps(PIPER | changes), encoding="utf-8")
    return folder


def coqui(folder: Path, symbols: list[str], **changes: object) -> Path:
    (folder / "model.onnx").write_bytes(b"")
    (folder / "config.json").write_text(json.dumps(COQUI | changes), encoding="utf-8")
    (folder / "symbols.json").write_text(json.dumps(symbols), encoding="utf-8")
    return folder


def test_piper_marks_begin_and_end_and_pads_after_each_letter(tmp_path: Path) -> None:
    voice = read_voice(piper(tmp_path))
    assert (voice.rate_hz, voice.espeak_voice, voice.scales) == (22050, "en-us", (0.5, 1.1, 0.7))
    (script,) = scripts_of(["No."], voice)
    # n, stress, o, ʊ and the full stop; what the voice never learnt is left out.
    assert script.ids.tolist() == [1, 0, 7, 0, 5, 0, 8, 0, 9, 0, 4, 0, 2]
    assert script.spans == ((2, 10),)


def test_coqui_puts_a_blank_around_each_letter(tmp_path: Path) -> None:
    voice = read_voice(coqui(tmp_path, ["_", "n", "ˈ", "o", "ʊ", ".", "<BLNK>"]))
    assert (voice.rate_hz, voice.scales) == (16000, (0.3, 1.0, 0.4))
    (script,) = scripts_of(["No."], voice)
    assert script.ids.tolist() == [6, 1, 6, 2, 6, 3, 6, 4, 6, 5, 6]


def test_coqui_marks_begin_and_end_outside_the_blanks(tmp_path: Path) -> None:
    symbols = ["n", "ˈ", "o", "ʊ", ".", "<BLNK>", "<BOS>", "<EOS>"]
    voice = read_voice(coqui(tmp_path, symbols, enable_eos_bos_chars=True))
    (script,) = scripts_of(["No."], voice)
    assert script.ids.tolist() == [6, 5, 0, 5, 1, 5, 2, 5, 3, 5, 4, 5, 7]
    assert script.spans == ((2, 10),)
    named = {"blank": "_", "bos": "^", "eos": "$"}
    voice = read_voice(coqui(tmp_path, [*symbols[:5], "_", "^", "$"], enable_eos_bos_chars=True, characters=named))
    assert scripts_of(["No."], voice)[0].ids.tolist() == script.ids.tolist()


def test_a_coqui_voice_that_reads_letters_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="it reads letters, not the phonemes") as caught:
        read_voice(coqui(tmp_path, ["n", "o"], use_phonemes=False))
    assert caught.value.code == "model.format"


def test_a_voice_of_several_speakers_knows_them_by_name(tmp_path: Path) -> None:
    voice = read_voice(piper(tmp_path, num_speakers=2, speaker_id_map={"ann": 0, "bob": 1}))
    assert voice.speaker("bob") == 1
    with pytest.raises(EngineError, match="no speaker 'cid'; it has ann, bob") as caught:
        voice.speaker("cid")
    assert caught.value.code == "model.speaker"
    assert read_voice(piper(tmp_path)).speaker("") is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"audio": {"sample_rate": 7}}, "sample rate of 7 Hz"),
        ({"audio": {}}, "no 'sample_rate'"),
        ({"phoneme_id_map": {"_": [0]}}, "no '\\^'"),
        ({"phoneme_id_map": {"_": [], "^": [1], "$": [2]}}, "no number"),
        ({"num_speakers": 2, "speaker_id_map": {"ann": 5}}, "beyond the 2"),
    ],
)
def test_a_description_that_lies_is_refused(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    with pytest.raises(EngineError, match=said) as caught:
        read_voice(piper(tmp_path, **changes))
    assert caught.value.code == "model.format"


def test_a_folder_without_a_voice_says_so(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"there is no \.onnx file"):
        read_voice(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"")
    with pytest.raises(EngineError, match=r"config\.json can't be read"):
        read_voice(tmp_path)
    (tmp_path / "config.json").write_text("[]", encoding="utf-8")
    with pytest.raises(EngineError, match=r"config\.json is no object"):
        read_voice(tmp_path)


def test_long_texts_are_read_in_passages_cut_at_a_phrase(tmp_path: Path) -> None:
    voice = read_voice(piper(tmp_path))
    words = (["word"] * 20 + ["end."]) * 12
    scripts = scripts_of(words, voice)
    assert len(scripts) > 1
    assert sum(len(script.spans) for script in scripts) == len(words)
    assert all(len(script.spans) % 21 == 0 for script in scripts)
    assert len(scripts_of(["x" * 10_000], voice)[0].ids) < 4_000
