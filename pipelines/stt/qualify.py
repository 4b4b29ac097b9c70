"""Finds out whether a Whisper reads as well when audio is encoded at its own length as when it is padded to 30 s.

The models were trained on padded audio alone, so the faster way is earned: words, sentences and long turns spoken by
the embedded voice, and clips in which nobody speaks, are read both ways on the machine that will use the model. The
product's decoder reads, and mends what is written twice; a window that is too short shows in how often it has to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from audio.frames import ANALYSIS_HZ, WIRE_HZ, Pcm
from audio.resample import resample_whole
from pipelines.engines import DecodeRequest, EngineInfo, SpeakRequest, Voice
from pipelines.models.cache import ModelCache
from pipelines.models.devices import choose_device, choose_threads
from pipelines.stt.guards import GuardedText, rejection
from pipelines.stt.qualification import Qualification, WayFigures, write_qualification
from pipelines.stt.wer import word_errors
from pipelines.stt.whisper import WhisperDecoder
from pipelines.stt.whisper_model import AudioClip, WhisperReader
from pipelines.stt.whisper_settings import WhisperSettings
from pipelines.stt.window import WindowRule
from pipelines.tts.espeak import EspeakSynthesiser

SENTENCES = (
    "Hello, I am the nurse on this ward today.",
    "What brings you in to see us this morning?",
    "Can you show me exactly where the pain is?",
    "Are you taking any tablets at the moment?",
    "I understand that this must be very hard for you.",
    "Your blood pressure is a little higher than last time.",
    "Please take one tablet twice a day after meals.",
    "You may feel dizzy for the first few days.",
    "Do you have any questions about the operation?",
    "Come back and see me in two weeks.",
)
ANSWERS = ("Yes.", "No.", "Thank you.", "Okay.")
TURNS = ((0, 1, 2), (4, 5, 6, 7), (8, 3, 9, 6, 5))
"""Sentences that are said in one go, with a breath between: long turns of 9, 13 and 17 seconds."""

# This voice comes with the packages, so that it is there wherever a model is pulled.
VOICE = "espeak"
# A voice detector leaves so much silence before and after.
_MARGIN_MS = 200
_BREATH_MS = 400


def qualify(
    folder: Path,
    *,
    settings: WhisperSettings | None = None,
    threads: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Qualification:
    """Read everything both ways, keep what was found in the model's folder and return it; raises EngineError, OSError.

    `progress` is told how many readings are done and how many there will be.
    """
    settings = settings or WhisperSettings(model=str(folder))
    device = choose_device(settings.device, settings.compute)
    reader = WhisperReader(
        folder, device, threads=choose_threads(threads), language=settings.language, telling=settings.telling
    )
    spoken, silences = bundled(), unspoken()
    each, done = len(spoken) + len(silences), 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(done, 2 * each)

    padded, true_length = (_try(reader, rule, settings, spoken, silences, step) for rule in (None, settings.rule))
    found = Qualification(padded, true_length, len(spoken), len(silences), VOICE, settings.rule)
    write_qualification(folder, found)
    return found


def bundled() -> list[tuple[str, Pcm]]:
    """Return texts and how the embedded voice says them, int16 (n,) at 16 kHz: answers, sentences, long turns."""
    voice = EspeakSynthesiser()
    voice.warm()
    said = {(text, sex): _say(voice, text, sex) for text in (*SENTENCES, *ANSWERS) for sex in ("female", "male")}
    spoken = [(text, _framed(audio)) for (text, _), audio in said.items()]
    breath = np.zeros(_BREATH_MS * ANALYSIS_HZ // 1000, dtype=np.int16)
    for number, turn in enumerate(TURNS):
        sex = ("female", "male")[number % 2]
        parts = [part for at in turn for part in (said[SENTENCES[at], sex], breath)]
        spoken.append((" ".join(SENTENCES[at] for at in turn), _framed(np.concatenate(parts[:-1]))))
    return spoken


def unspoken() -> tuple[Pcm, ...]:
    """Return clips without speech, int16 (n,) at 16 kHz: silence, hiss, mains hum, a chord."""
    rng = np.random.default_rng(1)
    at_s = np.arange(5 * ANALYSIS_HZ) / ANALYSIS_HZ
    chord = sum(np.sin(2 * np.pi * hertz * at_s) for hertz in (220.0, 277.2, 329.6)) * np.abs(np.sin(np.pi * 2 * at_s))
    clips = (np.zeros(len(at_s)), rng.normal(size=len(at_s)), np.sin(2 * np.pi * 50.0 * at_s), chord)
    return tuple((audio / max(1.0, float(np.abs(audio).max())) * 2_000).astype(np.int16) for audio in clips)


def _try(
    reader: WhisperReader,
    rule: WindowRule | None,
    settings: WhisperSettings,
    spoken: Sequence[tuple[str, Pcm]],
    silences: Sequence[Pcm],
    step: Callable[[], None],
) -> WayFigures:
    cache = ModelCache(max_models=1, max_bytes=1 << 62)
    decoder = WhisperDecoder(
        lambda: cache.lease("tried", lambda: reader, estimate_bytes=0, unload=lambda _reader: None),
        info=EngineInfo("recogniser", "whisper", demonstration=False, isolation="thread"),
        rule=rule,
        telling=settings.telling,
        beam=settings.beam,
    )
    decoder.warm()
    decoder.decode([DecodeRequest(spoken[0][1])])  # the first reading of a length is slower
    before, began = decoder.repeats, time.perf_counter()
    errors = words = invented = 0
    for text, samples in spoken:
        (decoded,) = decoder.decode([DecodeRequest(samples)]).results
        wrong, count = word_errors(text, " ".join(word.text for word in decoded.words))
        errors, words = errors + wrong, words + count
        step()
    for samples in silences:
        invented += _invents(reader, samples, rule)
        step()
    seconds = round(time.perf_counter() - began, 3)
    repeats = decoder.repeats - before
    decoder.close()
    return WayFigures(round(errors / words, 4), invented, seconds, repeats)


def _invents(reader: WhisperReader, samples: Pcm, rule: WindowRule | None) -> bool:
    """Return whether text for a clip without speech gets past the guards; the voice detector is not asked."""
    (written,) = reader.generate(reader.encode([AudioClip(samples)], rule=rule))
    reading = GuardedText(written.text, written.no_speech, written.log_probability)
    return bool(written.text) and rejection(reading, samples) is None


def _say(voice: EspeakSynthesiser, text: str, sex: str) -> Pcm:
    request = SpeakRequest(id="qualify", text=text, voice=Voice(sex="male" if sex == "male" else "female"))
    wire = np.concatenate([chunk.samples for chunk in voice.speak(request)])
    return resample_whole(wire, from_hz=WIRE_HZ, to_hz=ANALYSIS_HZ)


def _framed(samples: Pcm) -> Pcm:
    return np.pad(samples, _MARGIN_MS * ANALYSIS_HZ // 1000)
