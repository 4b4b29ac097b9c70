"""Model folders are told apart without loading them: whole ones, and every way in which one can be wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from common.errors import EngineError
from pipelines.models.catalogue import Kind
from pipelines.models.ct2_file import CutOff, NotCt2, read_ct2
from pipelines.models.onnx_file import NotOnnx, read_onnx
from pipelines.models.token_vocabulary import tokenizer_faults
from pipelines.models.verify import kind_of, require_sound, verify_folder
from tests.app.tiny_models import WORDS, write_language_model, write_onnx, write_whisper


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    write_whisper(root / "whisper")
    write_whisper(root / "large", mels=128)
    write_language_model(root / "gpt")
    voice = root / "voice"
    voice.mkdir()
    write_onnx(voice / "model.onnx")
    (voice / "config.json").write_text("{}")
    return root


@pytest.fixture
def whisper(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "whisper", tmp_path / "whisper"))


def only_fault(folder: Path, kind: Kind = "recogniser") -> tuple[str, str]:
    (fault,) = verify_folder(folder, kind)
    assert "\n" not in fault.message
    assert str(folder) in fault.message
    return fault.code, fault.message


@pytest.mark.parametrize(
    ("name", "kind"),
    [("whisper", "recogniser"), ("large", "recogniser"), ("gpt", "responder"), ("voice", "synthesiser")],
)
def test_a_whole_model_is_sound(made: Path, name: str, kind: Kind) -> None:
    assert verify_folder(made / name, kind) == []
    assert kind_of(made / name) == kind
    require_sound(made / name, kind)


def test_ctranslate2_agrees_that_they_are_models(made: Path) -> None:
    import ctranslate2  # type: ignore[import-untyped, unused-ignore]

    assert ctranslate2.models.Whisper(str(made / "large")).n_mels == 128
    assert ctranslate2.Generator(str(made / "gpt")).forward_batch([["word1"]]).shape == [1, 1, len(WORDS)]


def test_no_folder(tmp_path: Path) -> None:
    assert only_fault(tmp_path / "none")[0] == "model.not_installed"


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json", "vocabulary.json"])
def test_a_missing_file(whisper: Path, name: str) -> None:
    (whisper / name).unlink()
    code, message = only_fault(whisper)
    assert code == "model.format"
    assert name in message


def test_a_part_of_a_download(whisper: Path) -> None:
    (whisper / "model.bin").rename(whisper / "model.bin.part")
    assert "never finished" in only_fault(whisper)[1]


def test_a_checkpoint_that_was_not_converted(whisper: Path) -> None:
    (whisper / "model.bin").rename(whisper / "model.safetensors")
    assert "models export" in only_fault(whisper)[1]


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.2, 0.5, 0.999])
def test_a_cut_off_file_is_known_without_loading(whisper: Path, share: float) -> None:
    path = whisper / "model.bin"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    code, message = only_fault(whisper)
    assert code == "model.format"
    assert "cut off" in message


def test_every_cut_is_known(made: Path, tmp_path: Path) -> None:
    content = (made / "gpt" / "model.bin").read_bytes()
    path = tmp_path / "model.bin"
    for length in [*range(0, 4000, 13), *range(len(content) - 300, len(content))]:
        path.write_bytes(content[:length])
        with pytest.raises(CutOff):
            read_ct2(path)


def test_bytes_after_the_end(whisper: Path) -> None:
    with (whisper / "model.bin").open("ab") as file:
        file.write(b"more")
    assert "4 bytes follow" in only_fault(whisper)[1]


@pytest.mark.parametrize(
    "content", [b"<html>" * 9, b"\x80\x02}q\x00" * 9, b"\x06\0\0\0\x02\0a\0\x03\0\0\0\xff\xff\xff\xff"]
)
def test_something_else_by_that_name(whisper: Path, content: bytes) -> None:
    (whisper / "model.bin").write_bytes(content)
    code, message = only_fault(whisper)
    assert code == "model.format"
    assert "not a CTranslate2 model" in message
    with pytest.raises(NotCt2):
        read_ct2(whisper / "model.bin")


def test_another_architecture(made: Path) -> None:
    code, message = only_fault(made / "gpt")
    assert code == "model.architecture"
    assert "holds a language model, not a Whisper" in message
    assert only_fault(made / "whisper", "responder")[0] == "model.architecture"


def test_mel_bands_that_nothing_tells(made: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made / "large", tmp_path / "large"))
    (folder / "preprocessor_config.json").unlink()
    code, message = only_fault(folder)
    assert code == "model.format"
    assert "128 mel bands" in message


def test_mel_bands_of_another_model(whisper: Path) -> None:
    (whisper / "preprocessor_config.json").write_text(json.dumps({"feature_size": 128}))
    assert "of another model (128 mel bands, not 80)" in only_fault(whisper)[1]


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "vocabulary.json"])
@pytest.mark.parametrize("content", ["", '{"a": ', "3"])
def test_a_damaged_text(whisper: Path, name: str, content: str) -> None:
    (whisper / name).write_text(content)
    code, message = only_fault(whisper)
    assert code == "model.format"
    assert name in message
    assert "damaged" in message


def test_a_vocabulary_of_another_model(whisper: Path) -> None:
    (whisper / "vocabulary.json").write_text(json.dumps(WORDS[:-7]))
    code, message = only_fault(whisper)
    assert code == "model.tokenizer"
    assert f"{len(WORDS) - 7} words, the weights have {len(WORDS)}" in message


def test_a_vocabulary_as_older_converters_wrote_it(whisper: Path) -> None:
    (whisper / "vocabulary.json").unlink()
    (whisper / "vocabulary.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    assert verify_folder(whisper, "recogniser") == []


def test_a_tokenizer_of_another_model(whisper: Path) -> None:
    path = whisper / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    for token in tokenizer["added_tokens"]:
        token["id"] += 1
    path.write_text(json.dumps(tokenizer))
    assert only_fault(whisper)[0] == "model.tokenizer"


def test_require_sound_says_all_in_one_error(whisper: Path) -> None:
    for name in ("config.json", "tokenizer.json"):
        (whisper / name).write_text("{")
    with pytest.raises(EngineError) as caught:
        require_sound(whisper, "recogniser")
    assert caught.value.code == "model.format"
    assert len(caught.value.message.splitlines()) == 2


# ------------------------------------------------------------------ tokenizers


def tokenizer(words: dict[str, int], added: dict[str, int]) -> dict[str, object]:
    return {"model": {"vocab": words}, "added_tokens": [{"content": word, "id": at} for word, at in added.items()]}


def test_a_few_words_spelt_otherwise_prove_nothing() -> None:
    vocabulary = [*(f"w{n}" for n in range(300)), "<|endoftext|>", "<|nocaptions|>"]
    same = {f"w{n}": n for n in range(300)}
    assert tokenizer_faults(tokenizer(same, {"<|endoftext|>": 300, "<|nospeech|>": 301}), vocabulary) == []


def test_steering_tokens_must_be_in_their_place() -> None:
    vocabulary = [*(f"w{n}" for n in range(300)), "<|startoftranscript|>", "<|endoftext|>"]
    same = {f"w{n}": n for n in range(300)}
    assert tokenizer_faults(tokenizer(same, {"<|endoftext|>": 300}), vocabulary) == [
        "<|endoftext|> has another number in the model"
    ]


def test_more_words_than_the_model_has() -> None:
    assert "up to number 9" in tokenizer_faults(tokenizer({"a": 9}, {}), ["a"])[0]


def test_many_other_words() -> None:
    vocabulary = [f"w{n}" for n in range(100)]
    shifted = {f"w{n}": (n + 1) % 100 for n in range(100)}
    assert tokenizer_faults(tokenizer(shifted, {}), vocabulary) == ["100 of 100 words have another number in the model"]


@pytest.mark.parametrize("content", [{}, {"model": 3}, {"model": {"vocab": {"a": "b"}}}, {"model": {"vocab": None}}])
def test_no_tokenizer_at_all(content: dict[str, object]) -> None:
    assert len(tokenizer_faults(content, ["a"])) == 1


# ------------------------------------------------------------------ voices


@pytest.fixture
def voice(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "voice", tmp_path / "voice"))


def test_the_inputs_of_a_voice_are_read(voice: Path) -> None:
    assert read_onnx(voice / "model.onnx").inputs == ("input", "input_lengths", "scales")


def test_every_cut_of_a_voice_is_known(voice: Path) -> None:
    path = voice / "model.onnx"
    content = path.read_bytes()
    for length in range(len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(NotOnnx):
            read_onnx(path)
    assert only_fault(voice, "synthesiser")[0] == "model.format"


def test_another_network(voice: Path) -> None:
    write_onnx(voice / "model.onnx", ("audio", "state"))
    assert only_fault(voice, "synthesiser")[0] == "model.architecture"


def test_a_checkpoint_of_a_voice(voice: Path) -> None:
    (voice / "model.onnx").rename(voice / "model_file.pth")
    assert "models export" in only_fault(voice, "synthesiser")[1]


def test_nothing_that_could_be_a_model(tmp_path: Path) -> None:
    assert kind_of(tmp_path) is None
