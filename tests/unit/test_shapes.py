"""A shape-true Whisper is one in everything but what its weights say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from common.errors import EngineError, StorageError
from pipelines.models.shapes import SHAPES, main, make_whisper

PUBLISHED_MILLIONS = {
    "tiny": 39, "tiny.en": 39, "base": 74, "base.en": 74, "small": 244, "small.en": 244, "medium": 769,
    "medium.en": 769, "large-v3": 1550, "turbo": 809,
}  # fmt: skip
TOKENS = {"large-v3": 51_866, "turbo": 51_866}


@pytest.mark.parametrize("size", SHAPES)
def test_a_size_has_the_published_number_of_weights_and_tokens(size: str) -> None:
    shape = SHAPES[size]
    assert shape.parameters / 1e6 == pytest.approx(PUBLISHED_MILLIONS[size], rel=0.04)
    tokens = shape.text_tokens + len(shape.specials())
    assert tokens == TOKENS.get(size, 51_864 if size.endswith(".en") else 51_865)


def test_the_special_tokens_lie_where_published_models_have_them() -> None:
    def place(size: str, token: str) -> int:
        return SHAPES[size].text_tokens + SHAPES[size].specials().index(token)

    assert [place("base", token) for token in ("<|endoftext|>", "<|en|>", "<|transcribe|>", "<|0.00|>")] == [
        50_257, 50_259, 50_359, 50_364,
    ]  # fmt: skip
    assert place("base.en", "<|0.00|>") == 50_363
    assert place("turbo", "<|yue|>") == 50_358
    assert place("turbo", "<|30.00|>") == 51_865


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("shapes")
    return {size: make_whisper(size, folder / size) for size in ("tiny", "tiny.en")}


@pytest.mark.parametrize("size", ["tiny", "tiny.en"])
def test_faster_whisper_loads_one_and_writes_finite_nonsense(made: dict[str, Path], size: str) -> None:
    import ctranslate2
    from faster_whisper import WhisperModel
    from faster_whisper.tokenizer import Tokenizer

    model = WhisperModel(str(made[size]), device="cpu", compute_type="int8", cpu_threads=1)
    assert model.model.is_multilingual == (size == "tiny")
    tokenizer = Tokenizer(model.hf_tokenizer, model.model.is_multilingual, task="transcribe", language="en")
    assert model.hf_tokenizer.id_to_token(tokenizer.timestamp_begin) == "<|0.00|>"
    assert model.hf_tokenizer.id_to_token(tokenizer.no_speech) == "<|nocaptions|>"
    assert tokenizer.decode(tokenizer.encode(" My leg’s sore.")) == " My leg’s sore."
    noise = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    features = model.feature_extractor(noise)[:, :100]
    encoded = model.model.encode(ctranslate2.StorageView.from_array(features[np.newaxis].copy()), to_cpu=True)
    assert np.isfinite(np.asarray(encoded)).all()
    prompt = [*tokenizer.sot_sequence, tokenizer.no_timestamps]
    options = {"beam_size": 1, "max_length": 12, "suppress_tokens": [tokenizer.eot]}
    (result,) = model.model.generate(encoded, [prompt], return_scores=True, **options)
    assert len(result.sequences_ids[0]) > 4
    assert np.isfinite(result.scores).all()
    (aligned,) = model.model.align(encoded, tokenizer.sot_sequence, [result.sequences_ids[0]], [50])
    assert len(aligned.text_token_probs) == len(result.sequences_ids[0])


def test_the_same_seed_gives_the_same_bytes_and_nothing_else_is_left(made: dict[str, Path], tmp_path: Path) -> None:
    again = make_whisper("tiny", tmp_path / "again")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["again"]
    names = ["config.json", "model.bin", "tokenizer.json", "vocabulary.json"]
    assert sorted(file.name for file in again.iterdir()) == names
    for name in names:
        assert (again / name).read_bytes() == (made["tiny"] / name).read_bytes(), name


def test_a_tokenizer_of_ones_own_keeps_its_words_and_gets_the_places_of_the_size(
    made: dict[str, Path], tmp_path: Path
) -> None:
    given = json.loads((made["tiny"] / "tokenizer.json").read_text(encoding="utf-8"))
    given["model"]["vocab"]["Ġmigraine"] = given["model"]["vocab"].pop("Ġword00042")
    own = tmp_path / "tokenizer.json"
    own.write_text(json.dumps(given), encoding="utf-8")
    folder = make_whisper("tiny.en", tmp_path / "made", tokenizer=own)
    words = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    assert len(words) == 51_864
    assert words[256 + 42] == "Ġmigraine"
    assert words[50_256] == "<|endoftext|>"


def test_what_cannot_be_used_is_said_in_one_line(
    tmp_path: Path, made: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StorageError, match="there already"):
        make_whisper("tiny", made["tiny"])
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{}")
    with pytest.raises(EngineError, match=r"tokenizer\.json is no tokenizer"):
        make_whisper("tiny", tmp_path / "tiny", tokenizer=broken)
    assert main(["tiny", str(made["tiny"])]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "tiny").exists()
