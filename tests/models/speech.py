"""What the proof recogniser is taught: every fixture sentence with the times of its words, and clips without speech.

Word times come from the phones that flite reports, laid along each word's pronunciation; a sentence that is cut off
somewhere can therefore be given exactly the words that were finished.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio.frames import ANALYSIS_HZ, WIRE_HZ, to_float, to_pcm
from audio.resample import resample_whole
from pipelines.engines import SpeakRequest, Voice
from pipelines.patient.card_library import CardLibrary
from pipelines.truth import load_truth
from pipelines.tts.espeak import EspeakSynthesiser
from pipelines.tts.flite import Phone, align
from pipelines.tts.word_times import fill_starts, place, tokens
from tests.data import make_fixtures, make_interruptions, make_pauses
from tests.data.make_fixtures import FixturePlan
from tests.data.making import resample

Samples = NDArray[np.float32]

HERE = Path(__file__).parent
DATA = HERE.parent / "data"
CARDS = HERE.parents[1] / "configs" / "cards"
VOICES = ("rms", "slt", "awb")
STRETCHES = (0.95, 1.05, 1.15, 1.25)
# This is about the pace that the product asks of its synthesisers unless told otherwise.
SLOW_STRETCHES = (1.35, 1.5)
SPELT_ANSWERS = ("Yes.", "No.", "Thank you.", "Okay.", "Right.", "I see.")
ANSWERS = (*SPELT_ANSWERS, "Mhm.")
_MHM = "pau m hh m m pau"  # flite would spell it
_WINDOW_S = 27.0


@dataclass(frozen=True, slots=True)
class Heard:
    """A word with its times in seconds from the start of its audio."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """Speech of one or more pieces: `samples` float32 at 16 kHz, the words of each piece, where they came from."""

    samples: Samples
    pieces: tuple[tuple[Heard, ...], ...]
    source: str

    @property
    def text(self) -> str:
        """All words as written."""
        return " ".join(word.text for piece in self.pieces for word in piece)

    @property
    def span_s(self) -> tuple[float, float]:
        """Where the first word starts and the last one ends."""
        return self.pieces[0][0].start_s, self.pieces[-1][-1].end_s


def plans() -> list[FixturePlan]:
    """Return the plans of all recordings with speech."""
    return [plan for plan in (*make_fixtures.read_plans(), *make_fixtures.read_plans(make_pauses.PLAN)) if plan.turns]


def recorded(name: str) -> Path:
    """Return where a recording lies."""
    path = DATA / name
    return path if path.exists() else DATA / "pauses" / name


def bundled() -> list[str]:
    """Return the sentences that are read to qualify a model."""
    return (HERE / "sentences.txt").read_text(encoding="utf-8").splitlines()


def vocabularies() -> dict[str, tuple[str, ...]]:
    """Return each card's names and drugs as a session gives them to the recogniser."""
    return {name: (*card.vocabulary, card.patient.name) for name, card in CardLibrary.load(CARDS).items()}


def texts() -> list[tuple[str, ...]]:
    """Return every turn to be known, in its pieces; each piece is also heard alone."""
    turns = [turn.pieces for plan in plans() for turn in plan.turns]
    single = [(text,) for text in (*bundled(), *ANSWERS, *make_interruptions.FLOOR)]
    return list(dict.fromkeys([*turns, *single]))


def speak(text: str, voice: str, stretch: float) -> Said:
    """Return one piece spoken by flite, with the times of its words."""
    program = shutil.which("flite")
    if program is None:
        raise SystemExit("flite is not installed, and the speech comes from it: apt-get install flite")
    words = tokens(text)
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        said = ["-p", _MHM] if text == "Mhm." else ["-t", text]
        command = [program, "-voice", voice, "--setf", f"duration_stretch={stretch}", "-psdur", *said, "-o", str(wav)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        spoken, rate_hz = soundfile.read(wav, dtype="float64")
    phones, line_s = [], 0.0
    for line in done.stdout.splitlines():  # one line a sentence, times from its start
        start_s = line_s
        for entry in line.split():
            name, _, end = entry.rpartition(":")
            if re.fullmatch(r"[\d.]+", end):
                phones.append(Phone(name, start_s))
                start_s = line_s + float(end)
        line_s = start_s
    samples = np.asarray(spoken, dtype=np.float64)
    wire = to_pcm(resample(samples, rate_hz, WIRE_HZ))
    starts = [None if start is None else round(start * WIRE_HZ) for start in align(words, tuple(phones))]
    placed = place(words, fill_starts(starts, total=len(wire)), wire)
    heard = tuple(Heard(word.text, word.start_ms / 1000, word.end_ms / 1000) for word in placed)
    audio = resample(samples, rate_hz, ANALYSIS_HZ)
    return Said(samples=np.asarray(audio, dtype=np.float32), pieces=(heard,), source=f"flite {voice} {stretch}")


def spoken() -> list[Said]:
    """Return every piece by every voice at several speeds; takes a minute."""
    pieces = list(dict.fromkeys(piece for turn in texts() for piece in turn))
    asked = [(text, voice, stretch) for text in pieces for voice in VOICES for stretch in STRETCHES]
    slow = [text for text in (*bundled(), *ANSWERS) if text in pieces]
    asked += [(text, voice, stretch) for text in slow for voice in VOICES for stretch in SLOW_STRETCHES]
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda one: speak(*one), asked))


