"""Whether a tokenizer belongs to a vocabulary: the same words under the same numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Words whose number decides what a decode means. Others may be spelt differently by converters of different age
# (`<|nocaptions|>` for `<|nospeech|>`), so a few that differ prove nothing.
_STEERING = ("<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>", "<|transcribe|>", "<|im_end|>", "<|eot_id|>")
_MOST_DIFFERENT = 0.01


def tokenizer_faults(tokenizer: Mapping[str, Any], vocabulary: Sequence[str]) -> list[str]:
    """Return why a `tokenizer.json` can't belong to the vocabulary, in a few words each; empty if it can.

    Args:
        tokenizer: The parsed file, of the `tokenizers` library.
        vocabulary: The model's tokens by id.
    """
    ids = _ids(tokenizer)
    if ids is None:
        return ["it is not one of the tokenizers library"]
    if not ids:
        return ["it has no words"]
    highest = max(ids.values())
    if highest >= len(vocabulary):
        return [f"it has words up to number {highest}, the model {len(vocabulary)} in all"]
    for token in _STEERING:
        if token in ids and vocabulary[ids[token]] != token:
            return [f"{token} has another number in the model"]
    different = sum(vocabulary[number] != token for token, number in ids.items())
    if different > max(_MOST_DIFFERENT * len(ids), 2):
        return [f"{different} of {len(ids)} words have another number in the model"]
    return []


def _ids(tokenizer: Mapping[str, Any]) -> dict[str, int] | None:
    model = tokenizer.get("model")
    words = model.get("vocab") if isinstance(model, dict) else None
    added = tokenizer.get("added_tokens") or []
    if isinstance(words, list):  # Unigram: pairs of word and score
        ids = {str(pair[0]): number for number, pair in enumerate(words) if isinstance(pair, list) and pair}
    elif isinstance(words, dict) and all(isinstance(number, int) for number in words.values()):
        ids = {str(word): int(number) for word, number in words.items()}
    else:
        return None
    try:
        return ids | {str(token["content"]): int(token["id"]) for token in added}
    except (KeyError, TypeError, ValueError):
        return None
