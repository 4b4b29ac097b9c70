"""What speech over the patient's is: taking the floor, encouraging, a noise, or the patient's own echo.

The patient falls silent at the first voiced moment; this judge decides whether it stays silent. What the words are, and
what that does to the floor, is a table (`overlap_labels.py`). A question or an address takes the floor as soon as it is
understood; an answer, a correction or "just a moment" once it is over; other words once they last longer than a
backchannel would. Until then what was understood is often wrong: recognisers hear the first half of "of course" as "of
core". When the sound ends early, having said nothing of that kind, the patient goes on. An echo is what matches the
patient's audio or words at the time they were played: the same words said later are a candidate who repeats them, which
is good practice.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field
from rapidfuzz.distance import Levenshtein

from pipelines.conversation.overlap_labels import (
    BACKCHANNELS,
    NOTHING_KNOWN,
    Context,
    Floor,
    Label,
    LabelRule,
    rule_for,
    telling,
)
from pipelines.endpointing.features import words_of
from pipelines.engines import Word

_LONG_BACKCHANNELS = (
    "allright", "ofcourse", "isee", "okay", "thatsright", "goodness", "yesofcourse", "rightisee", "noofcourse",
    "nonoofcourse", "ohno", "nonotatall",
)  # fmt: skip
"""Those that last long enough to be misheard while they do, without blanks; whatever begins like one is waited for."""

# Two words take so much speech, and what was understood sooner is made up.
CLEAR_MS = 350.0
# So many words, of which two are no backchannels, are more than a recogniser makes up in so short a time.
MANY_WORDS = 3
MANY_WORDS_MS = 450.0
# Speech seems to last so much longer than its sound until its end is noticed.
LATE_MS = 80.0
ALIKE = 0.65  # of the letters: what may be a backchannel's beginning
# An echo goes through a room and two sound devices; what comes later was said by a person.
ECHO_LAG_MS = 500.0
# Word times of recogniser and synthesiser disagree by so much.
ECHO_EARLY_MS = 120.0
ECHO_SHARE = 0.6  # of the words; the recogniser hears an echo badly
# So many words that are not the patient's take the floor though no question begins with them.
GUARDED_WORDS = 3
# The patient goes on when the text of a short sound is late, but a "no" that comes by then still stops it.
LATE_TEXT_MS = 1_500.0


class FloorSettings(BaseModel):
    """When the patient yields, and when it goes on; milliseconds of media time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    yield_after_ms: float = Field(default=620, ge=100, le=5_000)  # speech with words of which one is no backchannel
    # Speech without a word yet, or like a backchannel so far, takes the floor after this time.
    unsure_ms: float = Field(default=1_200, ge=100, le=5_000)
    backchannel_ms: float = Field(default=1_600, ge=200, le=5_000)  # speech of backchannels only
    resume_after_ms: float = Field(default=200, ge=40, le=2_000)  # silence that ends it, once its text is whole
    # Silence after which the patient goes on though the text has not come.
    give_up_ms: float = Field(default=300, ge=100, le=3_000)


class Claim(StrEnum):
    """What a sound over the patient's speech is; all but the first three are reasons of TurnIgnored."""

    UNDECIDED = "undecided"
    # It is undecided still, but over, and the patient does not wait for its text in silence.
    LATE = "late"
    YIELD = "yield"
    BACKCHANNEL = "backchannel"
    GREETING = "greeting"
    NOISE = "noise"
    ECHO = "echo"


@dataclass(frozen=True, slots=True)
class FloorEvidence:
    """What is known so far; times in media milliseconds.

    `silent_ms` is 0 while the sound goes on. `settled` says that `text` covers all of it. `playing` are the patient's
    words at the times they were heard. `echo` says whether it sounds like the patient as it was played, None as long as
    that is not known. `guarded`: the sound may be the patient's own, so only clear words count; `echoes`: some sounds
    of late were. `context` says what the patient was doing when the sound began.
    """

    voiced_ms: float
    silent_ms: float
    text: str
    words: tuple[Word, ...]
    stable: bool
    playing: tuple[Word, ...]
    echo: bool | None = None
    guarded: bool = False
    echoes: bool = False
    context: Context = NOTHING_KNOWN


