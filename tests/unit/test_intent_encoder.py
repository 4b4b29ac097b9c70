"""The text encoder: what it makes of sentences, how its checkpoint is read, and clear words for broken ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from common.errors import EngineError
from pipelines.intent.encoder import SentenceEncoder, adapter_for
from pipelines.models.bert_checkpoint import (
    WEIGHTS,
    NotSafetensors,
    read_header,
    read_safetensors,
    write_ct2,
    write_safetensors,
)
from pipelines.models.model_folders import installed_models
from pipelines.models.verify import kind_of, verify_folder

SENTENCES = ("Does it hurt at night?", "is it painful when you lie in bed", "How many cigarettes do you smoke?")


@pytest.fixture
def copied(real_encoder: Path, tmp_path: Path) -> Path:
    """A copy of the encoder's folder that may be broken."""
    return Path(shutil.copytree(real_encoder, tmp_path / "encoder"))


def test_like_meanings_are_near(real_encoder: Path) -> None:
    vectors = SentenceEncoder(real_encoder).encode(SENTENCES)
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    night, bed, smoke = vectors
    assert night @ bed > 0.6 > night @ smoke + 0.2


def test_a_sentence_has_the_same_vector_alone_and_among_longer_ones(real_encoder: Path) -> None:
    encoder = SentenceEncoder(real_encoder)
    (alone,) = encoder.encode(SENTENCES[:1])
    among = encoder.encode([*SENTENCES, "word " * 500])
    assert alone @ among[0] > 0.999
    assert len(encoder.encode([])) == 0


def test_rounding_to_eight_bits_changes_little(real_encoder: Path, tmp_path: Path) -> None:
    write_ct2(real_encoder, tmp_path / "exact", adapter=adapter_for(real_encoder / WEIGHTS), quantization=None)
    shutil.copy(real_encoder / "tokenizer.json", tmp_path / "exact")
    exact, rounded = SentenceEncoder(tmp_path / "exact"), SentenceEncoder(real_encoder)
    likeness = (exact.encode(SENTENCES) * rounded.encode(SENTENCES)).sum(axis=1)
    assert likeness.min() > 0.99


def test_what_was_learned_on_top_is_added(real_encoder: Path, tmp_path: Path) -> None:
    name = "encoder.layer.0.attention.self.query.weight"
    chance = np.random.default_rng(0)
    up = chance.standard_normal((384, 2), np.float32)
    down = chance.standard_normal((2, 384), np.float32)

    def vectors(scale: float) -> np.ndarray:
        adapter, made = tmp_path / f"{scale}.safetensors", tmp_path / f"{scale}"
        write_safetensors(adapter, {f"{name}.up": np.float32(scale) * up, f"{name}.down": down})
        write_ct2(real_encoder, made, adapter=adapter)
        shutil.copy(real_encoder / "tokenizer.json", made)
        return SentenceEncoder(made).encode(SENTENCES)

    same, changed = vectors(0.0), vectors(0.1)
    write_ct2(real_encoder, tmp_path / "plain")
    shutil.copy(real_encoder / "tokenizer.json", tmp_path / "plain")
    assert np.allclose(same, SentenceEncoder(tmp_path / "plain").encode(SENTENCES), atol=1e-6)
    assert (same * changed).sum(axis=1).max() < 0.999


def test_only_the_checkpoint_that_was_learned_for_is_tuned(real_encoder: Path, copied: Path) -> None:
    tuned, other = SentenceEncoder(real_encoder), SentenceEncoder(copied)
    weights = copied / WEIGHTS
    weights.write_bytes(weights.read_bytes() + b" ")
    tuned.load()
    other.load()
    assert (tuned.tuned, other.tuned) == (True, False)
    night, bed, smoke = tuned.encode(SENTENCES)
    assert night @ bed > 0.6 > night @ smoke + 0.2


def test_a_broken_adapter_is_told(copied: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter.safetensors"
    name = "encoder.layer.0.attention.self.query.weight"
    write_safetensors(adapter, {f"{name}.up": np.ones((2, 2), np.float32), f"{name}.down": np.ones((2, 3), np.float32)})
    with pytest.raises(EngineError, match="holds no text encoder that can be used"):
        write_ct2(copied, tmp_path / "made", adapter=adapter)
    adapter.write_bytes(b"half")
    with pytest.raises(EngineError, match="can't be used"):
        write_ct2(copied, tmp_path / "made", adapter=adapter)


def test_the_folder_is_known_for_what_it_is(real_encoder: Path) -> None:
    assert kind_of(real_encoder) == "encoder"
    assert verify_folder(real_encoder, "encoder") == []
    assert (real_encoder.name, "encoder") in installed_models(real_encoder.parent)
    assert verify_folder(real_encoder, "recogniser")[0].code == "model.format"


def test_a_checkpoint_that_is_cut_off_is_told(copied: Path) -> None:
    weights = copied / WEIGHTS
    weights.write_bytes(weights.read_bytes()[:-1000])
    (fault,) = verify_folder(copied, "encoder")
    assert fault.message == f"{weights} can't be used, it is cut off: pull it again"
    with pytest.raises(EngineError, match="it is cut off: pull it again"):
        SentenceEncoder(copied).encode(SENTENCES)


@pytest.mark.parametrize("missing", [WEIGHTS, "config.json", "tokenizer.json", "vocab.txt"])
def test_a_missing_file_is_named(copied: Path, missing: str) -> None:
    (copied / missing).unlink()
    (fault,) = verify_folder(copied, "encoder")
    assert f"is not a whole text encoder, {missing} is missing" in fault.message


def test_a_model_of_another_kind_is_told(copied: Path) -> None:
    settings = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(settings | {"model_type": "roberta"}))
    (fault,) = verify_folder(copied, "encoder")
    assert (fault.code, "of BERT's kind (roberta)" in fault.message) == ("model.architecture", True)
    with pytest.raises(EngineError, match="its type is roberta, not bert") as caught:
        SentenceEncoder(copied).encode(SENTENCES)
    assert caught.value.code == "model.architecture"


def test_a_broken_tokenizer_is_told(copied: Path) -> None:
    (copied / "tokenizer.json").write_text("{}")
    with pytest.raises(EngineError, match=r"tokenizer\.json can't be used .*: pull it again") as caught:
        SentenceEncoder(copied).load()
    assert caught.value.code == "model.tokenizer"


def test_tensors_come_back_as_they_were_written(tmp_path: Path) -> None:
    tensors: dict[str, np.ndarray] = {
        "one": np.arange(6.0, dtype=np.float32).reshape(2, 3),
        "two": np.ones(4, np.float16),
    }
    write_safetensors(tmp_path / WEIGHTS, tensors)
    for name, tensor in read_safetensors(tmp_path / WEIGHTS).items():
        assert np.array_equal(tensor, tensors[name])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "its header is cut off"),
        (b"\x00" * 8, "its header can't be read"),
        (b"\xff" * 100, "its header is cut off"),
        ((2).to_bytes(8, "little") + b"[]", "its header can't be read"),
        ((17).to_bytes(8, "little") + b'{"a": {"b": 1}}  ', "its header can't be read"),
    ],
)
def test_what_is_no_checkpoint_is_told(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / WEIGHTS).write_bytes(content)
    with pytest.raises(NotSafetensors, match=why):
        read_header(tmp_path / WEIGHTS)
