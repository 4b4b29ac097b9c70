"""What a Whisper is told was said before: it goes on in that manner, leaves hesitations in, and knows the names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NAMES = "{names}"


@dataclass(frozen=True, slots=True)
class Telling:
    """A sentence that is told where there are no names, and one with `{names}` where there are.

    Both have to be sentences. After a bare list of names, and after one with several hesitations ("Um, I, uh, I'm not
    sure"), tiny.en got 4 and 5 words in a hundred more wrong of second-language speakers than after these.
    """

    plain: str = "Well, um..."
    of_names: str = "Well, um, this is about {names}, and so on."

    def about(self, vocabulary: Sequence[str]) -> str:
        """Return what is told before a sound in which these names and drugs may be said."""
        return self.of_names.replace(NAMES, ", ".join(vocabulary)) if vocabulary else self.plain
