"""The ear test: lines of the cards, spoken by a voice, and read back by Whisper."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from audio.frames import ANALYSIS_HZ, WIRE_HZ, Pcm
from audio.resample import resample_whole
from bench.report_figures import Figure
from bench.voice.lines import Line, SpokenLine, speak
from pipelines.engines import DecodeRequest, SegmentDecoder, Synthesiser
from pipelines.stt.wer import word_errors
from pipelines.tts.spoken.say import joined, say


def ear_figures(
    name: str, synthesiser: Synthesiser, lines: Sequence[Line], decoder: SegmentDecoder, *, tick: Callable[[], None]
) -> tuple[list[Figure], list[SpokenLine]]:
    """Return the share of words that were read back wrongly, and what was spoken; raises EngineError."""
    spoken: list[SpokenLine] = []
    wrong = words = 0
    worst: list[tuple[int, str]] = []
    for line in lines:
        made = speak(synthesiser, line)
        spoken.append(made)
        read = read_back(decoder, resample_whole(made.samples, from_hz=WIRE_HZ, to_hz=ANALYSIS_HZ))
        errors, said = errors_of(line.text, read)
        wrong, words = wrong + errors, words + said
        worst.append((errors, f"'{line.text}' as '{read}'"))
        tick()
    note = "; ".join(text for errors, text in sorted(worst, reverse=True)[:2] if errors)
    return [Figure(f"ear_wer/{name}", wrong / words if words else None, "share", n=words, note=note)], spoken


def read_back(decoder: SegmentDecoder, samples: Pcm) -> str:
    """Return what Whisper reads of int16 mono at 16 kHz; raises EngineError."""
    decoded = decoder.decode([DecodeRequest(samples, times=False)]).results[0]
    return " ".join(word.text for word in decoded.words)


def errors_of(reference: str, read: str) -> tuple[int, int]:
    """Return the words that are wrong and that were said, figures and abbreviations of both as people say them."""
    return word_errors(joined(say(reference)), joined(say(read)))