def judge(evidence: FloorEvidence, settings: FloorSettings) -> Claim:
    """Return what the sound is, as far as it can be told."""
    over = evidence.silent_ms >= settings.resume_after_ms
    if over and not evidence.stable and evidence.silent_ms < settings.give_up_ms:
        return Claim.UNDECIDED
    if evidence.echo:
        return Claim.ECHO
    if _is_echo(evidence):
        return Claim.ECHO if over else Claim.UNDECIDED
    said = _said(evidence)
    rule = rule_for(said, evidence.context)
    if over:
        claim = _judge_whole(evidence, said, rule, settings)
        late = not evidence.stable and evidence.silent_ms < LATE_TEXT_MS
        return Claim.LATE if late and claim is not Claim.YIELD else claim
    if evidence.silent_ms == 0 and evidence.voiced_ms >= _limit_ms(evidence, said, rule, settings):
        return Claim.YIELD
    return Claim.UNDECIDED


def _limit_ms(evidence: FloorEvidence, said: list[str], rule: LabelRule | None, settings: FloorSettings) -> float:
    """Return how long speech that has said so much, and goes on, must last to take the floor."""
    if rule is not None and rule.floor is Floor.TAKES_AT_ONCE:
        return CLEAR_MS
    if evidence.guarded:
        return settings.unsure_ms if _surely_no_echo(evidence, said) else float("inf")
    if rule is None:
        return settings.unsure_ms
    if rule.floor is Floor.KEEPS or not telling(said):
        return settings.backchannel_ms
    if _may_become_backchannel(said):
        return settings.unsure_ms
    return MANY_WORDS_MS if len(said) >= MANY_WORDS and len(telling(said)) >= 2 else settings.yield_after_ms


def _judge_whole(evidence: FloorEvidence, said: list[str], rule: LabelRule | None, settings: FloorSettings) -> Claim:
    if rule is None:
        return Claim.NOISE
    if rule.floor is Floor.TAKES_AT_ONCE or (rule.floor is Floor.TAKES and _is_a_persons(evidence)):
        return Claim.YIELD
    if rule.floor is Floor.KEEPS:
        return Claim.GREETING if rule.label is Label.GREETING else Claim.BACKCHANNEL
    # Short words that are no backchannel are mostly misheard ones.
    long = evidence.voiced_ms >= settings.yield_after_ms - LATE_MS
    if evidence.guarded:
        taken = long and _surely_no_echo(evidence, said)
    else:
        taken = long and bool(telling(said)) and not _may_become_backchannel(said)
    return Claim.YIELD if taken else Claim.BACKCHANNEL


def _is_a_persons(evidence: FloorEvidence) -> bool:
    """Return whether words that are soon said, and soon misheard in an echo, may be believed."""
    return not evidence.guarded or evidence.echo is False


def _surely_no_echo(evidence: FloorEvidence, said: list[str]) -> bool:
    return evidence.echo is False and len(telling(said)) >= GUARDED_WORDS


def _may_become_backchannel(said: list[str]) -> bool:
    """Return whether the words sound like a backchannel, or like the first part of one, or of a second one."""
    if said[0] in BACKCHANNELS and len(said) <= 2:
        return True
    text = "".join(said).replace("'", "")
    return any(
        Levenshtein.normalized_similarity(text, phrase[:length]) >= ALIKE
        for phrase in _LONG_BACKCHANNELS
        for length in range(max(2, len(text) - 1), min(len(phrase), len(text) + 1) + 1)
    )


def _said(evidence: FloorEvidence) -> list[str]:
    """Return the words, without those that are the patient's own."""
    # People say the same word at the same time: "right?" is answered by "right", and "oh" meets "oh".
    own = evidence.echo is False and not evidence.echoes and not evidence.guarded
    if own or not evidence.words or not evidence.playing:
        return words_of(evidence.text)
    return words_of(" ".join(word.text for word in evidence.words if not _was_played(word, evidence.playing)))


def _is_echo(evidence: FloorEvidence) -> bool:
    if evidence.echo is False or not evidence.words:
        return False
    return sum(_was_played(word, evidence.playing) for word in evidence.words) >= ECHO_SHARE * len(evidence.words)


def _was_played(heard: Word, playing: tuple[Word, ...]) -> bool:
    plain = words_of(heard.text)
    return any(
        -ECHO_EARLY_MS <= heard.start_ms - played.start_ms <= ECHO_LAG_MS and words_of(played.text) == plain
        for played in playing
    )
