"""What the candidate really heard of a reply: words against the sound that was played."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.engines import Clause, Word

# A cue counts as told when this share of its content words was heard: losing the last syllables to an interruption does
# not undo the telling, losing half the sentence does.
TOLD_SHARE = 0.8

_FUNCTION_WORDS = frozenset(
    "a an the and or but so if of to in on at by for with from as is am are was were be been being it its i i'm i've "
    "you he she we they me him her us them my your his our their this that these those there here do does did have "
    "has had not no yes well just very really about some any".split()
)


@dataclass(slots=True)
class Reply:
    """A reply under way: its clauses, its words' times in the reply's sound, and how far it was played."""

    number: int
    turn: int
    revision: int
    asked_at_ms: float  # media time of the request
    clauses: list[Clause] = field(default_factory=list)
    words: dict[int, list[Word]] = field(default_factory=dict)  # by clause
    complete: bool = False  # the proposal has ended
    started: bool = False
    played_ms: float = 0.0
    closing: bool = False
    newly_told: list[str] = field(default_factory=list)  # cues that this reply told for the first time

    def text(self) -> str:
        """Return the whole reply."""
        return " ".join(clause.text for clause in self.clauses)

    def cues(self) -> tuple[str, ...]:
        """Return the cues the reply would tell, in order."""
        return tuple(dict.fromkeys(clause.cue for clause in self.clauses if clause.cue is not None))

    def heard_words(self, played_ms: float) -> list[list[str]]:
        """Return for each clause the words that were heard by `played_ms`.

        A word counts once half of it was played. The written words are counted off in order: engines report one time
        per written word, and where they don't the share of words decides.
        """
        heard: list[list[str]] = []
        for index, clause in enumerate(self.clauses):
            written = clause.text.split()
            timed = self.words.get(index, [])
            played = sum((word.start_ms + word.end_ms) / 2 <= played_ms for word in timed)
            count = played if len(timed) == len(written) else round(len(written) * played / max(1, len(timed)))
            heard.append(written[:count])
        return heard

    def heard_text(self, played_ms: float) -> str:
        """Return the words that were heard by `played_ms`."""
        return " ".join(" ".join(words) for words in self.heard_words(played_ms) if words)

    def heard_cues(self, played_ms: float) -> tuple[str, ...]:
        """Return the cues of which at least TOLD_SHARE of the content words were heard by `played_ms`."""
        heard = self.heard_words(played_ms)
        told = []
        for cue in self.cues():
            of_cue = [i for i, clause in enumerate(self.clauses) if clause.cue == cue]
            whole = sum(len(_content(self.clauses[i].text.split())) for i in of_cue)
            part = sum(len(_content(heard[i])) for i in of_cue)
            if self.complete and part >= TOLD_SHARE * max(1, whole):
                told.append(cue)
        return tuple(told)


def _content(words: list[str]) -> list[str]:
    plain = (word.strip(".,;:!?\"'()-").lower() for word in words)
    return [word for word in plain if word and word not in _FUNCTION_WORDS]
