"""Text that a recogniser invents: how it is told from what was said.

Whisper was trained on subtitles, and on silence or noise it writes what subtitles say there. Each guard looks at one
sign of it; none rejects a short answer that has speech under it. Thresholds of `no_speech` and `repeats` are those of
the original decoder (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, section 4.5).
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio.frames import ANALYSIS_HZ, Pcm, samples_for
from audio.loudness import VOICED_RANGE_DB, WINDOW_MS, window_levels
from audio.vad import Vad
from pipelines.engines import Rejection, Word

SILENT_DBFS = -55.0  # nothing louder than this is speech near a microphone
# What is as loud as this may be speech, even beside a slammed door.
LOUD_DBFS = -40.0
# Stretches of this length are asked for a voice, the loudest first; "yes" fits in one.
GATE_MS, GATE_STEP_MS = 2_000.0, 1_500.0
# So much of a stretch must be voice, at this probability; "yes" has 150 ms.
VOICE_MS, VOICE = 90.0, 0.5
# This probability that nobody speaks and this mean log probability of a token have to go together.
NO_SPEECH, UNSURE = 0.6, -1.0
# A text that is shorter by this factor when it is packed repeats itself.
MOST_COMPRESSED = 2.4
# So many words, said so many times in a row, are a loop.
REPEATS, REPEATS_LONGER = {1: 6, 2: 4}, 3
# So many words or more may be said twice: for emphasis, or since they were not understood.
TWICE = 4
# So many words or more that end a text twice are looked at: the decoder may have written them once more by itself.
ROUND = 3
WORDS_PER_S, WORDS_AT_ONCE = 7.0, 3  # nobody speaks faster
# What is also said by people is doubted when either is beyond its limit.
DOUBTED_NO_SPEECH, DOUBTED = 0.3, -0.8

_PHANTOMS = re.compile(
    r"(thanks?( you)?( so much| very much)? for (watching|listening|viewing|your attention)|"
    r"(please )?(like|subscribe|don't forget to) (.* )?(subscribe|channel|notification bell)( .*)?|"
    r"(please )?subscribe( to (my|our|the) channel)?|"
    r"(subtitles?|captions?|transcri(bed|ption|pt)|translat(ed|ion))( (by|provided|created|made)\b.*)|"
    r".*\b(amara\.?org|opensubtitles|esochannel|otter\.ai|rev\.com)\b.*|"
    r"(i'll )?see you( guys| all)? in the next (video|one|episode).*|"
    r"(music|applause|laughter|silence|blank.audio|inaudible|foreign|crickets chirping|static|beep(ing)?|ding)|"
    r"copyright.*|all rights reserved|to be continued|the end)"
)
"""Nothing that is said in a consultation."""

_DOUBTFUL = re.compile(
    r"(thank you|thank you very much|thank you so much|thanks|you|bye|bye bye|goodbye|okay|so|yeah|yes|no|oh|hmm|"
    r"mm hmm|uh|um|i|the|good|right|all right|hello|hi|i'm sorry|sorry|i don't know|it's okay|good night|amen|peace|"
    r"please|and|what|(i'll )?see you( all)? next time|.*\bwww\..*)"
)
"""What people say, and what is written into silence as well."""

_WORD = re.compile(r"[\w'.]+")


@dataclass(frozen=True, slots=True)
class GuardedText:
    """What a decoder wrote, and how sure it was: probability that nobody speaks, mean log probability of a token."""

    text: str
    no_speech: float
    log_probability: float


def voice_missing(samples: Pcm, vad: Vad) -> Rejection | None:
    """Return a rejection when int16 (n,) at 16 kHz holds no voice, so that nothing need be decoded; `vad` is reset."""
    levels = window_levels(samples, ANALYSIS_HZ)
    if not len(levels) or float(levels.max()) < SILENT_DBFS:
        return Rejection("silent", "")
    for start, end in _stretches(levels):
        vad.reset()
        stretch = samples[samples_for(start * WINDOW_MS, ANALYSIS_HZ) : samples_for(end * WINDOW_MS, ANALYSIS_HZ)]
        voiced = sum(probability >= VOICE for probability in vad.process(stretch))
        if 1000.0 * voiced * vad.window_samples / ANALYSIS_HZ >= VOICE_MS:
            return None
    return Rejection("no_voice", "")


def _stretches(levels: NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    """Yield (first, end) in windows: the loudest stretch, where mostly a voice is, then all that are not silent."""
    count = round(GATE_MS / WINDOW_MS)
    if len(levels) <= count:
        yield 0, len(levels)
        return
    sums = np.concatenate(([0.0], np.cumsum(10.0 ** (levels.astype(np.float64) / 10.0))))
    powers = sums[count:] - sums[:-count]
    loudest = int(np.argmax(powers))
    yield loudest, loudest + count
    starts = [*range(0, len(levels) - count, round(GATE_STEP_MS / WINDOW_MS)), len(levels) - count]
    for start in sorted(starts, key=lambda start: -powers[start]):
        if float(levels[start : start + count].max()) >= SILENT_DBFS:
            yield start, start + count


def rejection(reading: GuardedText, samples: Pcm) -> Rejection | None:
    """Return why this was invented, or None; `samples` is the audio, int16 (n,) at 16 kHz."""
    words = _words(reading.text)
    if not words:  # marks alone, "..." or notes, are no text either
        return Rejection("phantom", reading.text) if reading.text.strip() else None
    plain = " ".join(words)
    if reading.no_speech > NO_SPEECH and reading.log_probability < UNSURE:
        return Rejection("no_speech", reading.text)
    if _PHANTOMS.fullmatch(plain):
        return Rejection("phantom", reading.text)
    doubted = reading.no_speech > DOUBTED_NO_SPEECH or reading.log_probability < DOUBTED
    if doubted and _DOUBTFUL.fullmatch(plain):
        return Rejection("phantom", reading.text)
    if is_loop(words):
        return Rejection("repeats", reading.text)
    if len(words) > WORDS_AT_ONCE + WORDS_PER_S * voiced_s(samples):
        return Rejection("too_fast", reading.text)
    return None


def is_loop(words: Sequence[str]) -> bool:
    """Return whether the decoder got stuck: the same few words again and again."""
    return first_repeat(words) is not None or (_packed(words) > MOST_COMPRESSED < _packed(_once(words)))


def _packed(words: Sequence[str]) -> float:
    text = " ".join(words).encode()
    return len(text) / len(zlib.compress(text))


def first_repeat(words: Sequence[str]) -> int | None:
    """Return how many words were said before a loop goes into its second round, or None."""
    for start in range(len(words)):
        for length in range(1, (len(words) - start) // REPEATS_LONGER + 1):
            if words[start] != words[start + length]:
                continue
            group = words[start : start + length]
            end = start + length * REPEATS.get(length, REPEATS_LONGER)
            if end <= len(words) and all(words[at : at + length] == group for at in range(start, end, length)):
                return start + length
    return None


def last_round(words: Sequence[str]) -> int | None:
    """Return how many words come before the second round of what ends a text twice in a row, or None."""
    for length in range(len(words) // 2, ROUND - 1, -1):
        if words[-length:] == words[-2 * length : -length]:
            return len(words) - length
    return None


def was_said_twice(words: Sequence[Word], start: int, voiced_until_ms: float) -> bool:
    """Return whether there was time to say the last words, from `start` on, and the same words before them.

    A second round that only the decoder wrote has no audio of its own: when words are aligned with the audio, it or the
    first round is left with next to nothing. On real weights such rounds came to 9 words a second and more, those that
    were spoken twice to 5 at most.
    """
    length = len(words) - start
    first_ms, second_ms = words[start - length].start_ms, words[start].start_ms
    until_ms = min(voiced_until_ms, words[-1].end_ms)
    fastest_ms = 1000.0 * length / WORDS_PER_S
    return second_ms - first_ms >= fastest_ms and until_ms - second_ms >= fastest_ms


def only_repeats(text: str, told: str) -> bool:
    """Return whether a text says nothing but words that the model was told before."""
    words = _words(text)
    return bool(words) and set(words) <= set(_words(told))


def _once(words: Sequence[str]) -> Sequence[str]:
    """Return the words without the second round of the longest group that was said twice."""
    for length in range(len(words) // 2, TWICE - 1, -1):
        seen: dict[tuple[str, ...], int] = {}
        for start in range(len(words) - length + 1):
            first = seen.setdefault(tuple(words[start : start + length]), start)
            if start >= first + length:
                return [*words[:start], *words[start + length :]]
    return words


def _words(text: str) -> list[str]:
    return [word.strip(".") for word in _WORD.findall(text.lower()) if word.strip(".")]


def voiced_s(samples: Pcm) -> float:
    """Return how many seconds of int16 (n,) at 16 kHz are loud enough to be voiced."""
    levels = window_levels(samples, ANALYSIS_HZ)
    if not len(levels) or math.isinf(float(levels.max())):
        return 0.0
    least = min(float(levels.max()) - VOICED_RANGE_DB, LOUD_DBFS)
    return float(np.count_nonzero(levels > least)) * WINDOW_MS / 1000.0
