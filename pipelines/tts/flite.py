"""flite as a synthesiser: Debian's small concatenative voices, where the system has them.

Each clause is one run of the executable (10 to 60 ms). Text goes through a file, never through the command line, so
nothing a patient says can be taken for an option.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import tempfile
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
from rapidfuzz.distance import Levenshtein

from audio.frames import WIRE_HZ, Pcm
from audio.resample import resample_whole
from common.errors import EngineError
from pipelines.engines import EngineInfo, SpeakRequest, SpeechChunk, Voice
from pipelines.stt.phones import pronounce
from pipelines.tts.spoken.say import joined, say, warm
from pipelines.tts.word_times import Token, chunks, fill_starts, place, trim

_EXECUTABLE = "flite"
_VOICES = {"male": "rms", "female": "slt"}
# These rates were measured at stretch 1 on patients' sentences, commas included.
_NATURAL_WPM = {"rms": 175.0, "slt": 193.0}
_TIMEOUT_S = 10.0  # a minute of speech takes a quarter of a second
_PAUSE = "pau"
_ASCII = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "£": " pounds "})
_SAME_AUDIO = {"ax": "AH", "axr": "ER", "ix": "IH", "el": "AH", "em": "M", "en": "N"}


def available() -> bool:
    """Return whether the executable is installed."""
    return shutil.which(_EXECUTABLE) is not None


class FliteSynthesiser:
    """Speaks by running flite once per clause; a lane may run it in threads, several at a time."""

    def __init__(self) -> None:
        self.info = EngineInfo(
            kind="synthesiser",
            name="flite",
            demonstration=True,
            isolation="thread",
            detail="flite, American voices rms and slt; word times aligned from its phone times",
        )

    def warm(self) -> None:
        """Speak a word; raises EngineError when flite isn't installed or has not the voices."""
        warm()
        for voice in _VOICES.values():
            _run("ready", voice=voice, stretch=1.0)

    def speak(self, request: SpeakRequest) -> Iterator[SpeechChunk]:
        """Yield the clause at 24 kHz in pieces of 200 ms, silence around it trimmed; raises EngineError."""
        said = say(request.text, request.pronunciations)
        if not joined(said):
            yield from chunks(np.zeros(0, dtype=np.int16), ())
            return
        voice = _VOICES[request.voice.sex]
        words = [one.word for one in said]
        spoken = _run(_plain(joined(said)), voice=voice, stretch=stretch_for(request.voice))
        heard = tuple(replace(one.word, text=one.spoken) for one in said)
        known = [None if start is None else round(start * WIRE_HZ) for start in align(heard, spoken.phones)]
        samples, starts = trim(spoken.samples, known)
        yield from chunks(samples, place(words, fill_starts(starts, total=len(samples)), samples))


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone as flite made it, with its start in seconds."""

    name: str
    start_s: float


@dataclass(frozen=True, slots=True, eq=False)
class _Spoken:
    samples: Pcm
    phones: tuple[Phone, ...]


def stretch_for(voice: Voice) -> float:
    """Return flite's duration stretch that makes about `voice.rate_wpm` words per minute."""
    return round(_NATURAL_WPM[_VOICES[voice.sex]] / voice.rate_wpm, 3)


def align(words: tuple[Token, ...], phones: tuple[Phone, ...]) -> list[float | None]:
    """Return each word's start in seconds, None where nothing tells it; `words` are those that were spoken.

    flite prints which phones it made but not of which word, so each word's own pronunciation is laid along them by
    edit distance; pauses are left out, they belong to no word.
    """
    made = [phone for phone in phones if phone.name != _PAUSE]
    expected: list[str] = []
    firsts: list[int] = []
    for word in words:
        firsts.append(len(expected))
        expected += next(iter(_pronunciations(word.text)), ())
    heard = [_SAME_AUDIO.get(phone.name, phone.name.upper()) for phone in made]
    place_of: dict[int, int] = {}
    for block in Levenshtein.opcodes(expected, heard):
        length = min(block.src_end - block.src_start, block.dest_end - block.dest_start)
        place_of.update({block.src_start + step: block.dest_start + step for step in range(length)})
    ends = [*firsts[1:], len(expected)]
    starts: list[float | None] = []
    for first, end in zip(firsts, ends, strict=True):
        at = next((place_of[index] - (index - first) for index in range(first, end) if index in place_of), None)
        starts.append(made[max(0, at)].start_s if at is not None else None)
    return starts


def _pronunciations(text: str) -> tuple[tuple[str, ...], ...]:
    try:
        return pronounce(text)
    except EngineError:  # espeak-ng removed: words are then spread evenly
        return ()


def _plain(text: str) -> str:
    """Return `text` in the ASCII that flite reads, on one line: a line break would be the end of a sentence."""
    letters = unicodedata.normalize("NFKD", text.translate(_ASCII))
    return " ".join("".join(mark for mark in letters if mark.isascii() and (mark.isprintable() or mark == " ")).split())


def _run(text: str, *, voice: str, stretch: float) -> _Spoken:
    executable = shutil.which(_EXECUTABLE)
    if executable is None:
        raise EngineError("flite is not installed; install the system package 'flite' or choose another synthesiser")
    if not math.isfinite(stretch) or stretch <= 0:
        raise EngineError("flite can't speak at that rate; choose a rate between 90 and 200 words per minute")
    with tempfile.TemporaryDirectory(prefix="interlocutor-") as folder:
        source, target = Path(folder, "text"), Path(folder, "sound.wav")
        source.write_text(text + "\n", encoding="ascii")
        command = [executable, "-voice", voice, "--setf", f"duration_stretch={stretch}", "-psdur"]
        try:
            # The options are fixed, there is no shell, and the text is in a file.
            done = subprocess.run(  # noqa: S603
                [*command, "-f", str(source), "-o", str(target)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=True,
            )
            samples, rate_hz = soundfile.read(target, dtype="int16", always_2d=True)
        except (OSError, subprocess.SubprocessError, soundfile.SoundFileError) as error:
            raise EngineError("flite failed to speak the text; try again or choose another synthesiser") from error
    mono: Pcm = samples[:, 0].astype(np.int16, copy=False)
    wire = resample_whole(mono, from_hz=rate_hz, to_hz=WIRE_HZ)
    return _Spoken(samples=wire, phones=_phones(done.stdout.decode("ascii", "replace")))


def _phones(printed: str) -> tuple[Phone, ...]:
    """Return the phones of flite's report: one line a sentence, `name:end` in seconds from the sentence's start."""
    found: list[Phone] = []
    offset_s = 0.0
    for line in printed.splitlines():
        start_s = offset_s
        for entry in line.split():
            name, _, end = entry.rpartition(":")
            try:
                end_s = offset_s + float(end)
            except ValueError:
                continue
            found.append(Phone(name, start_s))
            start_s = end_s
        offset_s = start_s
    return tuple(found)
