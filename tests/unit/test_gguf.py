"""GGUF files: read and converted without torch to what a forward pass of our own computes, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from common.errors import EngineError
from pipelines.models.catalogue import CatalogueEntry, ModelFile
from pipelines.models.from_folder import FromFolder
from pipelines.models.gguf_file import NotGguf, read_gguf
from pipelines.models.gguf_llama import convert_gguf
from pipelines.models.model_store import ModelStore, Provenance, checksum_faults
from pipelines.models.pull import pull
from pipelines.models.sources import HubSource
from pipelines.models.verify import kind_of, verify_folder
from tests.tiny_llama import SPECIALS, TEMPLATE, TinyLlama, words

IDS = [1, 3, 60, 61, 259, 100, 7, 2, 200, 31]


def converted_logits(folder: Path) -> np.ndarray:
    import ctranslate2  # type: ignore[import-untyped, unused-ignore]

    model = ctranslate2.Generator(str(folder), compute_type="float32")
    vocabulary = words()
    logits: np.ndarray = np.array(model.forward_batch([[vocabulary[number] for number in IDS]]))
    return np.asarray(logits[0])


@pytest.mark.parametrize("packing", ["F32", "F16", "BF16", "Q4_0", "Q4_1", "Q8_0"])
def test_a_converted_model_computes_what_its_file_says(packing: str, tmp_path: Path) -> None:
    tiny = TinyLlama(packing=packing)
    convert_gguf(tiny.write(tmp_path / "tiny.gguf"), tmp_path / "made", quantization=None)
    ours, theirs = tiny.logits(IDS), converted_logits(tmp_path / "made")
    assert theirs.shape == (len(IDS), len(words()))
    assert np.abs(ours - theirs).max() < 2e-4 * np.abs(ours).max()


def test_a_model_with_an_output_of_its_own(tmp_path: Path) -> None:
    tiny = TinyLlama(tied=False)
    convert_gguf(tiny.write(tmp_path / "tiny.gguf"), tmp_path / "made", quantization=None)
    assert np.allclose(tiny.logits(IDS), converted_logits(tmp_path / "made"), atol=2e-3)


def test_rounding_to_eight_bits_changes_little(tmp_path: Path) -> None:
    tiny = TinyLlama()
    convert_gguf(tiny.write(tmp_path / "tiny.gguf"), tmp_path / "made")
    assert (tmp_path / "made" / "model.bin").stat().st_size < 150_000
    ours, theirs = tiny.logits(IDS), converted_logits(tmp_path / "made")
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.99


def test_the_folder_is_a_sound_language_model(tmp_path: Path) -> None:
    convert_gguf(TinyLlama().write(tmp_path / "tiny.gguf"), tmp_path / "made")
    assert kind_of(tmp_path / "made") == "responder"
    assert verify_folder(tmp_path / "made", "responder") == []
    settings = json.loads((tmp_path / "made" / "tokenizer_config.json").read_text())
    assert settings["chat_template"] == TEMPLATE
    assert (settings["eos_token"], settings["model_max_length"]) == ("<|im_end|>", 512)


def test_the_tokenizer_reads_special_tokens_merges_and_every_byte(tmp_path: Path) -> None:
    import tokenizers  # type: ignore[import-untyped, unused-ignore]

    convert_gguf(TinyLlama().write(tmp_path / "tiny.gguf"), tmp_path / "made")
    tokenizer = tokenizers.Tokenizer.from_file(str(tmp_path / "made" / "tokenizer.json"))
    told = tokenizer.encode("<|im_start|>he é<|im_end|>")
    assert [told.tokens[0], told.tokens[1], told.tokens[-1]] == ["<|im_start|>", "he", "<|im_end|>"]
    assert tokenizer.decode(told.ids, skip_special_tokens=True) == "he é"
    # Each digit is cut off by itself.
    assert len(tokenizer.encode("63").ids) == 2
    assert tokenizer.get_vocab_size() == len(words()) == len(SPECIALS) + 257


class Silent:
    """Watches a pull and says nothing."""

    def say(self, text: str) -> None: ...

    def begin(self, label: str, *, done_bytes: int, total_bytes: int | None) -> None: ...

    def advance(self, count: int) -> None: ...

    def end(self) -> None: ...


def tiny_entry() -> CatalogueEntry:
    return CatalogueEntry(
        id="tiny",
        kind="responder",
        summary="tiny",
        sources=(HubSource(repository="some/tiny"),),
        files=(ModelFile(path="tiny.gguf"),),
        licence="ours",
        download_mib=1,
        memory_mib=1,
        languages=("en",),
        convert="gguf",
    )


def test_a_pull_converts_what_comes_and_keeps_the_result_alone(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    TinyLlama().write(tmp_path / "from" / "tiny.gguf")
    store = ModelStore(tmp_path / "models")
    folder = pull(tiny_entry(), store, [FromFolder(tmp_path / "from")], Silent())
    assert verify_folder(folder, "responder") == []
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "model.bin",
        "provenance.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocabulary.json",
    ]
    came = Provenance.read(folder)
    assert came is not None
    assert (came.made_by, came.origin) == ("pull, converted from gguf", "folder")
    assert checksum_faults(folder, came) == []
    assert store.state(tiny_entry()) == "installed"
    assert not store.partial("tiny").exists()


def test_a_pull_of_a_damaged_file_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    path = TinyLlama().write(tmp_path / "from" / "tiny.gguf")
    path.write_bytes(path.read_bytes()[:-5000])
    store = ModelStore(tmp_path / "models")
    with pytest.raises(EngineError, match="it is cut off"):
        pull(tiny_entry(), store, [FromFolder(tmp_path / "from")], Silent())
    assert not store.folder("tiny").exists()


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"general.architecture": "bert"}, "its architecture is bert, not llama"),
        ({"llama.rope.scaling.type": "yarn"}, "its positions are encoded in a way that is not understood"),
        ({"llama.block_count": 3}, "blk.2.attn_q.weight is missing"),
        ({"llama.block_count": "two"}, "llama.block_count is missing"),
        ({"tokenizer.ggml.model": "llama"}, "its tokenizer (llama, smollm) is not understood"),
        ({"tokenizer.ggml.pre": "tekken"}, "its tokenizer (gpt2, tekken) is not understood"),
        ({"tokenizer.ggml.merges": ["h e e"]}, "a merge that is no pair"),
        ({"tokenizer.ggml.tokens": ["a", "a"]}, "two of its words are the same"),
        ({"tokenizer.ggml.tokens": "none"}, "it has no words"),
        ({"tokenizer.chat_template": 1}, "it has no chat template"),
        ({"general.alignment": 0}, "its alignment makes no sense"),
    ],
)
def test_what_is_not_understood_is_refused_in_one_line(told: dict[str, object], why: str, tmp_path: Path) -> None:
    path = TinyLlama(told=told).write(tmp_path / "tiny.gguf")
    with pytest.raises(EngineError) as caught:
        convert_gguf(path, tmp_path / "made")
    assert caught.value.code == "model.format"
    assert why in caught.value.message
    assert caught.value.message.startswith(f"{path} can't be used, ")
    assert caught.value.message.endswith("pull it again, or choose another")
    assert "\n" not in caught.value.message
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "cut off"),
        (b"PK\x03\x04", "does not begin"),
        (b"GGUF\x01\x00\x00\x00", "its version is 1"),
        (b"GGUF\x03\x00\x00\x00" + b"\xff" * 16, "makes no sense"),
        (b"GGUF\x03\x00\x00\x00" + bytes(8) + b"\x01" + bytes(7) + b"\xff" * 8, "makes no sense"),
        (b"GGUF\x03\x00\x00\x00" + bytes(8) + b"\x01" + bytes(15) + b"\x63\x00\x00\x00", "unknown type"),
    ],
)
def test_another_file_is_refused(raw: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "other.gguf").write_bytes(raw)
    with pytest.raises(NotGguf, match=why):
        read_gguf(tmp_path / "other.gguf")


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = TinyLlama().write(tmp_path / "tiny.gguf").read_bytes()
    for cut in [*range(0, 4096, 97), *range(4096, len(whole), 4999)]:
        (tmp_path / "cut.gguf").write_bytes(whole[:cut])
        with pytest.raises(NotGguf, match="cut off"):
            read_gguf(tmp_path / "cut.gguf")


def test_a_packing_that_is_not_understood_is_named(tmp_path: Path) -> None:
    tiny = TinyLlama()
    tiny._packed["output_norm.weight"] = tiny._packed["output_norm.weight"][0], 14
    with pytest.raises(NotGguf, match=r"output_norm.weight is packed in a way \(number 14\) that is not understood"):
        read_gguf(tiny.write(tmp_path / "tiny.gguf"))
