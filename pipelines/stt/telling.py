"""What a Whisper is told was said before: it goes on in that manner, and knows the names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

NAMES = "{names}"


@dataclass(frozen=True, slots=True)
class Telling:
    """A sentence that is told where there are no names, and one with `{names}` where there are.

    Both have to be sentences. After a bare list of names, and after one with several hesitations ("Um, I, uh, I'm not
    sure"), tiny.en got 3 to 4 words in a hundred more wrong of second-language speakers than after these. Of a drug's
    name said alone by twenty synthetic voices it heard 12 after this sentence, and 7 or 8 after ones with hesitations.
    """

    plain: str = "Well, um..."
    of_names: str = "A conversation about {names}."

    def about(self, vocabulary: Sequence[str]) -> str:
        """Return what is told before a clip in which these names and drugs may be said."""
        return self.of_names.replace(NAMES, ", ".join(vocabulary)) if vocabulary else self.plain
