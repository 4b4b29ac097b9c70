"""Whisper's tokens: the special ones in the order every Whisper has them, and a tokenizer file that carries them.

Text tokens come first, then the end of text, the start of a transcript, languages, tasks, and 1,501 timestamps. Where a
special token lies therefore follows from the number of text tokens alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from common.errors import EngineError

END_OF_TEXT = "<|endoftext|>"
LANGUAGES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi ml "
    "cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am "
    "yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue"
).split()
"""In the order of their tokens; the last came with large-v3."""
MULTILINGUAL_MARK = ""
"""The empty token, the last of a multilingual Whisper's text tokens: it is how CTranslate2 knows one."""
_TIMESTAMPS = 1_501  # 0.00 to 30.00 s in steps of 20 ms
_BYTES = 256
_FILLER = "Ġword{:05d}"


def timestamps() -> tuple[str, ...]:
    """Return the timestamp tokens, `<|0.00|>` to `<|30.00|>`."""
    return tuple(f"<|{step * 0.02:.2f}|>" for step in range(_TIMESTAMPS))


def special_tokens(*, languages: int, no_speech: str = "<|nocaptions|>") -> tuple[str, ...]:
    """Return all tokens behind the text ones, in order; `languages` is how many, 0 to 100."""
    return (
        END_OF_TEXT,
        "<|startoftranscript|>",
        *(f"<|{code}|>" for code in LANGUAGES[:languages]),
        "<|translate|>",
        "<|transcribe|>",
        "<|startoflm|>",
        "<|startofprev|>",
        no_speech,
        "<|notimestamps|>",
        *timestamps(),
    )


def fitted(path: Path, *, text_tokens: int, specials: tuple[str, ...]) -> dict[str, Any]:
    """Return a real Whisper's tokenizer file with the special tokens moved to where a model of another size has them.

    Sizes differ in one text token and one language, which shifts all that follow. Raises EngineError when the file is
    no tokenizer or has too few text tokens.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        by_id = sorted(content["model"]["vocab"].items(), key=lambda entry: entry[1])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError(f"{path.name} is no tokenizer file; give a Whisper's tokenizer.json") from error
    texts = [token for token, _ in by_id if token not in specials][:text_tokens]
    if len(texts) < text_tokens:
        raise EngineError(
            f"{path.name} has {len(texts)} text tokens, not {text_tokens}; give a Whisper's tokenizer.json"
        )
    content["model"]["vocab"] = {token: place for place, token in enumerate(texts)}
    content["added_tokens"] = _added(specials, first=text_tokens)
    # It names special tokens by their old places, and nobody here uses it.
    content["post_processor"] = None
    return content


def placeholder(*, text_tokens: int, specials: tuple[str, ...], multilingual: bool) -> dict[str, Any]:
    """Return a tokenizer of the right size: every byte is a token, the rest are made-up words."""
    words = [_FILLER.format(number) for number in range(text_tokens - _BYTES)]
    if multilingual:
        words[-1] = MULTILINGUAL_MARK
    return of_words(words, specials=specials)


def of_words(words: list[str], *, specials: tuple[str, ...]) -> dict[str, Any]:
    """Return a tokenizer with a token for each of `words`, as `Ġword` or as a mark, and one for every byte.

    Other words are spelt in bytes: any text can be encoded and comes back as it was. The bytes come first.
    """
    texts = [*_byte_letters(), *(word for word in words if len(word) != 1)]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added(specials, first=len(texts)),
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": None,
        "decoder": level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": "",
            "end_of_word_suffix": "",
            "fuse_unk": False,
            # So a whole word is found although nothing merges into it.
            "ignore_merges": True,
            "vocab": {token: place for place, token in enumerate(texts)},
            "merges": [],
        },
    }


def vocabulary(tokenizer: dict[str, Any]) -> list[str]:
    """Return all tokens of a tokenizer file by their ids, as CTranslate2 wants them in `vocabulary.json`."""
    places: dict[str, int] = dict(tokenizer["model"]["vocab"])
    places.update({entry["content"]: entry["id"] for entry in tokenizer["added_tokens"]})
    return sorted(places, key=places.__getitem__)


def _added(specials: tuple[str, ...], *, first: int) -> list[dict[str, Any]]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    # Timestamps are not special, or a tokenizer could not show them.
    return [
        {"id": first + place, "content": token, **flags, "special": not token[2:3].isdigit()}
        for place, token in enumerate(specials)
    ]


def _byte_letters() -> list[str]:
    """Return the letters that stand for the 256 bytes: themselves where they are visible, else letters above 255."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(byte) for byte in visible] + [chr(256 + place) for place in range(256 - len(visible))]
