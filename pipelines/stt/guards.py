"""Text that a recogniser invents: how it is told from what was said.

Whisper was trained on subtitles, and on silence or noise it writes what subtitles say there. Each guard looks at one
sign of it; none rejects a short answer that has speech under it. Thresholds of `no_speech` and `repeats` are those of
the original decoder (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, section 4.5).
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audio.frames import ANALYSIS_HZ, Pcm, samples_for
from audio.loudness import VOICED_RANGE_DB, WINDOW_MS, window_levels
from audio.vad import Vad
from pipelines.engines import Rejection

SILENT_DBFS = -55.0  # nothing louder than this is speech near a microphone
GATE_MS = 2_000.0  # the loudest stretch of this length is asked for a voice: there is none elsewhere if not there
VOICE_MS, VOICE = 90.0, 0.5  # so much of it must be voice, at this probability; "yes" has 150 ms
NO_SPEECH, UNSURE = 0.6, -1.0  # probability that nobody speaks, and mean log probability of a token, that go together
MOST_COMPRESSED = 2.4  # times; text that is shorter packed than so repeats itself
LONGEST_LOOP = 20  # words
REPEATS = {1: 6, 2: 4} | dict.fromkeys(range(3, LONGEST_LOOP + 1), 3)  # words, and how often in a row they are a loop
WORDS_PER_S, WORDS_AT_ONCE = 7.0, 3  # nobody speaks faster
DOUBTED_NO_SPEECH, DOUBTED = 0.3, -0.5  # what is also said by people is doubted when either is beyond it

_PHANTOMS = re.compile(
    r"(thanks?( you)?( so much| very much)? for (watching|listening|viewing|your attention)|"
    r"(please )?(like|subscribe|don't forget to)( and|,)? .*(subscribe|channel|bell)|"
    r"(please )?subscribe( to (my|our|the) channel)?|"
    r"(subtitles?|captions?|transcri(bed|ption|pt)|translat(ed|ion))( (by|provided|created|made)\b.*)|"
    r".*\b(amara\.?org|opensubtitles|esochannel|otter\.ai|rev\.com|www\.\S+|https?\S+)\b.*|"
    r"(see you|i'll see you)( guys)?( in the| next)+ (video|time|one|episode).*|"
    r"(music|applause|laughter|silence|blank.audio|inaudible|foreign|crickets chirping|static|beep(ing)?|ding)|"
    r"copyright.*|all rights reserved|to be continued|the end)"
)
"""Nothing that is said in a consultation."""

_DOUBTFUL = frozenset(
    "thank you|thank you very much|thank you so much|thanks|you|bye|bye bye|goodbye|okay|so|yeah|yes|no|oh|hmm|mm hmm|"
    "uh|um|i|the|good|right|all right|hello|hi|i'm sorry|sorry|i don't know|it's okay|good night|amen|peace|please|and|"
    "what".split("|")
)
"""What people say, and what is written into silence as well."""

_WORD = re.compile(r"[\w'.]+")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a decoder wrote, and how sure it was: probability that nobody speaks, mean log probability of a token."""

    text: str
    no_speech: float
    log_probability: float


def voice_missing(samples: Pcm, vad: Vad) -> Rejection | None:
    """Return a rejection when int16 (n,) at 16 kHz holds no voice, so that nothing need be decoded; `vad` is reset."""
    levels = window_levels(samples, ANALYSIS_HZ)
    if not len(levels) or float(levels.max()) < SILENT_DBFS:
        return Rejection("silent", "")
    length = samples_for(GATE_MS, ANALYSIS_HZ)
    if len(samples) > length:
        power = np.cumsum(10.0 ** (levels.astype(np.float64) / 10.0))
        count = round(GATE_MS / WINDOW_MS)
        first = int(np.argmax(power[count:] - power[:-count])) * samples_for(WINDOW_MS, ANALYSIS_HZ)
        samples = samples[first : first + length]
    vad.reset()
    voiced = sum(probability >= VOICE for probability in vad.process(samples))
    voiced_ms = 1000.0 * voiced * vad.window_samples / ANALYSIS_HZ
    return Rejection("no_voice", "") if voiced_ms < VOICE_MS else None


def rejection(reading: Reading, samples: Pcm) -> Rejection | None:
    """Return why this was invented, or None; `samples` is the sound, int16 (n,) at 16 kHz."""
    words = _words(reading.text)
    if not words:
        return None
    plain = " ".join(words)
    if reading.no_speech > NO_SPEECH and reading.log_probability < UNSURE:
        return Rejection("no_speech", reading.text)
    if _PHANTOMS.fullmatch(plain):
        return Rejection("phantom", reading.text)
    doubted = reading.no_speech > DOUBTED_NO_SPEECH or reading.log_probability < DOUBTED
    if doubted and plain in _DOUBTFUL:
        return Rejection("phantom", reading.text)
    if is_loop(words):
        return Rejection("repeats", reading.text)
    if len(words) > WORDS_AT_ONCE + WORDS_PER_S * _voiced_s(samples):
        return Rejection("too_fast", reading.text)
    return None


def is_loop(words: Sequence[str]) -> bool:
    """Return whether the decoder got stuck: the same few words again and again."""
    text = " ".join(words).encode()
    return len(text) / len(zlib.compress(text)) > MOST_COMPRESSED or first_repeat(words) is not None


def first_repeat(words: Sequence[str]) -> int | None:
    """Return how many words were said before a loop goes into its second round, or None."""
    for start in range(len(words)):
        for length, most in REPEATS.items():
            group = words[start : start + length]
            end = start + length * most
            if end <= len(words) and all(words[at : at + length] == group for at in range(start, end, length)):
                return start + length
    return None


def _words(text: str) -> list[str]:
    return [word.strip(".") for word in _WORD.findall(text.lower()) if word.strip(".")]


def _voiced_s(samples: Pcm) -> float:
    levels = window_levels(samples, ANALYSIS_HZ)
    if not len(levels) or math.isinf(float(levels.max())):
        return 0.0
    return float(np.count_nonzero(levels > levels.max() - VOICED_RANGE_DB)) * WINDOW_MS / 1000.0