def by_espeak() -> list[Said]:
    """Return the bundled sentences and short answers by the embedded synthesiser, which every machine has."""
    synthesiser = EspeakSynthesiser()
    found = []
    for text in (*bundled(), *SPELT_ANSWERS):
        for sex, accent in product(("female", "male"), ("en-us", "en-gb")):
            for rate_wpm in (115, 130, 150):
                voice = Voice(sex=sex, accent=accent, rate_wpm=rate_wpm)  # type: ignore[arg-type]
                chunks = list(synthesiser.speak(SpeakRequest(id="", text=text, voice=voice)))
                wire = np.concatenate([chunk.samples for chunk in chunks])
                words = tuple(
                    Heard(word.text, word.start_ms / 1000, word.end_ms / 1000)
                    for chunk in chunks
                    for word in chunk.words
                )
                samples = to_float(resample_whole(wire, from_hz=WIRE_HZ, to_hz=ANALYSIS_HZ))
                found.append(Said(samples=samples, pieces=(words,), source=f"espeak {sex} {accent} {rate_wpm}"))
    return found


def from_recordings() -> list[Said]:
    """Return every turn of the committed recordings, whole and in its pieces, with a little of what lies around it."""
    found: list[Said] = []
    for plan in plans():
        samples = read(recorded(plan.name), speech_in=plan.speech_in)
        truth = load_truth(recorded(plan.name))
        if truth is None:
            raise SystemExit(f"{plan.name} has no truth file; make the fixtures again")
        for planned, turn in zip(plan.turns, truth.turns, strict=True):
            timed = []
            for segment in turn.segments:
                piece = speak(segment.text, planned.voice, planned.stretch)
                offset_s = segment.from_ms / 1000 - piece.span_s[0]
                # A pause that was put into a whole sentence leaves its pieces a little longer or shorter.
                scale = segment.duration_ms / 1000 / (piece.span_s[1] - piece.span_s[0])
                timed.append(_moved(piece.pieces[0], from_s=piece.span_s[0], by_s=offset_s, scale=scale))
            found += [_cut(samples, (piece,), source=plan.name) for piece in timed]
            found += [_cut(samples, stretch, source=plan.name) for stretch in _stretches(timed)]
            # What is heard of a long turn once its beginning was let go: the word before may still ring.
            found += [
                _cut(samples, stretch, source=plan.name, after_s=before[-1].end_s - 0.1)
                for number, before in enumerate(timed[:-1], start=1)
                for stretch in _stretches(timed[number:])[-1:]
            ]
    for path in sorted((DATA / "interruptions").glob("floor-*.flac")):
        number = int(path.stem.removeprefix("floor-")) - 1
        found.append(_whole(path, make_interruptions.FLOOR[number]))
    for path in sorted((DATA / "interruptions").glob("backchannel-*.flac")):
        word = re.sub(r"^backchannel-|-[a-z0-9]+$", "", path.stem).replace("i-see", "I see")
        found.append(_whole(path, word.capitalize() + "." if word != "I see" else "I see."))
    return found


def noises() -> list[Samples]:
    """Return the committed clips without speech."""
    paths = [DATA / "silence.flac", DATA / "noise.flac", DATA / "cough.flac"]
    return [read(path) for path in (*paths, *sorted((DATA / "interruptions").glob("noise-*.flac")))]


def read(path: Path, *, speech_in: str = "mono") -> Samples:
    """Return a recording at 16 kHz, of a stereo one the channel with speech."""
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples[:, 1 if speech_in == "right" else 0]
    return np.asarray(resample(mono.astype(np.float64), rate_hz, ANALYSIS_HZ), dtype=np.float32)


def _whole(path: Path, text: str) -> Said:
    samples = read(path)
    voice = next((voice for voice in VOICES if path.stem.endswith(voice)), "rms")
    piece = speak(text, voice, 1.0)
    first_s, last_s = 0.02, len(samples) / ANALYSIS_HZ - 0.02
    scale = (last_s - first_s) / (piece.span_s[1] - piece.span_s[0])
    words = _moved(piece.pieces[0], from_s=piece.span_s[0], by_s=first_s - piece.span_s[0], scale=scale)
    return Said(samples=samples, pieces=(words,), source=path.name)


def _moved(words: tuple[Heard, ...], *, from_s: float, by_s: float, scale: float) -> tuple[Heard, ...]:
    def at(time_s: float) -> float:
        return from_s + by_s + (time_s - from_s) * scale

    return tuple(Heard(word.text, at(word.start_s), at(word.end_s)) for word in words)


def _stretches(pieces: list[tuple[Heard, ...]]) -> list[tuple[tuple[Heard, ...], ...]]:
    """Return several pieces in a row from the first on: all, or as many as a window holds and fewer."""
    fits = [end for end in range(2, len(pieces) + 1) if pieces[end - 1][-1].end_s - pieces[0][0].start_s < _WINDOW_S]
    wanted = fits if fits and fits[-1] < len(pieces) else fits[-1:]
    return [tuple(pieces[:end]) for end in wanted]


def _cut(samples: Samples, pieces: tuple[tuple[Heard, ...], ...], *, source: str, after_s: float | None = None) -> Said:
    """Return the stretch of a recording with these pieces; what was said before and after is left out."""
    begin = max(0, round((pieces[0][0].start_s - 0.1 if after_s is None else after_s) * ANALYSIS_HZ))
    end = round((pieces[-1][-1].end_s + 0.15) * ANALYSIS_HZ)
    by_s = -begin / ANALYSIS_HZ
    moved = tuple(_moved(piece, from_s=0.0, by_s=by_s, scale=1.0) for piece in pieces)
    return Said(samples=samples[begin:end], pieces=moved, source=source)


def words_of(said: Said) -> Iterator[tuple[Heard, bool]]:
    """Yield the words in order, and whether each is the last of its piece."""
    for piece in said.pieces:
        for number, word in enumerate(piece, start=1):
            yield word, number == len(piece)
