"""Whether a word is being spelled: "it's spelled M A R", "that's D for"."""

from __future__ import annotations

import re

_SPELLED = frozenset("spelled spelt spell spelling letters surname".split())
_LETTER_FOR = re.compile(r"(\b[b-hj-z]|\bthat's [ai]) (for|as in|like)$")
_PARTED = re.compile(r"[a-z](?:-[a-z])+")
# A word that was not named is taken to have so many letters; so few may be the beginning of one that was.
_LETTERS, _BEGUN = 5, 2


def spelling_under_way(words: list[str], after: str = "") -> bool:
    """Return whether the words, lower case, end inside a spelled word; `after` is what the other said last."""
    if _LETTER_FOR.search(" ".join(words[-3:])):
        return True
    doubled = words[-1:] == ["double"]
    begins = len(words) - doubled
    while begins and (len(words[begins - 1]) == 1 or _PARTED.fullmatch(words[begins - 1])):
        begins -= 1
    run, before = words[begins : len(words) - doubled], words[:begins]
    letters = "".join(run).replace("-", "")
    named = {word.strip(".,?!") for word in after.lower().split()} | set(before)
    if not letters or letters in named or "with" in before[-1:]:
        return False
    spelled = any("-" in word for word in run) or not _SPELLED.isdisjoint(named)
    begun = len(letters) >= _BEGUN and any(word.startswith(letters) for word in named)
    return begun or (spelled and (doubled or len(letters) < _LETTERS))
