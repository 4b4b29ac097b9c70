"""What the candidate really heard of a reply: words against the audio that was played."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.engines import Clause, Release, ReplyEnd, RespondKind, Word

# A cue counts as told when this share of its content words was heard: losing the last syllables to an interruption does
# not undo the telling, losing half the sentence does.
TOLD_SHARE = 0.8

# What may follow the mark that ends a sentence.
_CLOSERS = "\"'”’)]"
_PUNCTUATION = ".,;:!?…\"'()-"

_FUNCTION_WORDS = frozenset(
    "a an the and or but so if of to in on at by for with from as is am are was were be been being it its i i'm i've "
    "you he she we they me him her us them my your his our their this that these those there here do does did have "
    "has had not no yes well just very really about some any".split()
)


@dataclass(frozen=True, slots=True)
class SpokenQuestion:
    """A question in a reply: its sentence, and the times of its last word in the reply's audio.

    `last`: it is known that the reply says nothing after it.
    """

    text: str
    last_word_ms: float
    end_ms: float
    last: bool


@dataclass(slots=True)
class Reply:
    """A reply under way: its clauses, its words' times in the reply's audio, and how far it was played."""

    number: int
    turn: int
    revision: int
    asked_at_ms: float  # media time of the request
    kind: RespondKind
    release: Release | None = None  # nothing is, until it is known what it answers
    question: str = ""  # what it answers
    clauses: list[Clause] = field(default_factory=list)
    words: dict[int, list[Word]] = field(default_factory=dict)  # by clause
    # These clauses have all their audio, and so the times of all their words.
    made: set[int] = field(default_factory=set)
    end: ReplyEnd | None = None  # of the proposal, once it is complete
    prepared: bool = False  # its first audio is ready
    started: bool = False
    played_ms: float = 0.0
    # This is the media time at which the reply last went on: it was heard, proposed or made further then.
    moved_at_ms: float = 0.0
    answers: int = 0  # turns that wait and that it was asked for to answer
    newly_told: list[str] = field(default_factory=list)  # cues that this reply told for the first time

    def text(self) -> str:
        """Return the whole reply."""
        return " ".join(clause.text for clause in self.clauses)

    def questions(self) -> list[SpokenQuestion]:
        """Return the questions whose last word's time is known."""
        found: list[SpokenQuestion] = []
        sentence: list[str] = []
        for index, clause in enumerate(self.clauses):
            written, times = clause.text.split(), self._times(index)
            for place, (text, timed) in enumerate(zip(written, times, strict=True), 1):
                sentence.append(text)
                mark = text.rstrip(_CLOSERS)[-1:]
                if mark == "?" and timed is not None:
                    last = self.end is not None and index == len(self.clauses) - 1 and place == len(written)
                    found.append(SpokenQuestion(" ".join(sentence), timed.start_ms, timed.end_ms, last))
                if mark in ("?", ".", "!"):
                    sentence = []
        return found

    def _times(self, clause: int) -> list[Word | None]:
        """Return the time of each written word of a clause; of engines that report fewer, only the last is known."""
        count, timed = len(self.clauses[clause].text.split()), self.words.get(clause, [])
        if clause in self.made and timed and len(timed) != count:
            return [*[None] * (count - 1), timed[-1]]
        return [*timed[:count], *[None] * (count - len(timed))]

    def cues(self) -> tuple[str, ...]:
        """Return the cues the reply would tell, in order."""
        return tuple(dict.fromkeys(clause.cue for clause in self.clauses if clause.cue is not None))

    @property
    def closing(self) -> bool:
        """Whether these are the patient's last words."""
        return self.kind is RespondKind.CLOSING

    def allow(self, release: Release) -> None:
        """Note what it may say."""
        self.release = release

    def ask(self, now_ms: float) -> None:
        """Note that it is wanted from now on."""
        self.asked_at_ms = now_ms

    def touch(self, now_ms: float) -> None:
        """Note that it went on."""
        self.moved_at_ms = now_ms

    def propose(self, clause: Clause) -> None:
        """Take the next clause."""
        self.clauses.append(clause)

    def close(self, end: ReplyEnd) -> None:
        """Note that no more clauses will come."""
        self.end = end

    def prepare(self) -> None:
        """Note that its first audio is ready."""
        self.prepared = True

    def start(self, now_ms: float) -> None:
        """Note that it is heard from now on: what it answers has been answered."""
        self.started = True
        self.touch(now_ms)

    def stabilise(self) -> None:
        """Note that no turn waits for it any more."""
        self.answers = 0

    def play(self, played_ms: float, now_ms: float) -> None:
        """Note how much was heard by now."""
        if played_ms > self.played_ms:
            self.play_from(played_ms, now_ms)

    def play_from(self, played_ms: float, now_ms: float) -> None:
        """Note how much was heard, though it was thought to be more."""
        self.played_ms, self.moved_at_ms = played_ms, now_ms

    def stuck_ms(self, now_ms: float) -> float:
        """Return since when nothing more of a reply has come that is not all there; 0 when it is."""
        whole = self.end is not None and len(self.made) == len(self.clauses)
        return 0.0 if whole else now_ms - self.moved_at_ms

    def time_words(self, clause: int, words: tuple[Word, ...], now_ms: float, *, last: bool) -> None:
        """Take the times of words of a clause; `last`: there will be no more."""
        self.touch(now_ms)
        self.words.setdefault(clause, []).extend(words)
        if last:
            self.made.add(clause)

    def heard_words(self, played_ms: float) -> list[list[str]]:
        """Return for each clause the words that were heard by `played_ms`.

        A word counts once half of it was played. The written words are counted off in order: engines report one time
        per written word, and where they don't the share of words decides, once all times are there.
        """
        heard: list[list[str]] = []
        for index, clause in enumerate(self.clauses):
            written = clause.text.split()
            timed = self.words.get(index, [])
            played = sum((word.start_ms + word.end_ms) / 2 <= played_ms for word in timed)
            by_share = index in self.made and len(timed) != len(written)
            count = round(len(written) * played / max(1, len(timed))) if by_share else played
            heard.append(written[:count])
        return heard

    def resume_ms(self, played_ms: float) -> float:
        """Return where to go on after a hold at `played_ms`: from the beginning of a word that was hardly begun.

        A word of which less than half was played does not count as heard, so it is said again; one of which half was
        played goes on where it stopped.
        """
        for words in self.words.values():
            for word in words:
                if word.start_ms < played_ms < (word.start_ms + word.end_ms) / 2:
                    return float(word.start_ms)
        return played_ms

    def repeat_ms(self, played_ms: float) -> float:
        """Return where to go on after audio was lost at `played_ms`: from the beginning of the word that broke off."""
        for words in self.words.values():
            for word in words:
                if word.start_ms < played_ms < word.end_ms:
                    return float(word.start_ms)
        return played_ms

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
            if self.end is not None and part >= TOLD_SHARE * max(1, whole):
                told.append(cue)
        return tuple(told)


def same_words(one: str, other: str) -> bool:
    """Return whether two texts say the same, case and punctuation aside."""
    return _plain(one.split()) == _plain(other.split())


def content_words(text: str) -> list[str]:
    """Return the words of a text that carry what it says, plain and in order."""
    return _content(text.split())


def _plain(words: list[str]) -> list[str]:
    plain = (word.strip(_PUNCTUATION).lower() for word in words)
    return [word for word in plain if word]


def _content(words: list[str]) -> list[str]:
    return [word for word in _plain(words) if word not in _FUNCTION_WORDS]
