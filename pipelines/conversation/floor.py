"""What speech over the patient's is: taking the floor, encouraging, a noise, or the patient's own echo.

The patient falls silent at the first voiced moment; this judge decides whether it stays silent. While the sound goes
on, words that are no backchannel take the floor; so does speech that is too long for one. When it ends, what was short
and said nothing else gives the floor back. An echo is what matches the patient's words at the time they were played:
the same words said later are a candidate who repeats them, which is good practice.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from pipelines.endpointing.features import FILLERS, words_of
from pipelines.engines import Word

BACKCHANNELS = FILLERS | frozenset(
    "mhm mm-hmm mmhmm uh-huh huh ah aha oh okay ok right alright yes yeah yep yup sure good great fine lovely exactly "
    "indeed absolutely wow really see understand course".split()
)
"""Words that encourage whoever speaks, alone or in a row."""

_AROUND = frozenset("i i'm that's it's all of got it very".split())
"""Words that may stand beside them: "I see", "that's right", "of course"."""

_TAKERS = frozenset(
    "sorry wait stop pardon excuse but can could what why when where which who how do did does is are have has let "
    "hold hang please actually tell may".split()
)
"""Words with which somebody takes the floor, however short what follows."""

ECHO_LAG_MS = 500.0  # a room and two sound devices; what comes later was said by a person
ECHO_EARLY_MS = 120.0  # word times of recogniser and synthesiser disagree by so much
ECHO_SHARE = 0.6  # of the words; the recogniser hears an echo badly
ECHO_SCORE = 0.8


class FloorSettings(BaseModel):
    """When the patient yields, and when it goes on; milliseconds of media time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    yield_after_ms: float = Field(default=500, ge=100, le=5_000)  # speech with words of which one is no backchannel
    unsure_ms: float = Field(default=650, ge=100, le=5_000)  # speech of which no word, or only one, was understood yet
    backchannel_ms: float = Field(default=1_000, ge=200, le=5_000)  # speech of backchannels only
    resume_after_ms: float = Field(default=160, ge=40, le=2_000)  # silence that ends it, once its text is whole
    give_up_ms: float = Field(default=300, ge=100, le=3_000)  # silence after which the text is no longer waited for


class Claim(StrEnum):
    """What a sound over the patient's speech is; all but the first two are reasons of TurnIgnored."""

    UNDECIDED = "undecided"
    YIELD = "yield"
    BACKCHANNEL = "backchannel"
    NOISE = "noise"
    ECHO = "echo"


@dataclass(frozen=True, slots=True)
class FloorEvidence:
    """What is known so far; times in media milliseconds.

    `silent_ms` is 0 while the sound goes on. `settled` says that `text` covers all of it. `playing` are the patient's
    words at the times they were heard. `guarded`: the sound may be the patient's own, so only clear words count.
    """

    voiced_ms: float
    silent_ms: float
    text: str
    words: tuple[Word, ...]
    settled: bool
    playing: tuple[Word, ...]
    echo_score: float | None = None
    guarded: bool = False


def judge(evidence: FloorEvidence, settings: FloorSettings) -> Claim:
    """Return what the sound is, as far as it can be told."""
    words = words_of(evidence.text)
    telling = [word for word in words if word not in BACKCHANNELS and word not in _AROUND]
    taking = any(word in _TAKERS for word in words) or len(telling) >= 2
    echo = _is_echo(evidence)
    over = evidence.silent_ms >= settings.resume_after_ms
    if over and not evidence.settled and evidence.silent_ms < settings.give_up_ms:
        return Claim.UNDECIDED
    if echo:
        return Claim.ECHO if over else Claim.UNDECIDED
    if over:
        return _judge_whole(evidence, words, telling, settings, taking=taking)
    if evidence.guarded:
        return Claim.YIELD if taking and len(words) >= 2 else Claim.UNDECIDED
    if len(words) <= 1 and not (words and not telling):
        limit_ms = settings.unsure_ms  # the first word is often misheard while it lasts
    elif taking:
        limit_ms = 0.0
    else:
        limit_ms = settings.yield_after_ms if telling else settings.backchannel_ms
    return Claim.YIELD if evidence.silent_ms == 0 and evidence.voiced_ms >= limit_ms else Claim.UNDECIDED


def _judge_whole(
    evidence: FloorEvidence, words: list[str], telling: list[str], settings: FloorSettings, *, taking: bool
) -> Claim:
    if taking:
        return Claim.YIELD
    if not words:
        return Claim.NOISE
    # One word that is no backchannel may be a misheard one, unless it is too long for that.
    if telling and evidence.voiced_ms >= settings.unsure_ms and not evidence.guarded:
        return Claim.YIELD
    return Claim.BACKCHANNEL


def _is_echo(evidence: FloorEvidence) -> bool:
    if evidence.echo_score is not None and evidence.echo_score >= ECHO_SCORE:
        return True
    if not evidence.words:
        return False
    return sum(_was_played(word, evidence.playing) for word in evidence.words) >= ECHO_SHARE * len(evidence.words)


def _was_played(heard: Word, playing: tuple[Word, ...]) -> bool:
    plain = words_of(heard.text)
    return any(
        -ECHO_EARLY_MS <= heard.start_ms - played.start_ms <= ECHO_LAG_MS and words_of(played.text) == plain
        for played in playing
    )
