"""espeak-ng as a synthesiser: embedded, no download, a clause in a few milliseconds, a plain robot of a voice."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

import numpy as np

from audio.frames import WIRE_HZ
from audio.resample import resample_whole
from common.errors import EngineError
from pipelines.engines import EngineInfo, SpeakRequest, SpeechChunk, Voice
from pipelines.tts import espeak_binding
from pipelines.tts.spoken.say import joined, say, warm
from pipelines.tts.word_times import chunks, fill_starts, place

_LANGUAGES = {
    "en-us": "en-us",
    # There is no voice called en-gb: asking for it would keep the voice before.
    "en-gb": "en",
    "en-gb-scotland": "en-gb-scotland",
    "en-gb-x-rp": "en-gb-x-rp",
}
_OLD_AGE = 60
_OLDER_MAN_PITCH = 40
_PITCH = 50

# Words per minute measured on patients' sentences (of 8 to 24 words, commas and full stops included) against the
# library's own number, which is far from words per minute. Below 80, its least, gaps between words slow it further.
_MEASURED_WPM = (99.0, 105.0, 117.0, 140.0, 177.0, 207.0, 236.0, 297.0)
_AT_RATE = (80.0, 90.0, 100.0, 120.0, 150.0, 175.0, 200.0, 250.0)
_GAP_STEPS_AT_SLOWEST = ((99.0, 0.0), (85.0, 2.0), (76.0, 5.0))


class EspeakSynthesiser:
    """Speaks through this process's only espeak-ng; a lane runs it in a worker process."""

    def __init__(self) -> None:
        self.info = EngineInfo(
            kind="synthesiser",
            name="espeak",
            demonstration=True,
            isolation="process",
            detail="espeak-ng, loaded at run time; formant synthesis with exact word times",
        )

    def warm(self) -> None:
        """Load the library and speak a word; raises EngineError."""
        warm()
        espeak_binding.instance().synthesise("ready", voice="en-us", rate=150, pitch=_PITCH)

    def speak(self, request: SpeakRequest) -> Iterator[SpeechChunk]:
        """Yield the clause at 24 kHz in pieces of 200 ms; raises EngineError.

        The whole clause is made at the first step (1 ms for a second of audio), so that between steps nothing is held.
        The same request gives the same speech but for some 10 ms: the flutter of the voice goes on from one utterance
        to the next.
        """
        rate, word_gap = rate_for(request.voice.rate_wpm)
        voice, pitch = voice_for(request.voice)
        said = say(request.text, request.pronunciations)
        made = espeak_binding.instance().synthesise(
            joined(said), voice=voice, rate=rate, pitch=pitch, word_gap=word_gap
        )
        samples = resample_whole(made.samples, from_hz=made.rate_hz, to_hz=WIRE_HZ)
        words = [one.word for one in said]
        ends = list(accumulate(len(one.spoken) + 1 if one.spoken else 0 for one in said))
        starts: list[int | None] = [None] * len(words)
        for event in made.events:
            index = bisect_right(ends, event.offset)
            # "2.5" and "well-known" have several events: the first counts.
            if index < len(words) and starts[index] is None:
                starts[index] = round(event.sample * WIRE_HZ / made.rate_hz)
        yield from chunks(samples, place(words, fill_starts(starts, total=len(samples)), samples))


def voice_for(voice: Voice) -> tuple[str, int]:
    """Return espeak-ng's voice name and pitch for a persona; raises EngineError for an accent it lacks."""
    language = _LANGUAGES.get(voice.accent)
    if language is None:
        raise EngineError(f"no voice with the accent '{voice.accent}'; choose one of {', '.join(_LANGUAGES)}")
    older = voice.age >= _OLD_AGE
    if voice.sex == "female":
        return language + ("+f4" if older else "+f2"), _PITCH
    return (language + "+m8", _OLDER_MAN_PITCH) if older else (language + "+m1", _PITCH)


def rate_for(rate_wpm: int) -> tuple[int, int]:
    """Return espeak-ng's rate and word gap (10 ms units) that make about `rate_wpm` words per minute."""
    if rate_wpm >= _MEASURED_WPM[0]:
        return round(float(np.interp(rate_wpm, _MEASURED_WPM, _AT_RATE))), 0
    slow_wpm, steps = zip(*reversed(_GAP_STEPS_AT_SLOWEST), strict=True)
    return espeak_binding.MIN_RATE, round(float(np.interp(rate_wpm, slow_wpm, steps)))
