"""The tokenizer and the chat template that a GGUF file carries, as the files that Hugging Face models have.

Only byte-level byte pair encodings (`tokenizer.ggml.model: gpt2`) are understood. How text is cut before it is encoded
is known by name (`tokenizer.ggml.pre`): the rules are those that the models' own tokenizers have.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.models.gguf_file import NotGguf

_PREFIX = "tokenizer.ggml."
_CONTROL, _USER_DEFINED = 3, 4
_BYTES: dict[str, Any] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
_DIGITS = {"type": "Digits", "individual_digits": True}
_CUTS: dict[str, Any] = {
    "gpt-2": _BYTES,
    "smollm": {"type": "Sequence", "pretokenizers": [_DIGITS, _BYTES]},
}


def words_of(told: Mapping[str, Any]) -> list[str]:
    """Return the model's tokens by id; raises NotGguf."""
    words = told.get(f"{_PREFIX}tokens")
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise NotGguf("it has no words")
    if len(set(words)) != len(words):
        raise NotGguf("two of its words are the same")
    return words


def special(told: Mapping[str, Any], name: str) -> str | None:
    """Return the token that is called so (`bos`, `eos`, `unknown`); None if there is none."""
    number, words = told.get(f"{_PREFIX}{name}_token_id"), words_of(told)
    return words[number] if isinstance(number, int) and 0 <= number < len(words) else None


def tokenizer_json(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the `tokenizers` library reads; raises NotGguf for a tokenizer of another kind."""
    kind, cut = told.get(f"{_PREFIX}model"), told.get(f"{_PREFIX}pre")
    if kind != "gpt2" or cut not in _CUTS:
        raise NotGguf(f"its tokenizer ({kind}, {cut}) is not understood; gpt2 with {' or '.join(_CUTS)} is")
    words, kinds, merges = words_of(told), told.get(f"{_PREFIX}token_type"), told.get(f"{_PREFIX}merges")
    if not isinstance(merges, list) or not isinstance(kinds, list) or len(kinds) != len(words):
        raise NotGguf("its tokenizer lacks the merges or the types of its words")
    pairs = [str(merge).split(" ") for merge in merges]
    if any(len(pair) != 2 for pair in pairs):
        raise NotGguf("its tokenizer has a merge that is no pair")
    added = [
        {
            "id": number,
            "content": word,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": kind == _CONTROL,
        }
        for number, (word, kind) in enumerate(zip(words, kinds, strict=True))
        if kind in (_CONTROL, _USER_DEFINED)
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": _CUTS[cut],
        "post_processor": None,
        "decoder": _BYTES,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {word: number for number, word in enumerate(words)},
            "merges": pairs,
        },
    }


def tokenizer_config(told: Mapping[str, Any], *, context_tokens: int) -> dict[str, Any]:
    """Return the words with a meaning of their own and the chat template; raises NotGguf without a template."""
    template = told.get("tokenizer.chat_template")
    if not isinstance(template, str):
        raise NotGguf("it has no chat template: it is no model that was taught to answer")
    return {
        "chat_template": template,
        "bos_token": special(told, "bos"),
        "eos_token": special(told, "eos"),
        "unk_token": special(told, "unknown"),
        "model_max_length": context_tokens,
    }
