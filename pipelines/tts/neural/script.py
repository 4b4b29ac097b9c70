"""What a VITS voice is given to read: the numbers of a text's phonemes, and which of them belong to which word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from pipelines.tts.neural.phonemes import Sounds, sounds_of
from pipelines.tts.neural.voice_file import VoiceFile

# About 20 s of speech: what is longer is read in several passages.
_LONGEST_LETTERS = 320
_PHRASE_ENDS = ".,;:?!…"


@dataclass(frozen=True, slots=True, eq=False)
class Script:
    """One passage: its ids, and for each of its words the ids from its first to behind its last."""

    ids: NDArray[np.int64]
    spans: tuple[tuple[int, int], ...]


def passages_of(words: Sequence[str]) -> list[list[str]]:
    """Return the words in parts of a length that a voice can make at once, cut at a phrase's end where there is one."""
    passages: list[list[str]] = []
    # Nobody reads out a longer word.
    rest = [word[:_LONGEST_LETTERS] for word in words]
    while sum(map(len, rest)) > _LONGEST_LETTERS:
        fitting = sum(total <= _LONGEST_LETTERS for total in accumulate(map(len, rest)))
        ends = [index + 1 for index, word in enumerate(rest[:fitting]) if word and word[-1] in _PHRASE_ENDS]
        cut = max(1, ends[-1] if ends else fitting)
        passages.append(rest[:cut])
        rest = rest[cut:]
    return [*passages, rest] if rest else passages


def scripts_of(words: Sequence[str], voice: VoiceFile) -> list[Script]:
    """Return the passages of a text, one as a rule; raises EngineError when its phonemes can't be made."""
    return [_script(sounds_of(part, voice=voice.espeak_voice), voice) for part in passages_of(words)]


def _script(sounds: Sounds, voice: VoiceFile) -> Script:
    ids = list(voice.begin)
    places: list[int] = []
    for letter in sounds.letters:
        places.append(len(ids))
        # A letter that the voice never learnt is left out.
        if (numbers := voice.ids.get(letter)) is not None:
            ids += [*numbers, *voice.between]
    places.append(len(ids))
    ids += voice.end
    spans = tuple((places[begin], places[end]) for begin, end in sounds.spans)
    return Script(np.array(ids, dtype=np.int64), spans)
